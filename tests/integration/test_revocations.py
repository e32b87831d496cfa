"""The admin route that revokes access tokens."""

import asyncio
import time
from typing import Any

import orjson
import pytest

from shared.edge.revocations import KINDS, Revocation
from shared.observing import metrics
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.log_lines import heard
from tests.fixtures.openapi import Described
from tests.fixtures.redis_server import RedisServer

PATH, KEY = "/api/revocations", "bff:revocations"
TOKEN = "a-secret-token"
AWAY = "redis://127.0.0.1:1/0"
SOON = 20.0
GOOD: list[dict[str, Any]] = [
    {"jti": "a"},
    {"sub": "user1"},
    {"sub": "user1", "not_before": 0},
    {"sub": "user1", "not_before": 1_796_000_000.5},
    {"sub": "ü 1|" * 64},
]
ODD_INSTANTS: list[Any] = [None, True, "1", -1, 1_796_000_000_000, []]
BAD: list[Any] = [
    *({}, [], None, "jti", {"jti": None}, {"jti": ""}, {"jti": 1}, {"jti": "a" * 257}, {"sub": "a\n"}, {"sub": "\x7f"}),
    *({"jti": "a", "sub": "a"}, {"jti": "a", "not_before": 1}, {"not_before": 1}, {"jti": "a", "more": 1}),
    *({"sub": "a", "not_before": odd} for odd in ODD_INSTANTS),
]


async def revoke(gateway: Gateway, body: Any, authorization: str | None = f"Bearer {TOKEN}") -> Any:
    """The answer to it."""
    headers = {} if authorization is None else {"Authorization": authorization}
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return await gateway.client.post(PATH, content=data, headers=headers)


def known() -> float:
    """How many revocations the gateway knows of."""
    return sum(float(metrics.auth_revocations_known.labels(kind)._value.get()) for kind in KINDS)


async def described(gateway: Gateway) -> Described:
    """The document of this gateway."""
    return Described((await gateway.get("/openapi.json")).json())


@pytest.mark.parametrize("body", GOOD, ids=range(len(GOOD)))
async def test_what_is_asked_for_is_revoked(start_gateway: StartGateway, body: Any) -> None:
    """204, known from now on, and the log names nobody."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    assert known() == 0
    lines: list[bytes] = []
    with heard(lines.append):
        answer = await revoke(gateway, body)
    assert answer.status_code == 204
    assert known() == 1
    (await described(gateway)).assert_tells_of("POST", PATH, answer)
    (line,) = (line for line in lines if b"tokens revoked" in line)
    assert orjson.loads(line)["by"] in body
    assert not any(str(claim).encode() in b"".join(lines) for claim in body.values() if len(str(claim)) > 1)


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
async def test_anything_else_is_refused(start_gateway: StartGateway, body: Any) -> None:
    """By the rules that the document has, and nothing is revoked."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    answer = await revoke(gateway, body)
    assert answer.status_code == 422
    document = await described(gateway)
    document.assert_tells_of("POST", PATH, answer)
    schema = document.document["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]["schema"]
    with pytest.raises(AssertionError):
        document.assert_fits(schema, body, "it is bad")
    for good in GOOD:
        document.assert_fits(schema, good, "it is good")
    assert known() == 0


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"sub": "a", "not_before": NaN}', b'{"jti": "\\ud800"}'])
async def test_what_is_no_json_is_400(start_gateway: StartGateway, body: bytes) -> None:
    """It is not even wrong."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    answer = await revoke(gateway, body)
    assert answer.status_code == 400
    (await described(gateway)).assert_tells_of("POST", PATH, answer)


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {TOKEN}"])
async def test_another_token_is_refused(start_gateway: StartGateway, authorization: str | None) -> None:
    """Before the body is looked at."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN, AUTH="off")
    for body in ({"jti": "a"}, b"{"):
        answer = await revoke(gateway, body, authorization)
        assert (answer.status_code, answer.headers["www-authenticate"].split()[0]) == (401, "Bearer")
    assert known() == 0


async def test_without_a_configured_token_there_is_no_such_route(start_gateway: StartGateway) -> None:
    """Nobody learns that there could be one."""
    assert (await revoke(await start_gateway(AUTH="off"), {"jti": "a"})).status_code == 404


async def test_the_index_tells_of_it(start_gateway: StartGateway) -> None:
    """Beside the other admin routes."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    assert (await gateway.get("/")).json()["admin"]["revoke"] == {"method": "POST", "path": PATH}


async def test_while_redis_is_away_it_says_that_others_were_not_told(start_gateway: StartGateway) -> None:
    """503 with Retry-After; here it is revoked."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN, REDIS_URL=AWAY)
    answer = await revoke(gateway, {"jti": "a"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    (await described(gateway)).assert_tells_of("POST", PATH, answer)
    assert known() == 1


async def test_when_redis_is_back_it_is_told(start_gateway: StartGateway, redis_server: RedisServer) -> None:
    """By itself: as a hash, with an end that is as far away as is set."""
    redis_server.kill()
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN, REDIS_URL=redis_server.url, AUTH_REVOCATION_SECONDS="1000")
    assert (await revoke(gateway, {"sub": "user1", "not_before": 5})).status_code == 503
    redis_server.start()
    with redis_server.client() as client:
        async with asyncio.timeout(SOON):
            while not client.exists(KEY):
                await asyncio.sleep(0.005)
        found: Any = client.xrange(KEY)
    ((_, fields),) = found
    told = Revocation.from_bytes(fields[b"r"])
    assert told == Revocation.of_subject("user1", 5, told.until)
    assert told.until == pytest.approx(time.time() + 1000, abs=900)
    assert b"user1" not in fields[b"r"]


async def test_what_others_have_revoked_is_known(start_gateway: StartGateway, redis_server: RedisServer) -> None:
    """From the first request on where it was there before, and as soon as it is told."""
    until = time.time() + 1000
    with redis_server.client() as client:
        for name in "ab":
            record = Revocation.of_token(name, until).to_bytes()
            if name == "a":
                client.execute_command("XADD", KEY, "*", "r", record)
                await start_gateway(ADMIN_TOKEN=TOKEN, REDIS_URL=redis_server.url)
            else:
                client.execute_command("XADD", KEY, "*", "r", record)
            async with asyncio.timeout(SOON):
                while known() < 1 + (name == "b"):
                    await asyncio.sleep(0.001)

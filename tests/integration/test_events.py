"""Services tell what has changed, by POST and in Redis, and whoever asks then is shown what is."""

import asyncio
import hashlib
import hmac
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.errors import Unreachable
from shared.observing import metrics
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer
from tests.fixtures.log_lines import heard
from tests.fixtures.openapi import Described
from tests.fixtures.redis_server import RedisServer

PATH, PROFILE, STREAM = "/api/events", "/api/profile/user1", "bff:events"
ADMIN, TOKEN, KEY = "a-secret-token", "the-token-of-events", "a-key-to-sign-with"
STRUCTURED, BATCHED = "application/cloudevents+json", "application/cloudevents-batch+json"
AWAY = "redis://127.0.0.1:1/0"
SOON = 20.0
WAYS = {
    "admin": ({"ADMIN_TOKEN": ADMIN}, ADMIN),
    "token": ({"EVENTS_TOKEN": TOKEN}, TOKEN),
    "token beside admin": ({"EVENTS_TOKEN": TOKEN, "ADMIN_TOKEN": ADMIN}, TOKEN),
    "admin beside token": ({"EVENTS_TOKEN": TOKEN, "ADMIN_TOKEN": ADMIN}, ADMIN),
}
_numbers = itertools.count()


def event(kind: str = "user", subject: str | None = "user1", **more: object) -> dict[str, Any]:
    """One that has not been before."""
    told = f"com.example.{kind}.{'placed' if kind == 'order' else 'changed'}.v1"
    event: dict[str, Any] = {"specversion": "1.0", "id": f"e{next(_numbers)}", "source": "/test", "type": told}
    return event | ({} if subject is None else {"subject": subject}) | more


ORDER = {"data": {"user_id": "user1"}}


async def tell(gateway: Gateway, body: object, content_type: str = STRUCTURED, **headers: str) -> Any:
    """The answer to it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = {"Authorization": f"Bearer {ADMIN}", "Content-Type": content_type}
    head |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.client.post(PATH, content=data, headers={name: value for name, value in head.items() if value})


async def is_cached(gateway: Gateway, path: str = PROFILE) -> bool:
    """Whether it has been given out of a cache."""
    answer = await gateway.get(path)
    assert answer.status_code == 200
    cached: bool = answer.json()["metadata"]["cached"]
    return cached


async def described(gateway: Gateway) -> Described:
    """The document of this gateway."""
    return Described((await gateway.get("/openapi.json")).json())


@pytest.mark.parametrize(
    "told", [("user", "user1", {}), ("product", "p1", {}), ("order", "order9", ORDER)], ids=lambda told: told[0]
)
@pytest.mark.parametrize("mode", ["structured", "batched", "binary"])
async def test_what_has_changed_is_asked_for_again(start_gateway: StartGateway, told: Any, mode: str) -> None:
    """In each mode; another event of that type leaves it alone, and the same one once more changes nothing."""
    gateway = await start_gateway(ADMIN_TOKEN=ADMIN)
    document = await described(gateway)
    kind, subject, more = told
    of_another = event(kind, "another", data={"user_id": "user2"})
    for one, outdates, taken in (
        (of_another, False, 1),
        (change := event(kind, subject, **more), True, 1),
        (change, False, 0),
    ):
        await gateway.get(PROFILE)
        assert await is_cached(gateway)
        if mode == "binary":
            fields = {f"ce_{name}": value for name, value in one.items() if name != "data"}
            data = json.dumps(one["data"]).encode() if "data" in one else b""
            answer = await tell(gateway, data, "application/json", **fields)
        else:
            answer = await tell(gateway, *((one, STRUCTURED) if mode == "structured" else ([one], BATCHED)))
        assert (answer.status_code, answer.json()) == (202, {"taken": taken, "ignored": 1 - taken})
        assert answer.headers["cache-control"] == "no-store"
        document.assert_tells_of("POST", PATH, answer)
        assert await is_cached(gateway) is not outdates


async def test_what_is_outdated_may_stand_in(start_gateway: StartGateway) -> None:
    """When its service cannot answer: an event does not say that anything is to be forgotten."""
    gateway = await start_gateway(ADMIN_TOKEN=ADMIN)
    await gateway.get(PROFILE)
    gateway.services.failures["users"] = Unreachable("down")
    assert (await tell(gateway, event())).status_code == 202
    assert (await gateway.get(PROFILE)).json()["metadata"]["parts"]["user"]["status"] == "stale"


async def test_of_a_batch_the_good_ones_are_taken(start_gateway: StartGateway) -> None:
    """The log has a few lines about the others, and nothing of what they say."""
    gateway = await start_gateway(ADMIN_TOKEN=ADMIN)
    await gateway.get(PROFILE)
    odd: list[Any] = [*(event("secretly") for _ in range(100)), {"id": "secret"}, 1, None, event(subject=None)]
    lines: list[bytes] = []
    with heard(lines.append):
        answer = await tell(gateway, [*odd[:50], change := event(), *odd[50:], change], BATCHED)
    assert answer.json() == {"taken": 1, "ignored": len(odd) + 1}
    assert not await is_cached(gateway)
    assert 1 <= sum(b"event not taken" in line for line in lines) <= 15
    assert not any(b"secret" in line for line in lines if b"event not taken" in line)
    assert (await tell(gateway, [], BATCHED)).json() == {"taken": 0, "ignored": 0}
    assert (await tell(gateway, event("unknown"))).json() == {"taken": 0, "ignored": 1}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        *((body, STRUCTURED, 400) for body in (b"", b"{", {}, [event()], event(id=""), event(time="now"))),
        *((body, BATCHED, 400) for body in (b"", b"{", event(), [1] * 1001)),
        (event(subject=None), STRUCTURED, 400),
        (event("order", data={}), STRUCTURED, 400),
        (event(), "application/json", 415),
        (event(), "application/cloudevents+avro", 415),
        (event(), "", 415),
        (event(data="x" * 70_000), STRUCTURED, 413),
    ],
    ids=range(16),
)
async def test_what_is_no_event_is_refused(
    start_gateway: StartGateway, body: object, content_type: str, status: int
) -> None:
    """As a problem that says why, and nothing is outdated."""
    gateway = await start_gateway(ADMIN_TOKEN=ADMIN)
    await gateway.get(PROFILE)
    answer = await tell(gateway, body, content_type)
    assert answer.status_code == status
    (await described(gateway)).assert_tells_of("POST", PATH, answer)
    if status == 415:
        assert answer.headers["accept"] == f"{STRUCTURED}, {BATCHED}"
    assert await is_cached(gateway)


@pytest.mark.parametrize(("settings", "token"), WAYS.values(), ids=WAYS)
async def test_who_shows_a_token_is_let_in(
    start_gateway: StartGateway, settings: Mapping[str, str], token: str
) -> None:
    """That of events does nothing else; any other is refused."""
    gateway = await start_gateway(AUTH="off", **settings)
    for authorization, status in ((f"bearer {token}", 202), ("Bearer another-token", 401), ("", 401), ("Bearer", 400)):
        answer = await tell(gateway, event(), Authorization=authorization)
        assert answer.status_code == status
        (await described(gateway)).assert_tells_of("POST", PATH, answer)
    purge = await gateway.client.delete("/api/cache", headers={"Authorization": f"Bearer {token}"})
    assert purge.status_code == {TOKEN: 404 if "ADMIN_TOKEN" not in settings else 401, ADMIN: 204}[token]


async def test_whoever_signs_is_let_in(start_gateway: StartGateway) -> None:
    """What was signed is what has come; by another key, another way, or twice, it is not."""
    gateway = await start_gateway(AUTH="off", EVENTS_HMAC_KEY=KEY)
    body = json.dumps(event()).encode()
    good = "sha256=" + hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    other = "sha256=" + hmac.new(b"another-key", body, hashlib.sha256).hexdigest()
    odd = [other, good.upper(), good[:-1], good[7:], "sha1=" + "0" * 40, "sha256=", ""]
    for signature, sent, status in [*((one, body, 401) for one in odd), (good, body + b" ", 401), (good, body, 202)]:
        answer = await tell(gateway, sent, Authorization="", X_Hub_Signature_256=signature)
        assert answer.status_code == status
        (await described(gateway)).assert_tells_of("POST", PATH, answer)
    head = [("X-Hub-Signature-256", good), ("X-Hub-Signature-256", good), ("Content-Type", STRUCTURED)]
    assert (await gateway.client.post(PATH, content=body, headers=head)).status_code == 401


async def test_where_tokens_are_asked_for_a_scope_lets_in(
    start_gateway: StartGateway, issuer: Issuer, tmp_path: Path
) -> None:
    """``events:write``, or the token of events; without either 403 or 401."""
    (tmp_path / "jwks.json").write_bytes(issuer.key_set())
    asking = {"AUTH": "jwt", "AUTH_JWKS_FILE": str(tmp_path / "jwks.json"), "AUTH_ISSUER": ISSUER}
    gateway = await start_gateway(EVENTS_TOKEN=TOKEN, AUTH_AUDIENCE=AUDIENCE, RATE_LIMIT_ADDRESS="1000/60", **asking)
    shown = [(issuer.token("shop", scope="events:write"), 202), (issuer.token("shop", scope="cache:purge"), 403)]
    for token, status in (*shown, (TOKEN, 202), ("garbage", 401)):
        answer = await tell(gateway, event(), Authorization=f"Bearer {token}")
        assert answer.status_code == status


async def test_where_nobody_can_be_let_in_there_is_no_such_route(start_gateway: StartGateway) -> None:
    """Nobody learns that there could be one; else the index tells of it."""
    assert (await tell(await start_gateway(AUTH="off"), event())).status_code == 404
    index = (await (await start_gateway(AUTH="off", EVENTS_TOKEN=TOKEN)).get("/")).json()
    assert index["admin"] == {"tell": {"method": "POST", "path": PATH}}


async def test_what_did_not_reach_all_is_to_be_sent_again(
    start_gateway: StartGateway, redis_server: RedisServer
) -> None:
    """503 while Redis is away, outdated here all the same; sent again when it is back, it is taken."""
    gateway = await start_gateway(ADMIN_TOKEN=ADMIN, REDIS_URL=redis_server.url)
    redis_server.kill()
    change = event()
    async with asyncio.timeout(SOON):
        while (answer := await tell(gateway, change)).status_code == 202:
            change = event()
            await asyncio.sleep(0.01)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    (await described(gateway)).assert_tells_of("POST", PATH, answer)
    redis_server.start()
    async with asyncio.timeout(SOON):
        while (answer := await tell(gateway, change)).status_code == 503:
            await asyncio.sleep(0.01)
    assert answer.json() == {"taken": 1, "ignored": 0}
    assert (await tell(gateway, change)).json() == {"taken": 0, "ignored": 1}


@pytest.mark.parametrize("stream", [STREAM, "elsewhere"])
async def test_what_stands_in_redis_is_taken(
    start_gateway: StartGateway, redis_server: RedisServer, stream: str
) -> None:
    """Garbage around it is counted; posted as well, it is a repetition."""
    gateway = await start_gateway(ADMIN_TOKEN=ADMIN, REDIS_URL=redis_server.url, EVENTS_STREAM=stream)
    malformed = metrics.events.labels("other", "malformed")
    before = malformed._value.get()
    with redis_server.client() as client:
        await gateway.get(PROFILE)
        assert await is_cached(gateway)
        for fields in ({"event": "{"}, {"x": "1"}, {"event": json.dumps(change := event())}):
            client.xadd(stream, fields)
        async with asyncio.timeout(SOON):
            while await is_cached(gateway):
                await asyncio.sleep(0.001)
    assert malformed._value.get() == before + 2
    assert (await tell(gateway, change)).json() == {"taken": 0, "ignored": 1}

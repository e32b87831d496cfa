"""The issuer's keys change, go away and come back, and so does the issuer, while clients go on asking."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

import orjson
import pytest

from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import StartGateway
from tests.fixtures.issuer import Issuer, KeyServer, signing_key
from tests.kit.wire import Wire

KEYS: Final = {name: signing_key(f"of-{name}", "ES256") for name in ("first", "second", "third")}
STRANGER: Final = signing_key("of-nobody", "ES256")
SOON: Final = {"AUTH_JWKS_SECONDS": "1", "AUTH_JWKS_COOLDOWN_SECONDS": "1", "CACHE_TTL_SECONDS": "600"}
ADMIN: Final = "the-admin-token-of-these-tests"
_CONNECTIONS: Final = 3


def _asked(token: str | None, method: str = "GET", path: str = "/api/profile/user1") -> bytes:
    shown = "" if token is None else f"Authorization: Bearer {token}\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{shown}\r\n".encode()


def _tokens(issuer: Issuer) -> dict[str, str]:
    """One by each key, and by one that is never published."""
    keys = {**KEYS, "nobody": STRANGER}
    return {name: issuer.token("user1", key=key, scope="profile:read") for name, key in keys.items()}


@dataclass
class Load:
    """Clients that never stop asking, by every token in turn.

    Attributes:
        allowed: the statuses that a token may be answered with at the moment.
        got: how often each was answered with which.
        wrong: what was answered with another.
    """

    port: int
    tokens: Mapping[str, str]
    allowed: Mapping[str, set[int]]
    got: "Counter[tuple[str, int]]" = field(default_factory=Counter)
    wrong: list[tuple[str, int, set[int]]] = field(default_factory=list)
    is_over: bool = False

    async def run(self, names: Sequence[str], *, at_once: int) -> None:
        """Ask over one connection, so many at once; more than one go by way of Sanic."""
        async with Wire(self.port) as wire:
            for name in cycle(names):
                if self.is_over:
                    return
                before = self.allowed[name]
                wire.send(_asked(self.tokens[name]) * at_once)
                for _ in range(at_once):
                    status, _, _ = await wire.answer()
                    self.got[name, status] += 1
                    if status not in before | self.allowed[name]:
                        self.wrong.append((name, status, before))
                await asyncio.sleep(0)

    async def reaches(self, expected: Mapping[str, int]) -> None:
        """Each of these was answered so three times more."""
        earlier = self.got.copy()
        while any(self.got[pair] < earlier[pair] + 3 for pair in expected.items()):
            await asyncio.sleep(0.01)


Publish = Callable[[KeyServer, Issuer], None]


def _of(*names: str) -> Publish:
    def publish(server: KeyServer, issuer: Issuer) -> None:
        server.status, server.body = 200, issuer.key_set(*(KEYS[name] for name in names))

    return publish


def _status(status: int) -> Publish:
    def publish(server: KeyServer, _: Issuer) -> None:
        server.status = status

    return publish


def _body(body: bytes) -> Publish:
    def publish(server: KeyServer, _: Issuer) -> None:
        server.status, server.body = 200, body

    return publish


PHASES: Final[Sequence[tuple[Publish, Sequence[str]]]] = [
    (_of("first", "second"), ("first", "second")),
    (_of("second", "third"), ("second", "third")),
    (_of("first", "second", "third"), ("first", "second", "third")),
    (_status(500), ("first", "second", "third")),
    (_body(b"<html>down for maintenance</html>"), ("first", "second", "third")),
    (_body(orjson.dumps({"keys": []})), ("first", "second", "third")),
    (_of("third"), ("third",)),
    (_of("first", "third"), ("first", "third")),
]
"""What the issuer publishes, one after the other, and whose tokens are good then."""


async def _settled(server: KeyServer) -> None:
    """Whatever the server says now, it has said to somebody who has heard it."""
    seen = server.fetched
    while server.fetched < seen + 2:  # of the first it may have been asked before
        await asyncio.sleep(0.01)


async def test_keys_change_under_load(start_gateway: StartGateway, key_server: KeyServer, issuer: Issuer) -> None:
    """Each token is good while its key is published, at most until the next look at the keys, and 401 else.

    A token whose key stays is never refused, whatever else changes, nor while the issuer fails.
    """
    _of("first", "second")(key_server, issuer)
    gateway = await start_gateway(**key_server.environment, **SOON)
    asyncio.get_running_loop().set_debug(False)  # a record of who began what costs more than all the answers
    await _ready(gateway.client.port)
    tokens = _tokens(issuer)
    load = Load(gateway.client.port, tokens, {name: {200, 401} for name in tokens})
    names = list(tokens)
    clients = [
        asyncio.ensure_future(load.run(names[at:] + names[:at], at_once=1 + at % 2)) for at in range(_CONNECTIONS)
    ]
    good: Sequence[str] = ()
    for publish, now_good in PHASES:
        publish(key_server, issuer)
        expected = {name: 200 if name in now_good else 401 for name in tokens}
        load.allowed = {name: {status, 200 if name in good else 401} for name, status in expected.items()}
        await _settled(key_server)
        load.allowed, good = {name: {status} for name, status in expected.items()}, now_good
        await load.reaches(expected)
    load.is_over = True
    await asyncio.gather(*clients)
    assert load.wrong == []


@pytest.mark.parametrize("early", ["true", "false"])
async def test_an_issuer_that_says_nothing_holds_up_nobody(
    start_gateway: StartGateway, key_server: KeyServer, issuer: Issuer, early: str
) -> None:
    """Tokens whose keys are known are good, while another waits for an answer that never comes."""
    _of("first")(key_server, issuer)
    gateway = await start_gateway(EARLY_ANSWERS=early, **key_server.environment, **SOON)
    await _ready(gateway.client.port)
    key_server.hangs = True
    seen = key_server.fetched
    tokens = _tokens(issuer)
    async with Wire(gateway.client.port) as stranger, Wire(gateway.client.port) as known:
        while key_server.fetched == seen:
            known.send(_asked(issuer.token("user1", key=KEYS["first"], scope="profile:read", jti=str(seen))))
            assert (await known.answer())[0] == 200
        stranger.send(_asked(tokens["nobody"]))
        for _ in range(10):
            known.send(_asked(tokens["first"]))
            assert (await known.answer())[0] == 200
        assert (await stranger.answer())[0] == 401


async def _ready(port: int, status: int = 200) -> None:
    async with Wire(port) as wire:
        answered = 0
        while answered != status:
            wire.send(_asked(None, path="/health/ready"))
            answered, _, _ = await wire.answer()


@pytest.mark.parametrize("early", ["true", "false"])
async def test_without_keys_nobody_is_let_in(
    start_gateway: StartGateway, key_server: KeyServer, issuer: Issuer, early: str
) -> None:
    """Not ready, 503 with Retry-After to every token, nothing is asked for; all of that ends when there are keys.

    Whoever shows none is told that it is needed, and what the admin token is for works.
    """
    key_server.status = 500
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, EARLY_ANSWERS=early, ADMIN_TOKEN=ADMIN, **key_server.environment, **SOON)
    good = issuer.token("user1", scope="profile:read")
    statuses = {good: 503, "garbage": 503, _tokens(issuer)["nobody"]: 503, None: 401, ADMIN: 401}
    async with Wire(gateway.client.port) as wire:
        for path in ("/api/profile/user1", "/api/profile/user1?view=card", "/api/profile/nobody"):
            for method in ("GET", "HEAD"):
                for token, expected in statuses.items():
                    wire.send(_asked(token, method, path))
                    status, fields, body = await wire.answer(body=method == "GET")
                    assert (status, "retry-after" in fields) == (expected, expected == 503), (path, token)
                    if expected == 503 and body:
                        assert orjson.loads(body)["type"] == "urn:problem:service-unavailable"
        wire.send(_asked(None, path="/health/ready"))
        assert (await wire.answer())[0] == 503
        wire.send(_asked(ADMIN, "DELETE", "/api/cache/profile/user1"))
        assert (await wire.answer())[0] == 204
        assert services.calls == []
        key_server.status = 200
        await _ready(gateway.client.port)
        wire.send(_asked(good))
        assert (await wire.answer())[0] == 200
        wire.send(_asked("garbage"))
        assert (await wire.answer())[0] == 401

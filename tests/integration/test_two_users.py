"""Two users on connections that they share, as behind a proxy: nobody gets anything of the other's, on any route."""

import asyncio
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pytest

from shared.errors import AttemptTimeout
from shared.http.routing import declared_routes
from shared.observing import metrics
from shared.upstream.call import Call, Reply
from tests.fixtures.conversations import ServerSide
from tests.fixtures.fake_services import JSON, FakeServices
from tests.fixtures.gateway import Clock, StartGateway
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer
from tests.fixtures.log_lines import heard
from tests.fixtures.raw_answers import RawAnswer, raw_answers

SEED: Final = 4711
METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
QUERIES: Final = ("", "?view=card")
CONDITIONS: Final = ("", "If-None-Match: *\r\n")
_PIECE: Final = 5
"""Requests that are sent in one breath where they are pipelined."""
_PARAMETER: Final = re.compile(r"<\w+>")


@dataclass(frozen=True)
class Person:
    """A user, all of whose data has the ``mark`` in it, or is the ``price``."""

    id: str
    mark: str
    price: float
    address: str

    @property
    def user(self) -> dict[str, object]:
        """As the user service has it."""
        texts = {name: f"{name}-{self.mark}" for name in ("username", "full_name", "password_hash")}
        known = {"id": self.id, "email": f"{self.mark}@example.com", "is_active": True}
        return {**texts, **known, "created_at": "2026-01-02T03:04:05Z"}

    @property
    def order(self) -> dict[str, object]:
        """As the order service has it."""
        items = [{"product_id": self.product["id"], "quantity": 1, "price": self.price}]
        return {
            "id": f"order-{self.mark}", "user_id": self.id, "status": f"status-{self.mark}", "items": items,
            "total_amount": self.price, "created_at": "2026-01-02T03:04:05Z",
        }  # fmt: skip

    @property
    def product(self) -> dict[str, object]:
        """What nobody else has ordered."""
        texts = {name: f"{name}-{self.mark}" for name in ("id", "name", "description", "category")}
        return {**texts, "price": self.price, "stock_quantity": 1}


ANNA: Final = Person("anna", "Quokka", 1171.25, "192.0.2.7")
BERT: Final = Person("bert", "Zebra", 7717.75, "198.51.100.9")
OTHER: Final = {ANNA: BERT, BERT: ANNA}


class Asked(NamedTuple):
    """A request, and who has sent it."""

    who: Person
    method: str
    target: str
    data: bytes


@dataclass
class Running:
    """A gateway with everything on, and both users' tokens."""

    port: int
    services: FakeServices
    clock: Clock
    server_side: ServerSide
    requests: Sequence[Asked]
    secrets: Sequence[str]
    logged: list[bytes] = field(default_factory=list)

    async def ask_all(self, arrangement: str) -> list[tuple[Asked, RawAnswer]]:
        """Every request, in some order, and its answer."""
        requests = [*self.requests]
        random.Random(SEED).shuffle(requests)
        pieces = [requests[at : at + _PIECE] for at in range(0, len(requests), _PIECE)]
        with heard(self.logged.append):
            if arrangement == "side by side":
                streams = await self._side_by_side(pieces)
            elif arrangement == "pipelined":
                sent = [b"".join(one.data for one in piece) for piece in pieces]
                streams, pieces = [await self.server_side.converse(self.port, sent)], [requests]
            else:
                sent = [one.data for one in requests]
                streams, pieces = [await self.server_side.converse(self.port, sent)], [requests]
        return [
            pair
            for stream, piece in zip(streams, pieces, strict=True)
            for pair in zip(piece, raw_answers(stream, [one.method for one in piece]), strict=True)
        ]

    async def _side_by_side(self, pieces: Sequence[Sequence[Asked]]) -> list[bytes]:
        """All connections at once, so that what is loaded is loaded for several of them."""
        gate = self.services.gates["users"] = asyncio.Event()
        tasks = [asyncio.ensure_future(self._everything(piece)) for piece in pieces]
        loaded, calls = {("users", f"/users/{one.id}") for one in OTHER}, len(self.services.calls)
        while not loaded <= {*self.services.calls[calls:]} and not all(task.done() for task in tasks):
            await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*tasks)

    async def _everything(self, piece: Sequence[Asked]) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"".join(one.data for one in piece))
        writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


def _requests(app: Any, tokens: dict[Person, str]) -> Iterator[Asked]:
    """Every method of every route, for each id, by both."""
    for route in declared_routes(app):
        has_parameter = _PARAMETER.search(route.template) is not None
        of_one = (*tokens, None), QUERIES, CONDITIONS
        variants = of_one if has_parameter else ((None,), ("",), ("",))
        for who, method, about, query, condition in product(tokens, METHODS, *variants):
            target = _PARAMETER.sub("nobody" if about is None else about.id, route.template) + query
            body = b"" if route.operation.body is None else route.operation.body.example
            head = (
                f"{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tokens[who]}\r\n"
                f"X-Forwarded-For: {who.address}\r\nAccept-Encoding: zstd\r\n{condition}"
            )
            length = f"Content-Length: {len(body)}\r\n\r\n" if method in {"POST", "PUT", "PATCH"} else "\r\n"
            yield Asked(who, method, target, (head + length).encode() + (body if length != "\r\n" else b""))


StartRunning = Callable[[str], Any]


@pytest.fixture
def start(start_gateway: StartGateway, server_side: ServerSide, issuer: Issuer, tmp_path: Path) -> StartRunning:
    """A function that serves a gateway, which answers ``early`` or does not."""

    async def start(early: str) -> Running:
        asyncio.get_running_loop().set_debug(False)  # a record of who began what costs more than all the answers
        keys = tmp_path / "keys.json"
        keys.write_bytes(issuer.key_set())
        services = FakeServices(
            users={one.id: one.user for one in OTHER},
            orders={one.id: [one.order] for one in OTHER},
            products={str(one.product["id"]): one.product for one in OTHER},
        )
        clock = Clock()
        gateway = await start_gateway(
            services, clock=clock, EARLY_ANSWERS=early, AUTH="jwt", AUTH_JWKS_FILE=str(keys), AUTH_ISSUER=ISSUER,
            AUTH_AUDIENCE=AUDIENCE, AUTH_RESOURCE="https://api.example.org", ADMIN_TOKEN="nobody-here-has-this-token",
            TRUSTED_PROXIES="127.0.0.1", RATE_LIMIT_USER="100000/60", RATE_LIMIT_ADDRESS="100000/60",
            CORS_ORIGINS="https://app.example.org", LOG_HITS_PERCENT="100",
        )  # fmt: skip
        tokens = {one: issuer.token(one.id, scope="profile:read") for one in OTHER}
        requests = [*_requests(gateway.client.app, tokens)]
        return Running(gateway.client.port, services, clock, server_side, requests, [*tokens.values()])

    return start


def _check(asked: Asked, answer: RawAnswer) -> None:
    """Nothing of the other's is in it; what the client itself has said may be."""
    other, about = OTHER[asked.who], asked.target
    told = (repr(sorted(answer.fields.items())).encode() + answer.text).lower()
    for value in (other.mark.lower(), str(other.price), other.address):
        assert value.encode() not in told, (asked, answer)
    if other.id not in about:
        assert other.id.encode() not in told, (asked, answer)
    elif answer.status < 400:
        # What is served to anybody may be found under whatever name; what is somebody's may not.
        assert asked.method == "OPTIONS", (asked, answer)


def _got_own(answers: Sequence[tuple[Asked, RawAnswer]], status: int) -> None:
    """Both got what is theirs, so that there was something to be mixed up."""
    for who in OTHER:
        own = [answer for asked, answer in answers if (asked.who, asked.target) == (who, f"/api/profile/{who.id}")]
        assert {status, 405, 204} <= {answer.status for answer in own}
        if status == 200:
            assert any(who.mark.encode() in answer.text for answer in own)


def _of_another(call: Call[Any]) -> Reply:
    """A user, and not the one that was asked for."""
    other = next(one for one in OTHER if not call.path.endswith(one.id))
    return Reply(200, JSON, orjson.dumps(other.user))


@pytest.mark.parametrize("arrangement", ["one by one", "pipelined", "side by side"])
@pytest.mark.parametrize("early", ["true", "false"])
async def test_nobody_gets_anything_of_the_other(start: StartRunning, early: str, arrangement: str) -> None:
    """Not from the services, the cache, a load that others have begun, or what is last known; nor by a wrong answer.

    Neither does the log have anything of either, or a token.
    """
    running: Running = await start(early)
    joined = metrics.cache_coalesced.labels("process")
    before = joined._value.get()
    for _ in ("loaded", "cached"):
        answers = await running.ask_all(arrangement)
        for pair in answers:
            _check(*pair)
        _got_own(answers, 200)
    assert (joined._value.get() > before) is (arrangement == "side by side")
    running.clock.now += 60
    running.services.replies["users"] = _of_another
    for pair in await running.ask_all("one by one"):
        _check(*pair)
    running.clock.now += 60
    failure = AttemptTimeout("away")
    running.services.failures = dict.fromkeys(("users", "orders", "products"), failure)
    answers = await running.ask_all("one by one")
    for pair in answers:
        _check(*pair)
    _got_own(answers, 200)
    running.clock.now += 3600
    answers = await running.ask_all("one by one")
    for pair in answers:
        _check(*pair)
    _got_own(answers, 503)
    logged = b"\n".join(running.logged)
    for secret in (*running.secrets, *(one.mark for one in OTHER), "anna", "bert"):
        assert secret.encode() not in logged

"""Who may have what, and what all others are told: in every situation, answered early or by way of Sanic."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from prometheus_client import REGISTRY

from shared.edge.revocations import Revocation, Revocations
from shared.observing import metrics
from tests.fixtures.conversations import ServerSide
from tests.fixtures.fake_services import FakeServices, order, product, user
from tests.fixtures.gateway import Clock, Gateway, StartGateway
from tests.fixtures.issuer import AUDIENCE, ISSUER, REFUSED, Issuer, signing_key
from tests.fixtures.log_lines import heard
from tests.fixtures.raw_answers import RawAnswer, raw_answers
from tests.fixtures.same_bytes import told, without_what_must_differ

ADMIN: Final = "the-admin-token-of-this-matrix-0123456789"
ORIGIN: Final = "https://app.example.org"
KNOWN, UNKNOWN, STRANGER = "user1", "ghost", "other"
"""Ids of one length, so that answers about them are."""

_METADATA: Final = 'resource_metadata="https://api.example.org/.well-known/oauth-protected-resource/shop"'
_ABSENT: Final = f"Bearer {_METADATA}"
_INVALID: Final = f'Bearer error="invalid_token", {_METADATA}'
_MALFORMED: Final = f'Bearer error="invalid_request", {_METADATA}'


def _insufficient(scope: str) -> str:
    return f'Bearer error="insufficient_scope", scope="{scope}", {_METADATA}'


class Refusal(NamedTuple):
    """What RFC 6750 wants somebody to be told."""

    status: int
    kind: str
    challenge: str


NOT_SHOWN: Final = Refusal(401, "unauthorized", _ABSENT)
NOT_ACCEPTED: Final = Refusal(401, "unauthorized", _INVALID)
NOT_READABLE: Final = Refusal(400, "invalid-authorization", _MALFORMED)
NOT_OWN: Final = Refusal(403, "forbidden", _insufficient("profile:read:any"))
NOT_FOR_THAT: Final = Refusal(403, "forbidden", _insufficient("profile:read"))
NO_PURGE: Final = Refusal(403, "forbidden", _insufficient("cache:purge"))


def _bearer(token: str) -> list[str]:
    return [f"Authorization: Bearer {token}"]


def _of_length(issuer: Issuer, subject: str, length: int) -> str:
    """A token that is good but for its length, which is that or a little more."""
    bare = len(issuer.token(subject, scope="profile:read", padding=""))
    return issuer.token(subject, scope="profile:read", padding="x" * (-(-(length - bare) * 3 // 4) + 1))


@dataclass(frozen=True)
class Who:
    """Somebody who asks for what belongs to a subject.

    Attributes:
        shows: the lines of ``Authorization``.
        profile: what is said to a wish for the subject's profile; None when it is given.
        purge: what is said to the wish to purge it.
        tells: whether it is told how an answer came about (``DIAGNOSTICS=owner``).
        is_early: whether that is found out without Sanic.
    """

    shows: Callable[[Issuer, str], Sequence[str]]
    profile: Refusal | None
    purge: Refusal | None
    tells: bool = False
    is_early: bool = True


def _refused(name: str) -> Who:
    return Who(lambda issuer, _: _bearer(REFUSED[name](issuer)), NOT_ACCEPTED, NOT_ACCEPTED)


WHO: Final[Mapping[str, Who]] = {
    "owner": Who(lambda i, own: _bearer(i.token(own, scope="profile:read")), None, NO_PURGE, tells=True),
    "owner, of more than one scope": Who(
        lambda i, own: _bearer(i.token(own, alg="RS256", scope="openid profile:read cache:purge")),
        None,
        None,
        tells=True,
    ),
    "owner, 6 kB": Who(lambda i, own: _bearer(_of_length(i, own, 6_000)), None, NO_PURGE, tells=True),
    "owner, without scope": Who(lambda i, own: _bearer(i.token(own)), NOT_FOR_THAT, NO_PURGE),
    "owner, for more": Who(lambda i, own: _bearer(i.token(own, scope="profile:readx")), NOT_FOR_THAT, NO_PURGE),
    "other": Who(lambda i, _: _bearer(i.token(STRANGER, scope="profile:read")), NOT_OWN, NO_PURGE),
    "other, without scope": Who(lambda i, _: _bearer(i.token(STRANGER)), NOT_OWN, NO_PURGE),
    "any": Who(lambda i, _: _bearer(i.token("support", scope="profile:read:any")), None, NO_PURGE),
    "purger": Who(lambda i, _: _bearer(i.token("support", scope="cache:purge")), NOT_OWN, None),
    **{
        name: _refused(name)
        for name in (
            "expired", "not yet", "forged signature", "altered claims", "by a stranger", "wrong audience",
            "wrong issuer", "wrong type", "none", "HS256 by the public key", "garbage",
        )
    },
    "revoked": Who(lambda i, own: _bearer(i.token(own, scope="profile:read", jti="lost")), NOT_ACCEPTED, NOT_ACCEPTED),
    "of an unknown key": Who(
        lambda i, own: _bearer(i.token(own, key=signing_key("nobody's", "ES256"), scope="profile:read")),
        NOT_ACCEPTED,
        NOT_ACCEPTED,
        is_early=False,
    ),
    "7,900 bytes": Who(lambda i, own: _bearer(_of_length(i, own, 7_900)), NOT_ACCEPTED, NOT_ACCEPTED),
    "twice": Who(
        lambda i, own: _bearer(i.token(own, scope="profile:read")) * 2, NOT_READABLE, NOT_READABLE, is_early=False
    ),
    "good and bad": Who(
        lambda i, own: [*_bearer(i.token(own, scope="profile:read")), *_bearer("garbage")],
        NOT_READABLE,
        NOT_READABLE,
        is_early=False,
    ),
    "absent": Who(lambda _, __: [], NOT_SHOWN, NOT_SHOWN),
    "empty": Who(lambda _, __: ["Authorization:"], NOT_SHOWN, NOT_SHOWN),
    "another scheme": Who(lambda _, __: ["Authorization: Basic dXNlcjE6eA=="], NOT_SHOWN, NOT_SHOWN),
    "malformed": Who(lambda _, __: ["Authorization: Bearer"], NOT_READABLE, NOT_READABLE),
    "malformed, two words": Who(lambda _, __: _bearer("one two"), NOT_READABLE, NOT_READABLE),
    "admin": Who(lambda _, __: _bearer(ADMIN), NOT_ACCEPTED, None),
}  # fmt: skip


@dataclass(frozen=True)
class Situation:
    """What is asked for, and how matters stand then.

    Attributes:
        good: the status for those who are let in.
        subject: whose it is.
        method, query: of the request.
        is_cached: whether it is in memory, or else has to be come by.
        knows_tag: whether the client has it already.
        first: what others ask for on the same connection before, of whose answer the end is waited for.
        behind: what others ask for in the same breath.
        is_loading: whether somebody waits for the same to be loaded.
        is_early: whether those who are let in are answered early from memory.
    """

    good: int
    subject: str = KNOWN
    method: str = "GET"
    query: str = ""
    is_cached: bool = True
    knows_tag: bool = False
    first: bool = False
    behind: bool = False
    is_loading: bool = False
    is_early: bool = False


SITUATIONS: Final[Mapping[str, Situation]] = {
    "hit": Situation(200, is_early=True),
    "HEAD": Situation(200, method="HEAD", is_early=True),
    "304": Situation(304, knows_tag=True, is_early=True),
    "304 of HEAD": Situation(304, method="HEAD", knows_tag=True, is_early=True),
    "view": Situation(200, query="?view=card", is_early=True),
    "behind another": Situation(200, first=True, is_early=True),
    "pipelined": Situation(200, behind=True),
    "miss": Situation(200, is_cached=False),
    "miss of a view": Situation(200, query="?view=card", is_cached=False),
    "joined load": Situation(200, is_cached=False, is_loading=True),
    "unknown user": Situation(404, UNKNOWN),
    "unknown user, HEAD": Situation(404, UNKNOWN, method="HEAD"),
    "unknown user, not asked for before": Situation(404, UNKNOWN, is_cached=False),
    "purge": Situation(204, method="DELETE"),
    "purge of an unknown user": Situation(204, UNKNOWN, method="DELETE"),
}

LookedUp = tuple[int, Mapping[str, float]]
"""Calls of services, and all counts of the cache."""

_QUOTAS: Final = '"user";q=100000;w=3600, "address";q=100000;w=3600, "failures";q=100000;w=3600'


@dataclass
class Running:
    """A gateway with everything on, spoken to in bytes."""

    gateway: Gateway
    server_side: ServerSide
    issuer: Issuer
    support: Sequence[str]
    """``Authorization`` of somebody who may see all."""

    async def converse(self, *pieces: bytes) -> bytes:
        """All that comes back."""
        return await self.server_side.converse(self.gateway.client.port, pieces)

    async def bring_about(self, situation: Situation) -> str:
        """Let it be as the ``situation`` says; the entity tag, or ""."""
        gone = _asked("DELETE", "/api/cache", _bearer(ADMIN))
        assert [one.status for one in raw_answers(await self.converse(gone), ["DELETE"])] == [204]
        if not situation.is_cached:
            return ""
        path = f"/api/profile/{situation.subject}{situation.query}"
        (answer,) = raw_answers(await self.converse(_asked("GET", path, self.support)), ["GET"])
        assert answer.status == (404 if situation.subject == UNKNOWN else 200)
        return answer.fields.get("etag", "")

    def looked_up(self) -> LookedUp:
        """What services and the cache have been asked for."""
        samples = (sample for family in REGISTRY.collect() for sample in family.samples)
        counted = {
            f"{sample.name}{sample.labels}": sample.value for sample in samples if sample.name.startswith("cache_")
        }
        return len(self.gateway.services.calls), counted


def _asked(method: str, path: str, shows: Sequence[str], *more: str) -> bytes:
    lines = (
        f"{method} {path} HTTP/1.1",
        "Host: x",
        f"Origin: {ORIGIN}",
        "Accept-Encoding: zstd",
        *shows,
        *more,
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def _environment(issuer: Issuer, folder: Path, early: str) -> dict[str, str]:
    keys = folder / "keys.json"
    keys.write_bytes(issuer.key_set())
    return {
        "EARLY_ANSWERS": early, "AUTH": "jwt", "AUTH_JWKS_FILE": str(keys), "AUTH_ISSUER": ISSUER,
        "AUTH_AUDIENCE": AUDIENCE, "AUTH_RESOURCE": "https://api.example.org/shop",
        "AUTH_LOG_KEY": "the-same-in-both-gateways", "ADMIN_TOKEN": ADMIN, "CORS_ORIGINS": ORIGIN,
        "RATE_LIMIT_USER": "100000/3600", "RATE_LIMIT_ADDRESS": "100000/3600", "RATE_LIMIT_FAILURES": "100000/3600",
        "CACHE_TTL_SECONDS": "600", "CACHE_NEGATIVE_TTL_SECONDS": "600",
        "REQUEST_BUDGET_SECONDS": "30", "ATTEMPT_TIMEOUT_SECONDS": "30",
    }  # fmt: skip


StartRunning = Callable[[str], Any]


@pytest.fixture
def start(start_gateway: StartGateway, server_side: ServerSide, issuer: Issuer, tmp_path: Path) -> StartRunning:
    """A function that serves a gateway, which answers ``early`` or does not."""
    support = _bearer(issuer.token("support", scope="profile:read:any"))

    async def start(early: str) -> Running:
        asyncio.get_running_loop().set_debug(False)  # a record of who began what costs more than all the answers
        services = FakeServices(
            users={KNOWN: user(KNOWN)},
            orders={KNOWN: [order(f"o{number}", KNOWN, "p1", "p2") for number in range(6)]},
            products={name: product(name) for name in ("p1", "p2")},
        )
        gateway = await start_gateway(services, clock=Clock(), **_environment(issuer, tmp_path, early))
        revocations: Revocations = gateway.client.app.ctx.edge._identification._revocations
        revocations.add(Revocation.of_token("lost", revocations.clock() + 60))
        return Running(gateway, server_side, issuer, support)

    return start


@dataclass
class Cell:
    """What has come of it."""

    stream: bytes
    answer: RawAnswer
    others: Sequence[RawAnswer]
    early: int
    looked_up: bool
    logged: Sequence[Mapping[str, object]]


async def _fill(running: Running, situation: Situation, shows: Sequence[str]) -> Cell:
    tag = await running.bring_about(situation)
    path = f"{situation.subject}{situation.query}"
    is_purge = situation.method == "DELETE"
    request = _asked(
        situation.method,
        f"/api/cache/profile/{path}" if is_purge else f"/api/profile/{path}",
        shows,
        *([f"If-None-Match: {tag}"] if situation.knows_tag else []),
    )
    support = _asked("GET", f"/api/profile/{KNOWN}", running.support)
    pieces = [*([support] if situation.first else []), request + (support if situation.behind else b"")]
    before, early, lines = running.looked_up(), running.server_side.early, list[bytes]()
    with heard(lines.append):
        if situation.is_loading:
            stream, before, after = await _while_loading(running, support, request)
        else:
            stream = await running.converse(*pieces)
            after = running.looked_up()
    methods = [*(["GET"] if situation.first else []), situation.method, *(["GET"] if situation.behind else [])]
    answers = [*raw_answers(stream, methods)]
    answer = answers.pop(1 if situation.first else 0)
    return Cell(
        without_what_must_differ(stream),
        answer,
        answers,
        running.server_side.early - early,
        before != after,
        [one for one in map(told, lines) if one["event"] == "request"],
    )


async def _while_loading(running: Running, support: bytes, request: bytes) -> tuple[bytes, LookedUp, LookedUp]:
    """What comes of ``request`` while what ``support`` asks for is being loaded; who is refused waits for nothing."""
    services = running.gateway.services
    gate = services.gates["users"] = services.gates["orders"] = asyncio.Event()
    calls, missed = len(services.calls), metrics.cache_misses.labels("memory")
    reader, writer = await asyncio.open_connection("127.0.0.1", running.gateway.client.port)
    writer.write(support)
    while len(services.calls) < calls + 2:
        await asyncio.sleep(0)
    before, misses = running.looked_up(), missed._value.get()
    task = asyncio.ensure_future(running.converse(request))
    while not task.done() and missed._value.get() == misses:  # whoever misses it has joined in the same turn
        await asyncio.sleep(0)
    after = running.looked_up()
    gate.set()
    stream = await task
    writer.write_eof()
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    await writer.wait_closed()
    services.gates.clear()
    return stream, before, after


def _check(cell: Cell, who: Who, situation: Situation) -> None:
    """What is told to somebody, by the tables above and nothing else."""
    refusal = who.purge if situation.method == "DELETE" else who.profile
    status, fields, body = cell.answer
    assert (fields["ratelimit-policy"], fields["access-control-allow-origin"]) == (_QUOTAS, ORIGIN)
    assert "Origin" in fields["vary"].split(", ")
    assert all(other.status == 200 for other in cell.others)
    if refusal is None:
        assert status == situation.good
        assert "www-authenticate" not in fields
        if status != 204:
            assert ("cache-status" in fields) is who.tells
        if status == 404 and situation.method == "GET":
            assert cell.answer.document["type"] == "urn:problem:not-found"
        if status == 200 and situation.method == "GET":
            assert cell.answer.document["metadata"]["user_id"] == situation.subject
            assert ("content-encoding" in fields) is (situation.query == "")
        return
    assert (status, fields["www-authenticate"]) == (refusal.status, refusal.challenge)
    assert not {"etag", "age", "cache-status", "server-timing", "last-modified"} & fields.keys()
    assert fields["cache-control"] == "no-store"
    if situation.method == "HEAD":
        assert body == b""
    else:
        assert cell.answer.document["type"] == f"urn:problem:{refusal.kind}"
    if not cell.others:
        assert not cell.looked_up


def _expected_early(who: Who, situation: Situation) -> int:
    """How many ready answers there are."""
    if situation.method == "DELETE" or situation.behind:
        return 0
    is_ready = situation.is_early if who.profile is None else who.is_early
    return is_ready + situation.first


@pytest.mark.parametrize("name", SITUATIONS)
async def test_everybody_gets_what_they_may_have_and_nothing_else(
    start: StartRunning, issuer: Issuer, name: str
) -> None:
    """Status, challenge and kind of problem as the tables say; the same bytes and log lines either way.

    Who is refused has caused no look-up, not even the shortest.
    """
    situation = SITUATIONS[name]
    shows = {one: who.shows(issuer, situation.subject) for one, who in WHO.items()}
    early, late = [
        {one: await _fill(running, situation, shows[one]) for one in WHO}
        for running in [await start(early) for early in ("true", "false")]
    ]
    for one, who in WHO.items():
        _check(early[one], who, situation)
        assert early[one].stream == late[one].stream, one
        assert early[one].logged == late[one].logged, one
        assert (early[one].early, late[one].early) == (_expected_early(who, situation), 0), one


@pytest.mark.parametrize("early", ["true", "false"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_no_refusal_tells_whether_a_user_exists(
    start: StartRunning, issuer: Issuer, early: str, method: str
) -> None:
    """In memory, not in memory, known to be unknown, not known to be: what comes back are the same bytes."""
    running: Running = await start(early)
    situations = [
        Situation(status, subject, is_cached=is_cached)
        for status, subject in ((200, KNOWN), (404, UNKNOWN))
        for is_cached in (True, False)
    ]
    for one, who in WHO.items():
        if who.profile is None:
            continue
        shows, answers = who.shows(issuer, KNOWN if "owner" not in one else STRANGER), set()
        for situation in situations:
            await running.bring_about(situation)
            stream = await running.converse(_asked(method, f"/api/profile/{situation.subject}", shows))
            answers.add(without_what_must_differ(stream).replace(UNKNOWN.encode(), KNOWN.encode()))
        assert len(answers) == 1, one

"""The hostile benchmark's own judgement: what it lets pass, what it finds, and that it draws the same from a seed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson
import pytest

from benchmarks.chaos.hostile import rude_heads, truth
from benchmarks.chaos.hostile.asked import Asked, http
from benchmarks.chaos.hostile.draw import dice
from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.forgeries import FORGERIES
from benchmarks.chaos.hostile.judge import Judge, Question, is_complete
from benchmarks.chaos.hostile.link import ODDITIES, reply_end
from benchmarks.chaos.hostile.meddling import MEDDLINGS
from benchmarks.chaos.hostile.misbehaviour import MISBEHAVIOURS
from benchmarks.chaos.hostile.reading import Broken, Received, hear
from benchmarks.chaos.hostile.rude import HABITS
from benchmarks.chaos.hostile.spells import PARTIES, spells

ASKED = Question(b"GET", "one-1", "/api/profile/user1", user_id="user1")
FRESH = {name: {"status": "fresh"} for name in ("user", "orders", "products")}


def _profile(user_id: str = "user1") -> dict[str, Any]:
    true = truth.profile(user_id)
    metadata = {"user_id": user_id, "cached": False, "partial": False, "parts": FRESH}
    return {"user": true.user, "orders": true.orders, "products": true.products, "metadata": metadata}


def _received(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Received:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    usual = {"content-type": "application/json", "x-request-id": "one-1"}
    usual |= {"cache-control": "private, max-age=2", "etag": 'W/"1"'} if status == 200 else {}
    return Received(status, b"head", usual | dict(headers or {}), body)


async def _found(*answers: Received, question: Question = ASKED) -> set[str]:
    failures = Failures(1)
    judge = Judge(failures, ttl=2, stale=20)
    for heard in answers:
        judge.answer(question, heard, 0.1)
    return set(failures.counts)


async def test_what_is_true_passes() -> None:
    """A whole profile, one with a part missing, a refusal, and that somebody does not exist."""
    missing = FRESH | {"products": {"status": "missing", "reason": "timeout"}}
    partial = _profile() | {"products": None}
    partial["metadata"] = partial["metadata"] | {"partial": True, "parts": missing}
    problem = {"type": "t", "title": "t", "status": 503, "detail": "d", "instance": "i", "request_id": "r"}
    refusal = {"content-type": "application/problem+json", "retry-after": "2"}
    assert not await _found(
        _received(_profile()),
        _received(partial, headers={"etag": "", "cache-control": "no-store"}),
        _received(problem, 503, refusal),
    )
    nobody = Question(b"GET", "one-1", "/api/profile/nobody", user_id="nobody")
    assert not await _found(_received(problem | {"status": 404}, 404), question=nobody)
    assert is_complete("user1", _received(_profile()))
    assert not is_complete("user1", _received(partial))


@pytest.mark.parametrize(
    ("heard", "kind"),
    [
        (_received(_profile("user2")), "another's data"),
        (_received(_profile() | {"user": truth.user("user2")}), "another's data"),
        (_received(_profile() | {"user": truth.user("user12")}), "another's data"),
        (_received(_profile() | {"orders": truth.orders("user2")}), "another's data"),
        (_received(_profile() | {"products": truth.profile("user2").products}), "another's data"),
        (_received(_profile() | {"user": (truth.user("user1") or {}) | {"is_active": False}}), "untrue data"),
        (_received(_profile() | {"products": {}}), "untrue absence"),
        (_received({}, 404), "untrue 404"),
        (_received(_profile(), headers={"x-request-id": "one-2"}), "another's answer"),
        (_received(orjson.dumps(_profile()).replace(b"10.5", b"NaN", 1)), "not JSON"),
        (_received(_profile(), headers={"age": "1"}), "contradiction"),
        (_received(_profile(), headers={"cache-control": "private, max-age=600"}), "contradiction"),
        (_received(_profile() | {"user": None}), "contradiction"),
        (_received(b"", 304), "contradiction"),
        (_received({}, 500), "5xx"),
        (_received({}, 503), "5xx"),
        (_received({}, 418), "wrong status"),
    ],
)
async def test_what_is_untrue_is_found(heard: Received, kind: str) -> None:
    """Whoever gets something of somebody else, or something that cannot be right, hears which of these it is."""
    assert kind in await _found(heard)


async def test_one_entity_tag_is_on_one_content() -> None:
    """A tag that comes again with something else under it is found, however true that is."""
    failures = Failures(1)
    judge = Judge(failures, ttl=2, stale=20)
    judge.answer(ASKED, _received(_profile()), 0.1)
    judge.answer(Question(b"GET", "one-1", "/api/profile/user2", user_id="user2"), _received(_profile("user2")), 0.1)
    assert set(failures.counts) == {"contradiction"}


async def test_a_failure_names_seed_and_faults() -> None:
    """What is printed leads back to the run and to what went wrong with the same subject at that time."""
    failures = Failures(4711)
    failures.journal.note("users: hangs", "user1")
    failures.journal.note("users: drips", "user2")
    failures.add("not JSON", "it is not", concerns={"user1"}, request=b"GET /", body=b"{")
    ((text, *_),) = (examples.values() for examples in failures.examples.values())
    assert "4711" in text
    assert "users: hangs (user1)" in text
    assert "drips" not in text


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nETag: a\nb\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"hello\r\n\r\n",
    ],
)
async def test_what_is_no_answer_is_broken(data: bytes) -> None:
    """Half an answer, one without a sensible length, and what is no HTTP/1.1 at all."""
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    with pytest.raises(Broken):
        await hear(reader)


async def test_answers_are_read_one_by_one() -> None:
    """Those with a length, in chunks and without a body; an end between two of them is no fault."""
    reader = asyncio.StreamReader()
    reader.feed_data(http(b"{}") + b"HTTP/1.1 304 Not Modified\r\n\r\n")
    reader.feed_data(
        b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    )
    reader.feed_eof()
    answers = [await hear(reader) for _ in range(4)]
    assert [answer and (answer.status, answer.body) for answer in answers] == [
        (200, b"{}"), (304, b""), (200, b"ab"), None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "reply",
    [b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"_\r\n", b"$5\r\nhello\r\n", b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
     b"%1\r\n+a\r\n$0\r\n\r\n", b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n"],
)  # fmt: skip
def test_replies_of_redis_are_told_apart(reply: bytes) -> None:
    """Each ends where it ends, however much of the next one is there, and not before it is whole."""
    assert reply_end(reply + b":1\r\n", 0) == len(reply)
    assert all(reply_end(reply[:cut], 0) is None for cut in range(len(reply)))


def test_a_seed_draws_the_same_again() -> None:
    """Weather and requests follow from the seed, and each has its own; who is not asked to misbehave stays well."""
    weather = list(islice(spells(dice(1, "weather"), set(PARTIES)), 20))
    assert weather == list(islice(spells(dice(1, "weather"), set(PARTIES)), 20))
    assert weather != list(islice(spells(dice(2, "weather"), set(PARTIES)), 20))
    assert rude_heads.mutated(dice(1, "a")) == rude_heads.mutated(dice(1, "a"))
    calm = islice(spells(dice(1, "weather"), {"redis"}), 20)
    assert not any(share for spell in calm for share in spell.services.values())


def test_names_are_unique() -> None:
    """A fault in the journal is one line of one list."""
    for listed in (MISBEHAVIOURS, MEDDLINGS, ODDITIES, HABITS, FORGERIES):
        names = [one.name for one in listed]
        assert len(set(names)) == len(names)


@dataclass
class _Wire:
    """A gateway that sends its next request after so many looks at whether it has."""

    silent_for: int
    sent: bytes = b""
    is_reset: bool = False
    ended: bool = False
    _looks: int = field(default=0)

    def write(self, data: bytes) -> None:
        self.sent += data

    def reset(self) -> None:
        self.is_reset = True

    def close(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.is_reset or self.ended

    def is_silent(self) -> bool:
        self._looks += 1
        return self._looks <= self.silent_for

    async def drain(self) -> None:
        pass


@pytest.mark.parametrize(
    ("silent_for", "is_reset", "strays"), [(0, False, 0), (1, True, 0), (2, False, 1)]
)  # fmt: skip
async def test_a_late_answer_never_crosses_a_request(silent_for: int, is_reset: bool, strays: int) -> None:
    """It is whole only where nothing has been asked before its first bytes were there."""
    wire = _Wire(silent_for)
    later: list[Any] = []
    asked = Asked("users", ["user1"], "200 OK", truth.user("user1"), dice(1), wire, later.append)
    late = next(one for one in MISBEHAVIOURS if one.name == "a late second answer, 404")
    await late.behave(asked)
    await later[0]
    assert wire.is_reset is is_reset
    assert wire.sent.count(b"\r\n\r\n") == 1 + strays

"""The freshness benchmark's own judgement: which answers it takes for old or for gone, and what it says of figures."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.common.client import Client
from benchmarks.common.kinds import Kind
from benchmarks.common.ports import LOCAL
from benchmarks.freshness.changes import price_in
from benchmarks.freshness.latency import Latencies, Sample
from benchmarks.freshness.ledger import Ledger
from benchmarks.freshness.report import LONG, SHORT, late, latency_table, trial_lines, wrong
from benchmarks.freshness.stream import LiveStream, State
from benchmarks.freshness.trial import Outcome
from benchmarks.freshness.watched import choose

TTL = 5.0


def _told(*instants: float) -> Ledger:
    """Versions 1, 2, … of a product, told of at these instants."""
    ledger = Ledger(TTL)
    for version, instant in enumerate(instants, 1):
        ledger.changed("p", version, instant)
    return ledger


@given(st.dictionaries(st.text("abc", min_size=1), st.frozensets(st.integers(1, 30).map(str)), max_size=20))
def test_nobody_who_is_looked_at_has_bought_what_stands_for_another(baskets: Mapping[str, AbstractSet[str]]) -> None:
    """So a change of a product is one of a single profile among them."""
    chosen = choose(baskets, 5)
    assert len(chosen) <= 5
    for one in chosen:
        assert [other.user for other in chosen if one.product in baskets[other.user]] == [one.user]


@pytest.mark.parametrize(
    ("version", "asked", "age"),
    [(3, 100.0, 0.0), (2, 12.5, 0.5), (2, 12.0, 0.0), (1, 12.5, 1.5), (1, 10.5, 0.0), (4, 100.0, 0.0)],
)
def test_an_answer_is_as_old_as_the_first_change_that_it_lacks(version: int, asked: float, age: float) -> None:
    """Counted from when that was told of until the answer was asked for."""
    ledger = _told(10.0, 11.0, 12.0)
    ledger.answered("reader", "p", version, asked, asked + 0.1)
    assert ledger.oldest == pytest.approx(age)
    assert ledger.too_old == 0


def test_what_is_older_than_the_ttl_is_counted() -> None:
    """But not what says by itself that it is not current."""
    ledger = _told(10.0, 11.0)
    ledger.answered("reader", "p", 1, 11.0 + TTL, 20.0)
    assert ledger.too_old == 0
    ledger.answered("reader", "p", 1, 11.1 + TTL, 20.0, current=False)
    assert ledger.too_old == 0
    ledger.answered("reader", "p", 1, 11.1 + TTL, 20.0)
    assert ledger.too_old == 1


@pytest.mark.parametrize(
    ("asked", "version", "current", "returned"),
    [(11.5, 1, True, 0), (12.2, 1, True, 0), (12.6, 1, True, 1), (12.6, 1, False, 1), (12.6, 2, True, 0)],
)
def test_what_was_purged_is_not_to_be_shown(asked: float, version: int, current: bool, returned: int) -> None:
    """From half a second after the purge was told of; as last known good neither."""
    ledger = _told(10.0, 11.0)
    ledger.purged("p", 12.0)
    ledger.answered("reader", "p", version, asked, asked, current=current)
    assert ledger.returned == returned


@pytest.mark.parametrize("faltered", [11.0, 12.05])
def test_who_was_cut_off_may_show_it_until_it_has_shown_something_newer(faltered: float) -> None:
    """Each reader by itself; an answer that was asked for before that says nothing."""
    ledger = _told(10.0, 11.0)
    if faltered < 12.0:
        ledger.falter(faltered)
    ledger.purged("p", 12.0)
    if faltered >= 12.0:
        ledger.falter(faltered)
    ledger.answered("reader", "p", 1, 13.0, 13.1)
    ledger.answered("reader", "p", 2, 13.2, 13.4)
    ledger.answered("reader", "p", 1, 13.3, 13.5)
    ledger.answered("other", "p", 1, 13.6, 13.7)
    assert ledger.returned == 0
    ledger.answered("reader", "p", 1, 13.6, 13.7)
    assert ledger.returned == 1


def test_a_purge_long_before_a_fault_counts() -> None:
    """Everybody had heard of it."""
    ledger = _told(10.0, 11.0)
    ledger.purged("p", 12.0)
    ledger.falter(13.0)
    ledger.answered("reader", "p", 1, 14.0, 14.1)
    assert ledger.returned == 1


async def test_a_live_stream_tells_what_it_knows_and_comes_back() -> None:
    """The newest of each part; nothing at a new beginning, and those who wait are told of the first state that fits."""
    asked: list[bytes] = []
    seen: list[State] = []

    def told(name: str, /, **data: object) -> bytes:
        return orjson.dumps({"event": name, "data": data}) + b"\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        price = len(asked)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + told("begin") + b"\n")
        writer.write(told("part", name="products", value={"p": {"price": price}}))
        writer.write(told("complete", metadata={"partial": False}) + told("unheard of"))
        writer.close()

    server = await asyncio.start_server(serve, LOCAL, 0)
    async with server, asyncio.timeout(30):
        port = server.sockets[0].getsockname()[1]
        async with LiveStream(port, "user1", lambda _user, state: seen.append(dict(state))) as stream:
            assert stream.state["metadata"] == {"partial": False}
            await stream.when(lambda state: price_in(state, "p") == 2)
    assert asked[0].startswith(b"GET /api/profile/user1?live=true HTTP/1.0\r\n")
    assert [one for one in seen if not one] == [{}, {}]
    assert stream.cuts >= 1


async def test_what_is_sent_has_its_method_and_its_length() -> None:
    """An answer without a body is one."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            asked.append(head + (await reader.readexactly(2) if b"Content-Length: 2" in head else b""))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, LOCAL, 0)
    async with server, asyncio.timeout(30):
        client = Client(server.sockets[0].getsockname()[1])
        answers = [await client.ask("DELETE", "/a", {"X": "y"}), await client.ask("PATCH", "/b", body=b"{}")]
        client.close()
    assert [answer.status for answer in answers] == [204, 204]
    assert asked == [
        b"DELETE /a HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\r\n",
        b"PATCH /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    ]


def test_a_price_is_found_where_there_is_one() -> None:
    """A part may be missing, or without that product."""
    assert price_in({"products": {"p": {"price": 100_001.0}}}, "p") == 100_001
    without: list[State] = [{}, {"products": None}, {"products": {}}]
    assert [price_in(state, "p") for state in without] == [None] * 3


def _latencies(answer: float, stream: float) -> Latencies:
    return Latencies({"patch": [Sample(1.0, answer, stream, at_once=True)] * 10}, 1, {Kind.COMPLETE: 9})


def test_each_way_has_a_median_and_a_99th_percentile() -> None:
    """In the table as in the verdict."""
    assert list(late(_latencies(0.01, 0.02), LONG)) == []
    assert list(late(_latencies(0.03, 0.2), LONG)) == [
        "patch, answer: median 30 ms > 20 ms",
        "patch, stream: median 200 ms > 20 ms",
        "patch, stream: p99 200 ms > 100 ms",
    ]
    assert list(late(_latencies(0.03, 0.2), SHORT)) == []
    assert list(late(Latencies({"patch": []}, 3, {}), LONG)) == ["patch: this machine stood still all the time"]
    assert list(late(Latencies({}, 0, {Kind.COMPLETE: 8, Kind.FAILED: 1}), LONG)) == [
        "1 of 9 requests without an answer"
    ]
    _, row, answers, left_out = latency_table(_latencies(0.03, 0.2))
    assert row.split() == ["patch", "10", "100%", "30", "ms", "30", "ms", "200", "ms", "200", "ms"]
    assert "9 complete" in answers
    assert left_out.startswith("left out: 1 ")


def _good() -> Outcome:
    outcome = Outcome(Ledger(TTL), made=3, settled=[0.5], answers=Counter({Kind.COMPLETE: 200}))
    outcome.spells["killed"] += 1
    return outcome


def _tell(outcome: Outcome, **figures: object) -> None:
    for name, value in figures.items():
        setattr(outcome if hasattr(outcome, name) else outcome.ledger, name, value)


@pytest.mark.parametrize(
    ("hurt", "complaint"),
    [
        (lambda got: _tell(got, too_old=1), "1 answers were older than 5 s"),
        (lambda got: _tell(got, returned=2), "2 answers had what was said to be gone"),
        (lambda got: _tell(got, backwards=1), "live streams went back 1 times"),
        (
            lambda got: _tell(got, unsettled=["user1 in a stream"]),
            "the newest was not shown after all: user1 in a stream",
        ),
        (lambda got: got.answers.update({Kind.FAILED: 1}), "1 of 201 requests without an answer"),
        (lambda got: got.answers.update({Kind.REFUSED: 1}), "1 of 201 requests without an answer"),
    ],
)
def test_each_broken_promise_is_named(hurt: Callable[[Outcome], None], complaint: str) -> None:
    """And nothing else; the figures are told in any case."""
    outcome = _good()
    assert list(wrong(outcome, LONG)) == []
    hurt(outcome)
    assert list(wrong(outcome, LONG)) == [complaint]
    assert len(list(trial_lines(outcome))) == 6

"""What live streams of one aggregate are told, and that each change is written once for all of them."""

from collections.abc import Mapping
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from bff.streams.looked_at import LookedAt
from bff.streams.state import State, Told
from shared.http.exchange import Exchange
from shared.http.streams.event import JSON_LINES, SERVER_SENT_EVENTS, Wire
from shared.http.streams.live import LiveStream, Term
from shared.observing.tracing import begin_trace

FRESH = b'{"status":"fresh"}'
WIRES = [Wire(form, chunked) for form in (SERVER_SENT_EVENTS, JSON_LINES) for chunked in (True, False)]
LINES = Wire(JSON_LINES, is_chunked=False)


def state(values: Mapping[str, int]) -> State:
    """One with these values of parts, and a tag that tells them from others."""
    parts = {name: Told(FRESH, b"%d" % value) for name, value in values.items()}
    return State(parts, b"{}", f'W/"{"-".join(str(value) for value in values.values())}"')


def stream(wire: Wire = LINES) -> LiveStream:
    """One that keeps what it is told, for it has no head yet."""
    return LiveStream(wire, Exchange(begin_trace(None, None, None), 0.0), "somebody", None, Term(0.0, "limit"))


def _read(one: LiveStream) -> list[Any]:
    return [orjson.loads(line) for line in one.take_held().splitlines()]


VALUES = st.fixed_dictionaries({name: st.integers(0, 2) for name in "abc"})
STEPS = st.lists(st.tuples(VALUES, st.lists(st.booleans(), min_size=3, max_size=3)), max_size=12)


@given(VALUES, STEPS)
def test_whoever_reads_knows_the_newest_state(
    first: Mapping[str, int], steps: list[tuple[Mapping[str, int], list[bool]]]
) -> None:
    """However often a client was behind, what it was told adds up to that, and nothing is told that it knows."""
    one, streams = LookedAt(state(first)), [stream() for _ in range(3)]
    known = [dict(first) for _ in streams]
    for reader in streams:
        reader.version = one.version
        one.streams[reader] = None
    for values, behind in (*steps, (first, [False] * 3)):
        one.become(state(values))
        for reader, is_behind, knows in zip(streams, behind, known, strict=True):
            reader.is_behind = is_behind
            one.tell(reader)
            told = _read(reader)
            assert not is_behind or not told
            for event in told:
                if event["event"] == "part":
                    knows[event["data"]["name"]] = event["data"]["value"]
            if told:
                assert told[-1]["event"] == "complete"
                assert told[-1]["data"]["etag"] == state(values).etag
            assert is_behind or knows == values


def test_a_state_that_says_the_same_is_none() -> None:
    """Nor does it matter how much older something is."""
    one = LookedAt(state({"a": 1, "b": 2}))
    assert not one.become(state({"a": 1, "b": 2}))
    stale = Told(b'{"status":"stale","age":3.1,"reason":"timeout"}', b"1")
    assert one.become(State({"a": stale, "b": Told(FRESH, b"2")}, b"{}", None))
    older = stale._replace(provenance=b'{"status":"stale","age":44.0,"reason":"timeout"}')
    assert not one.become(State({"a": older, "b": Told(FRESH, b"2")}, b"{}", None))
    other = stale._replace(provenance=b'{"status":"stale","age":44.0,"reason":"unavailable"}')
    assert one.become(State({"a": other, "b": Told(FRESH, b"2")}, b"{}", None))
    assert one.version == 3


def test_what_is_the_same_again_is_confirmed() -> None:
    """Unless it is not whole, or the client has yet to be told of what came before."""
    one, reader, behind = LookedAt(state({"a": 1, "b": 2})), stream(), stream()
    reader.version = behind.version = one.version
    assert one.confirm(state({"a": 1, "b": 2}))
    one.tell(reader)
    (told,) = _read(reader)
    assert (told["id"], told["data"]["unchanged"]) == ("1-2", True)
    one.become(state({"a": 1, "b": 3}))
    one.confirm(state({"a": 1, "b": 3}))
    one.tell(behind)
    assert ["unchanged" in told["data"] for told in _read(behind)] == [False, False]
    assert not one.confirm(State(state({"a": 1, "b": 3}).parts, b"{}", None))


def test_an_id_is_forgotten_with_the_first_part_of_a_change() -> None:
    """Where the client is one that keeps it by itself; what follows is of no state until that is complete."""
    one, reader = LookedAt(state({"a": 1, "b": 2})), stream(Wire(SERVER_SENT_EVENTS, is_chunked=False))
    reader.version = one.version
    one.become(state({"a": 2, "b": 3}))
    one.tell(reader)
    assert [block.split(b"\n")[:2] for block in reader.take_held().split(b"\n\n")[:-1]] == [
        [b"event: part", b"id: "],
        [b"event: part", b'data: {"name":"b","provenance":{"status":"fresh"},"value":3}'],
        [b"event: complete", b"id: 2-3"],
    ]


def test_what_is_lost_is_told_without_a_state() -> None:
    """The parts that cannot be had are told, and that nothing is whole any more, by nothing being said of it."""
    one, reader = LookedAt(state({"a": 1, "b": 2})), stream()
    reader.version = one.version
    missing = Told(b'{"status":"missing","reason":"timeout"}', b"null")
    assert one.lose({"a": missing})
    assert not one.lose({"a": missing})
    one.tell(reader)
    assert [(told["event"], told["data"]["name"]) for told in _read(reader)] == [("part", "a")]
    assert one.become(state({"a": 1, "b": 2}))
    one.tell(reader)
    assert [told["event"] for told in _read(reader)] == ["part", "complete"]


def test_a_change_is_written_once_for_all() -> None:
    """The same bytes go to all on one wire, and a few clients at a time."""
    one = LookedAt(state({"a": 1}))
    readers = [stream(wire) for wire in WIRES for _ in range(100)]
    for reader in readers:
        reader.version = one.version
    one.become(state({"a": 2}))
    rest = one.tell_some(readers)
    assert 0 < len(rest) < len(readers)
    while rest:
        rest = one.tell_some(rest)
    held = {
        reader.wire: {id(data) for other in readers if other.wire == reader.wire for data in other._held or ()}
        for reader in readers
    }
    assert {wire: len(written) for wire, written in held.items()} == dict.fromkeys(WIRES, 1)

"""What becomes of events, one by one and in batches; over a cache and claims in this process."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from bff.events.outdating import OTHER, Outdating
from bff.events.seen import Seen
from bff.parts.invalidates import Invalidates
from shared.cache.claims import Claims, Done
from shared.cache.keys import Keys
from shared.events.cloud_event import CloudEvent
from tests.fixtures.jumping_loop import run
from tests.fixtures.log_lines import heard

KEEP, LIMIT = 600.0, 50
KIND: Final = "com.example.changed"
QUIET: Final = "com.example.touched"
DECLARED: Final = {
    KIND: Invalidates(KIND, lambda event: [f"thing:{event.subject}", f"shop:{event.source}"]),
    QUIET: Invalidates(QUIET, lambda _: []),
}


class Everything:
    """A cache that remembers what it was told."""

    def __init__(self) -> None:
        self.purged: list[str] = []
        self.calls = 0
        self.reaches_all = True

    async def purge_tags(self, tags: Sequence[str]) -> bool:
        """These."""
        self.purged += tags
        self.calls += 1
        return self.reaches_all

    async def purge_all(self) -> bool:
        """All of it."""
        self.purged.append("*")
        return self.reaches_all


class Elsewhere(Claims):
    """Another process has done everything."""

    async def once(self, names: Sequence[str], _do: object) -> Done:
        """Nothing is left to do."""
        return Done([], names, [])


class Scene:
    """What outdates, and what it is told to."""

    def __init__(self, *, elsewhere: bool = False) -> None:
        self.now = 1_000.0
        self.cache = Everything()
        claims = (Elsewhere if elsewhere else Claims)(None, Keys("test"), KEEP)
        seen = Seen(KEEP, LIMIT, lambda: self.now)
        self.outdating = Outdating(DECLARED, self.cache, claims, seen, epoch=lambda: self.now)

    def take(self, *events: CloudEvent | None, live: bool = False) -> tuple[Mapping[str, int], bool]:
        """What becomes of them."""
        told = run(self.outdating.take(events, live=live))
        return dict(told.outcomes), told.everywhere


def event(number: int = 1, kind: str = KIND, **more: Any) -> CloudEvent:
    """One of these, about a thing of its own."""
    return CloudEvent(
        **{"specversion": "1.0", "id": str(number), "source": "s", "type": kind, "subject": str(number), **more}
    )


def counted(kind: str, outcome: str) -> float:
    """How many events have ended so."""
    return REGISTRY.get_sample_value("events_total", {"type": kind, "outcome": outcome}) or 0.0


def observed(name: str) -> float:
    """What is told of the delays."""
    return REGISTRY.get_sample_value(f"event_delay_seconds_{name}", {"type": KIND}) or 0.0


def test_what_an_event_tells_of_is_outdated_once() -> None:
    """All that a batch tells of at once; an event that comes again is dropped for ten minutes."""
    scene = Scene()
    assert scene.take(event(1), event(2), event(1)) == ({"taken": 2, "repeated": 1}, True)
    assert (scene.cache.purged, scene.cache.calls) == (["thing:1", "shop:s", "thing:2"], 1)
    scene.now += KEEP - 1
    assert scene.take(event(1)) == ({"repeated": 1}, True)
    assert scene.take(event(1, source="t")) == ({"taken": 1}, True)
    scene.now += 1
    assert scene.take(event(1)) == ({"taken": 1}, True)


def test_source_and_id_are_not_mixed_up() -> None:
    """Whatever stands in them."""
    scene = Scene()
    pairs = [("a", "b c"), ("a b", "c"), ("a b c", "d"), ("1 a", "b")]
    for source, name in pairs:
        tell = event(1, id=name, source=source, kind=QUIET)
        assert scene.take(tell) == ({"taken": 1}, True)
    assert scene.cache.calls == 0


@pytest.mark.parametrize(
    ("odd", "kind", "outcome"),
    [
        (None, OTHER, "malformed"),
        (event(1, "com.example.else"), OTHER, "ignored"),
        (event(1, subject=None), KIND, "malformed"),
        (event(1, subject="a b"), KIND, "malformed"),
        (event(1, source="shop{1}"), KIND, "malformed"),
    ],
    ids=range(5),
)
def test_what_says_nothing_costs_the_others_nothing(odd: CloudEvent | None, kind: str, outcome: str) -> None:
    """It is counted, and the log says so a few times, without anything of the event."""
    scene, lines = Scene(), list[bytes]()
    before = counted(kind, outcome)
    with heard(lines.append):
        for number in range(20):
            assert scene.take(odd, event(number + 2)) == ({outcome: 1, "taken": 1}, True)
    assert counted(kind, outcome) == before + 20
    told = [json.loads(line) for line in lines if b"event not taken" in line]
    assert len(told) <= 5
    for one in told:
        assert (one["type"], one["outcome"]) == (kind, outcome)
        assert not {"else", "a b", "shop{1}"} & {str(fact) for fact in one.values()}


def test_what_did_not_reach_all_can_come_again() -> None:
    """It is not remembered, whatever else was with it."""
    scene = Scene()
    scene.cache.reaches_all = False
    assert scene.take(event(1), event(2, QUIET), None) == ({"malformed": 1, "failed": 2}, False)
    scene.cache.reaches_all = True
    assert scene.take(event(1), event(2, QUIET)) == ({"taken": 2}, True)


def test_what_another_process_has_done_is_not_done_again() -> None:
    """Whoever reads it in the stream has seen it happen; to whoever sends it, it is a repetition."""
    for live, outcome in ((True, "taken"), (False, "repeated")):
        scene = Scene(elsewhere=True)
        assert scene.take(event(1), live=live) == ({outcome: 1}, True)
        assert scene.take(event(1), live=live) == ({"repeated": 1}, True)
        assert scene.cache.purged == []


@given(st.floats(-1_000, 1_000))
def test_the_delay_is_told_of_what_has_a_time(seconds: float) -> None:
    """Never less than nothing, whatever clocks say."""
    scene = Scene()
    before = observed("sum"), observed("count")
    scene.take(event(1), event(2, time=datetime.fromtimestamp(scene.now - seconds, UTC)))
    assert observed("count") == before[1] + 1
    assert observed("sum") - before[0] == pytest.approx(max(0.0, seconds), abs=1e-3)


def test_what_is_written_is_read() -> None:
    """As it stands in a stream; what is no event is counted, and done with."""
    scene = Scene()
    written = json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": KIND, "subject": "1"}).encode()
    before = counted(OTHER, "malformed")
    assert run(scene.outdating.take_written([written, None, b"{", b"x" * 100_000], live=True)) is True
    assert (scene.cache.purged, counted(OTHER, "malformed")) == (["thing:1", "shop:s"], before + 3)
    scene.cache.reaches_all = False
    assert run(scene.outdating.take_written([written.replace(b'"1"', b'"2"')], live=True)) is False


def test_a_lost_place_gives_all_up() -> None:
    """Once in all processes."""
    scene = Scene()
    assert run(scene.outdating.distrust("1-1")) is True
    assert scene.cache.purged == ["*"]
    scene.cache.reaches_all = False
    assert run(scene.outdating.distrust("1-1")) is False
    other = Scene(elsewhere=True)
    assert run(other.outdating.distrust("1-1")) is True
    assert other.cache.purged == []


@given(st.lists(st.tuples(st.integers(0, 80), st.floats(0, 400)), max_size=200))
def test_what_is_seen_is_remembered_so_long(steps: list[tuple[int, float]]) -> None:
    """Of more than there is room for, the latest."""
    now = 0.0
    seen = Seen(KEEP, LIMIT, lambda: now)
    added: dict[str, float] = {}
    for number, seconds in steps:
        now += seconds
        name = str(number)
        latest = list(added)[-LIMIT:]
        assert (name in seen) == (name in latest and added[name] + KEEP > now)
        added.pop(name, None)
        added[name] = now
        seen.add(name)
        assert len(seen) <= LIMIT

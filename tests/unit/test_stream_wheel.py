"""The wheel by which streams are told of time."""

from hypothesis import given
from hypothesis import strategies as st

from shared.http.streams.wheel import Wheel

THINGS = st.lists(st.tuples(st.integers(0, 20), st.floats(1_000, 1_100)))
TURNS = st.lists(st.floats(0, 200), min_size=1, max_size=20)


@given(THINGS, TURNS)
def test_each_thing_is_due_once_and_not_before_its_time(things: list[tuple[int, float]], steps: list[float]) -> None:
    """At the first turn after the whole second that follows its instant, however turns come."""
    wheel: Wheel[int] = Wheel(1_000.0)
    wanted: dict[int, float] = {}
    for thing, at in things:
        wheel.put(thing, at)
        wanted[thing] = at
    assert len(wheel) == len(wanted)
    now = 1_000.0
    for step in (*steps, 200.0):
        now += step
        due = wheel.turn(now)
        assert len(set(due)) == len(due)
        for thing in due:
            assert wanted.pop(thing) <= now
        assert all(at > now - 1 for at in wanted.values())
    assert not wanted
    assert len(wheel) == 0


def test_what_is_taken_off_is_not_due() -> None:
    """Nor is what was never on; what is put again is due at its new time alone."""
    wheel: Wheel[str] = Wheel(0.0)
    for thing in ("a", "b"):
        wheel.put(thing, 5.0)
    for thing in ("a", "a", "c"):
        wheel.remove(thing)
    wheel.put("b", 7.0)
    assert [wheel.turn(float(now)) for now in (5, 6, 7, 8)] == [[], [], ["b"], []]

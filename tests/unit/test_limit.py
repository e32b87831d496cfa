"""The number of calls that a service gets at once."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.upstream.limit import AimdLimit, Limit, StaticLimit


def _shrunk(most: int, times: int) -> AimdLimit:
    """A limit after so many drops, each of which counted."""
    now = [1000.0]
    limit = AimdLimit(most, lambda: now[0])
    for _ in range(times):
        limit.dropped()
        now[0] += 1
    return limit


def test_a_static_limit_never_changes() -> None:
    """However its calls fare."""
    limit: Limit = StaticLimit(7)
    for _ in range(100):
        limit.dropped()
        limit.succeeded(7)
    assert limit.value == 7


def test_an_adaptive_limit_begins_at_its_most_and_stays_there() -> None:
    """A service that copes gets all there is, and never more."""
    limit = AimdLimit(50, lambda: 0.0)
    assert limit.value == 50
    for _ in range(1000):
        limit.succeeded(50)
    assert limit.value == 50


@pytest.mark.parametrize(("most", "least"), [(100, 5), (5, 5), (3, 3), (1, 1)])
def test_it_never_shrinks_below_five_or_its_most(most: int, least: int) -> None:
    """A service that drops everything is still asked."""
    assert _shrunk(most, 100).value == least


def test_a_drop_takes_a_tenth() -> None:
    """Multiplicative decrease."""
    assert [_shrunk(100, times).value for times in range(4)] == [100, 90, 81, 72]


def test_calls_that_are_dropped_together_count_once() -> None:
    """In each tenth of a second it shrinks at most once."""
    now = [1000.0]
    limit = AimdLimit(100, lambda: now[0])
    seen = []
    for now[0] in (1000.0, 1000.05, 1000.09, 1000.11, 1000.2, 1000.22):
        for _ in range(20):
            limit.dropped()
        seen.append(limit.value)
    assert seen == [90, 90, 90, 81, 81, 72]


def test_a_round_of_calls_that_go_well_adds_one() -> None:
    """Additive increase, as slow as it is large."""
    limit = _shrunk(100, 100)
    for value in (5, 6, 7, 8, 9):
        assert limit.value == value
        for _ in range(value + 1):
            limit.succeeded(value)


@pytest.mark.parametrize(("in_flight", "grows"), [(0, False), (1, False), (40, False), (41, True), (81, True)])
def test_it_grows_only_while_it_is_used_by_half(in_flight: int, grows: bool) -> None:
    """Calls that go well in an idle service do not tell how much more it could bear."""
    limit = _shrunk(100, 2)
    for _ in range(200):
        limit.succeeded(in_flight)
    assert (limit.value > 81) is grows


@given(most=st.integers(1, 300), events=st.lists(st.tuples(st.booleans(), st.floats(0, 0.2), st.integers(0, 300))))
@settings(deadline=None)
def test_it_keeps_its_bounds_and_its_pace(most: int, events: list[tuple[bool, float, int]]) -> None:
    """Whatever happens in whatever order: between its least and its most, and never two steps down at once."""
    now = [1000.0]
    limit = AimdLimit(most, lambda: now[0])
    shrunk_at: list[float] = []
    for dropped, pause, in_flight in events:
        now[0] += pause
        before = limit.value
        if dropped:
            limit.dropped()
            assert limit.value <= before
        else:
            limit.succeeded(in_flight)
            assert before <= limit.value <= before + 1
        assert min(5, most) <= limit.value <= most
        if limit.value < before:
            assert limit.value >= int(before * 0.9)
            shrunk_at.append(now[0])
    assert all(late - early >= 0.0999 for early, late in pairwise(shrunk_at))

"""When a call is late, and how many may be hedged."""

import random

import pytest

from shared.upstream.hedge_pace import CALLS, MIN_SECONDS, HedgePace


def _after(durations: list[float]) -> HedgePace:
    pace = HedgePace()
    for seconds in durations:
        pace.observe(seconds)
    return pace


def test_nothing_is_late_before_a_hundred_calls_are_known() -> None:
    """The percentile of a few says nothing."""
    assert _after([0.05] * (CALLS - 1)).delay is None
    assert _after([0.05] * CALLS).delay == 0.05


def test_late_is_what_takes_longer_than_95_of_a_hundred() -> None:
    """In whatever order they came."""
    durations = [number / 1000 for number in range(1, 101)]
    random.Random(7).shuffle(durations)
    assert _after(durations).delay == 0.095


def test_it_is_never_sooner_than_ten_milliseconds() -> None:
    """Fast services are not asked twice for a hiccup."""
    assert _after([0.0001] * CALLS).delay == MIN_SECONDS


def test_the_last_hundred_count() -> None:
    """A service that has become slower is given its time."""
    pace = _after([0.02] * 500)
    for _ in range(CALLS):
        pace.observe(0.2)
    assert pace.delay == 0.2


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_no_more_than_the_budget_is_hedged(share: float) -> None:
    """Whoever asks for each call gets the share, and what had been saved."""
    pace = HedgePace(share)
    got = 0
    for _ in range(10_000):
        pace.observe(0.01)
        got += pace.acquire()
    assert got == pytest.approx(10_000 * share, abs=1)


def test_little_is_saved_up() -> None:
    """After a day without a hedge a burst gets a handful."""
    pace = _after([0.01] * 100_000)
    assert sum(pace.acquire() for _ in range(100)) == 5

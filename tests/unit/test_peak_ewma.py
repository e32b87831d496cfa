"""The estimate of a latency: peaks at once, forgotten with time."""

from math import e

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.upstream.peak_ewma import DECAY_SECONDS, PeakEwma

SECONDS = st.floats(0, 60)


def test_nothing_is_known_of_one_that_was_never_asked() -> None:
    """No latency is not a latency of nothing."""
    assert PeakEwma().value(100.0) is None


def test_a_peak_counts_at_once_and_falls_to_a_share_of_it_in_the_decay_time() -> None:
    """What is slower than the estimate is the estimate; unasked it falls by e in ten seconds."""
    latency = PeakEwma()
    latency.observe(0.01, 0)
    latency.observe(0.5, 1)
    assert latency.value(1) == 0.5
    assert latency.value(1 + DECAY_SECONDS) == pytest.approx(0.5 / e)


def test_faster_answers_bring_it_down_by_the_time_that_passes_not_by_their_number() -> None:
    """A thousand fast answers in a moment do not outweigh one that was slow; ten seconds of them nearly do."""
    latency = PeakEwma()
    latency.observe(1.0, 0)
    for _ in range(1000):
        latency.observe(0.01, 0.001)
    assert latency.value(0.001) == pytest.approx(1.0, rel=0.01)
    for tenth in range(1, 501):
        latency.observe(0.01, tenth / 10)
    assert latency.value(50) == pytest.approx(0.01, rel=0.8)


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=30))
def test_it_lies_between_what_was_seen_last_and_the_slowest_of_all(seen: list[tuple[float, float]]) -> None:
    """Whatever comes, in whatever order."""
    latency, now = PeakEwma(), 0.0
    for seconds, later in seen:
        now += later
        latency.observe(seconds, now)
        value = latency.value(now)
        assert value is not None
        assert seconds * 0.999999 <= value <= max(each for each, _ in seen) * 1.000001

"""For how long Redis is left alone before it is tried again."""

import pytest

from shared.cache.backoff import STEADY_SECONDS, Backoff
from tests.fixtures.gateway import Clock

FALLS = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
ATTEMPTS = [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]


def fall_after(hold_off: Backoff, clock: Clock, seconds: float) -> float:
    """The pause after Redis has been up for so long."""
    hold_off.connected()
    clock.now += seconds
    return hold_off.after_loss()


@pytest.mark.parametrize("up", [0.0, 0.001, 1.0, STEADY_SECONDS - 0.001])
def test_what_falls_again_and_again_is_left_alone_twice_as_long(up: float) -> None:
    """However long it has been away meanwhile."""
    clock = Clock()
    hold_off = Backoff(clock)
    pauses = []
    for number in range(len(FALLS)):
        pauses.append(fall_after(hold_off, clock, up))
        clock.now += 100.0 * number
    assert pauses == pytest.approx(FALLS)


@pytest.mark.parametrize("falls", range(1, len(FALLS)))
def test_it_begins_anew_after_having_stayed_up(falls: int) -> None:
    """And not before."""
    clock = Clock()
    hold_off = Backoff(clock)
    for _ in range(falls):
        fall_after(hold_off, clock, 0.0)
    assert fall_after(hold_off, clock, STEADY_SECONDS - 1) == pytest.approx(FALLS[falls])
    assert fall_after(hold_off, clock, STEADY_SECONDS) == pytest.approx(FALLS[0])
    assert fall_after(hold_off, clock, 0.0) == pytest.approx(FALLS[1])


@pytest.mark.parametrize("falls", range(4))
def test_what_is_not_there_is_tried_at_least_once_a_second(falls: int) -> None:
    """Ever more seldom, however often it has fallen; from the beginning once it has been there."""
    clock = Clock()
    hold_off = Backoff(clock)
    for _ in range(falls):
        fall_after(hold_off, clock, 0.0)
    for _ in range(2):
        assert [hold_off.after_failure() for _ in ATTEMPTS] == pytest.approx(ATTEMPTS)
        hold_off.connected()

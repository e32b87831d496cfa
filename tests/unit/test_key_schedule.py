"""When an issuer's keys are fetched, and for how long they count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.key_schedule import KEEP_SECONDS, KeySchedule
from tests.fixtures.gateway import Clock


def fetched(schedule: KeySchedule, *, good: bool) -> bool:
    """A fetch that takes no time; tells whether there are keys afterwards."""
    schedule.began()
    if good:
        schedule.succeeded()
        return True
    return schedule.failed()


def test_without_keys_it_is_tried_every_second() -> None:
    """From the start on, however often it fails."""
    clock = Clock()
    schedule = KeySchedule(300, 30, clock)
    assert schedule.pause() == 0
    for _ in range(5):
        assert not fetched(schedule, good=False)
        assert (schedule.pause(), schedule.may_fetch()) == (1.0, False)
        clock.now += 1.0
        assert (schedule.pause(), schedule.may_fetch()) == (0.0, True)


@pytest.mark.parametrize(
    ("interval", "cooldown", "after_failure"), [(300, 30, 30), (10, 30, 10), (86_400, 86_400, 86_400)]
)
def test_with_keys_it_keeps_to_its_interval(interval: float, cooldown: float, after_failure: float) -> None:
    """After a failure it is sooner, as soon as the cooldown allows."""
    clock = Clock()
    schedule = KeySchedule(interval, cooldown, clock)
    fetched(schedule, good=True)
    assert schedule.pause() == interval
    clock.now += 1.0
    fetched(schedule, good=False)
    assert schedule.pause() == min(after_failure, KEEP_SECONDS - 1.0)


@pytest.mark.parametrize("good", [True, False])
def test_any_fetch_begins_the_cooldown(good: bool) -> None:
    """One of its own as much as one that somebody asks for, counted from its beginning."""
    clock = Clock()
    schedule = KeySchedule(300, 30, clock)
    fetched(schedule, good=True)
    clock.now += 100.0
    assert schedule.may_fetch()
    schedule.began()
    clock.now += 2.0
    schedule.succeeded() if good else schedule.failed()
    clock.now += 27.9
    assert not schedule.may_fetch()
    clock.now += 0.2
    assert schedule.may_fetch()


@given(st.floats(300, 86_400), st.floats(300, 86_400), st.lists(st.floats(0, 2), min_size=1, max_size=3))
def test_keys_count_for_a_day_after_the_last_good_fetch(
    interval: float, cooldown: float, durations: list[float]
) -> None:
    """And not for longer than that and the fetch that finds no others, whatever the settings are."""
    clock = Clock()
    schedule = KeySchedule(interval, cooldown, clock)
    fetched(schedule, good=True)
    good, fetches = clock.now, 0
    while True:
        clock.now += schedule.pause()
        schedule.began()
        clock.now += durations[fetches % len(durations)]
        fetches += 1
        if not schedule.failed():
            break
        assert clock.now - good < KEEP_SECONDS
        assert fetches <= KEEP_SECONDS / min(interval, cooldown) + 2
    assert KEEP_SECONDS <= clock.now - good <= KEEP_SECONDS + 2
    assert schedule.pause() <= 1.0

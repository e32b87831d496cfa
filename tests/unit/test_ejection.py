"""Failures in a row of one instance, and for how long it is kept out."""

import pytest

from shared.upstream.ejection import Ejection, EjectionRules


def _fail(ejection: Ejection, times: int) -> bool:
    return [ejection.failed() for _ in range(times)][-1]


@pytest.mark.parametrize("failures", [1, 2, 5, 7])
def test_it_is_due_after_so_many_failures_in_a_row(failures: int) -> None:
    """And one answer between them begins the count again."""
    ejection = Ejection(EjectionRules(failures=failures))
    if failures > 1:
        assert not _fail(ejection, failures - 1)
    ejection.succeeded()
    assert [ejection.failed() for _ in range(failures)] == [False] * (failures - 1) + [True]


def test_it_stays_due_while_it_fails_on_and_there_is_no_place_outside() -> None:
    """Whoever could not be ejected is as soon as there is room."""
    ejection = Ejection()
    assert _fail(ejection, 5)
    assert _fail(ejection, 1)


def test_each_time_soon_after_is_longer_up_to_the_longest() -> None:
    """Thirty seconds, sixty, ninety … three hundred."""
    ejection, now, durations = Ejection(), 1000.0, []
    for _ in range(12):
        durations.append(ejection.eject(now))
        now = ejection.until + 1
    assert durations == [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]


def test_one_that_has_been_well_for_as_long_as_it_was_out_begins_anew() -> None:
    """What happened long ago does not count."""
    ejection = Ejection()
    ejection.eject(0)
    assert ejection.eject(ejection.until + 1) == 60
    assert ejection.eject(ejection.until + 60.1) == 30


def test_it_needs_as_many_failures_again_when_it_has_returned() -> None:
    """Out is out: those of before are not counted twice."""
    ejection = Ejection()
    _fail(ejection, 5)
    ejection.eject(0)
    assert [ejection.failed() for _ in range(5)] == [False] * 4 + [True]

"""The gate: so many pieces of work at once, and when refusing more has lasted too long."""

from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from shared.errors import Shed
from shared.http.load_shedder import LoadShedder


def _shed(gate: LoadShedder) -> None:
    with pytest.raises(Shed), gate:
        pass


def _full(now: list[float]) -> LoadShedder:
    gate = LoadShedder(1, lambda: now[0])
    gate.__enter__()
    return gate


def test_past_its_bound_work_is_shed() -> None:
    """With a hint when to come back; once a piece of work is done, the next one is let in."""
    gate = LoadShedder(3)
    with ExitStack() as inside:
        for _ in range(2):
            inside.enter_context(gate)
        with gate:
            with pytest.raises(Shed) as refusal, gate:
                pass
            assert (refusal.value.retry_after, gate.in_flight) == (1, 3)
        with gate:
            assert gate.in_flight == 3
    assert gate.in_flight == 0


def test_work_that_fails_makes_room_too() -> None:
    """An exception goes through, and the place is free."""
    gate = LoadShedder(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), gate:
            raise ValueError("broken")
    assert gate.in_flight == 0


def test_what_is_shed_is_counted() -> None:
    """Each refusal is one in the metric."""
    before = REGISTRY.get_sample_value("requests_shed_total") or 0.0
    gate = _full([0.0])
    for _ in range(3):
        _shed(gate)
    assert REGISTRY.get_sample_value("requests_shed_total") == before + 3


@pytest.mark.parametrize(("most", "inside", "half_full"), [(10, 4, False), (10, 5, True), (5, 2, False), (5, 3, True)])
def test_it_says_when_it_is_half_full(most: int, inside: int, half_full: bool) -> None:
    """From half of its bound on, what can wait had better wait."""
    gate = LoadShedder(most)
    with ExitStack() as work:
        for _ in range(inside):
            work.enter_context(gate)
        assert gate.is_half_full is half_full
    assert gate.is_half_full is False


def test_shedding_for_five_seconds_is_overload_and_a_second_without_ends_it() -> None:
    """Being full alone is none, nor is a single refusal, however long ago."""
    now = [1000.0]
    gate = _full(now)
    seen = [gate.is_overloaded]
    for seconds in [0.0] + [0.5] * 10:
        now[0] += seconds
        _shed(gate)
        seen.append(gate.is_overloaded)
    assert seen == [False] * 11 + [True]
    now[0] += 0.75
    still = gate.is_overloaded
    now[0] += 0.25
    assert (still, gate.is_overloaded) == (True, False)
    _shed(gate)
    now[0] += 5
    assert gate.is_overloaded is False


@pytest.mark.parametrize(("pause", "overloaded"), [(0.75, True), (1.0, False)])
def test_a_pause_of_a_second_begins_anew(pause: float, overloaded: bool) -> None:
    """Bursts that come again and again are no overload."""
    now = [1000.0]
    gate = _full(now)
    for _ in range(20):
        _shed(gate)
        now[0] += pause
    _shed(gate)
    assert gate.is_overloaded is overloaded


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60))
@settings(deadline=None)
def test_it_agrees_with_a_list_of_refusals(steps: list[tuple[int, bool]]) -> None:
    """Overload is a chain of refusals that goes back five seconds from now with no gap of a second in it."""
    now = [1000.0]
    gate = _full(now)
    refusals: list[float] = []
    for quarters, sheds in steps:
        now[0] += quarters / 4
        if sheds:
            _shed(gate)
            refusals.append(now[0])
        begun = now[0]
        for at in reversed(refusals):
            if begun - at >= 1:
                break
            begun = at
        assert gate.is_overloaded is (now[0] - begun >= 5)

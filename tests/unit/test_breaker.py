"""The circuit breaker: when it opens, what it lets through while half-open, and when it closes."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.upstream.breaker import Breaker, BreakerRules, Outcome, State


def _enter(breaker: Breaker, times: int = 1) -> list[int]:
    permits = [breaker.admit() for _ in range(times)]
    assert None not in permits
    return [permit for permit in permits if permit is not None]


def _report(breaker: Breaker, outcome: Outcome, times: int = 1) -> State:
    for _ in range(times):
        (permit,) = _enter(breaker)
        breaker.record(permit, outcome)
    return breaker.state


def _opened(now: list[float]) -> Breaker:
    breaker = Breaker(clock=lambda: now[0])
    assert _report(breaker, "failure", 20) is State.OPEN
    return breaker


_ENOUGH = [("success", 0, 20), ("success", 10, 10), ("success", 100, 100), ("failure", 10, 10), ("failure", 19, 1)]
_TOO_FEW = [("success", 0, 19), ("success", 11, 10), ("success", 100, 99), ("failure", 9, 100)]


@pytest.mark.parametrize(("early", "times", "others"), _ENOUGH + _TOO_FEW)
def test_it_opens_when_half_of_at_least_twenty_calls_fail(early: Outcome, times: int, others: int) -> None:
    """Neither fewer calls nor a smaller share is enough; the last of them may well be a success."""
    breaker = Breaker(clock=lambda: 1000.0)
    late: Outcome = "failure" if early == "success" else "success"
    assert _report(breaker, early, times) is State.CLOSED
    assert _report(breaker, late, others - 1) is State.CLOSED
    opened = _report(breaker, late) is State.OPEN
    assert opened is ((early, times, others) in _ENOUGH)


@given(outcomes=st.lists(st.sampled_from(["success", "failure"]), min_size=20, max_size=60))
@settings(deadline=None)
def test_it_opens_with_the_first_result_that_makes_failures_half_of_enough_calls(outcomes: list[Outcome]) -> None:
    """In whatever order they come."""
    breaker = Breaker(clock=lambda: 1000.0)
    calls = next((n for n in range(20, len(outcomes) + 1) if 2 * outcomes[:n].count("failure") >= n), None)
    states = [_report(breaker, outcome) for outcome in outcomes[:calls]]
    assert states == [State.CLOSED] * (len(states) - 1) + [State.CLOSED if calls is None else State.OPEN]


@pytest.mark.parametrize(
    ("early", "late", "times", "state"),
    [
        ("failure", "failure", 1, State.CLOSED),
        ("failure", "success", 1, State.CLOSED),
        ("success", "failure", 20, State.OPEN),
    ],
)
def test_results_leave_the_window_after_ten_seconds(early: Outcome, late: Outcome, times: int, state: State) -> None:
    """Old failures no longer open it, and old successes no longer keep it closed."""
    now = [1000.0]
    breaker = Breaker(clock=lambda: now[0])
    _report(breaker, early, 19)
    now[0] += 10
    assert _report(breaker, late, times) is state


@given(start=st.floats(0, 1e6), gap=st.floats(0, 8.999) | st.floats(10, 1e6))
@settings(deadline=None)
def test_a_result_counts_for_nine_seconds_and_never_for_more_than_ten(start: float, gap: float) -> None:
    """The window moves in tenths of its length, wherever on the clock it begins."""
    now = [0.0]
    breaker = Breaker(BreakerRules(min_calls=2), lambda: now[0])
    states = [_report(breaker, "failure") for now[0] in (start, start + gap)]
    assert states == [State.CLOSED, State.OPEN if gap < 9 else State.CLOSED]


def test_it_stays_open_for_five_seconds_and_then_lets_five_calls_through() -> None:
    """The sixth is kept away until one of the five has come back."""
    now = [1000.0]
    breaker = _opened(now)
    now[0] += 4.5
    assert (breaker.admit(), breaker.state) == (None, State.OPEN)
    now[0] += 0.5
    probes = _enter(breaker, 5)
    assert (breaker.admit(), breaker.state) == (None, State.HALF_OPEN)
    breaker.record(probes[0], "success")
    _enter(breaker)
    assert breaker.admit() is None


def test_three_successes_close_it() -> None:
    """What was in the window before is forgotten: it takes twenty calls to open it again."""
    now = [1000.0]
    breaker = _opened(now)
    now[0] += 5
    states = [_report(breaker, "success") for _ in range(3)]
    assert states == [State.HALF_OPEN, State.HALF_OPEN, State.CLOSED]
    assert _report(breaker, "failure", 19) is State.CLOSED


def test_each_failed_trial_doubles_the_time_up_to_a_minute_and_closing_resets_it() -> None:
    """One failure is enough, also after two successes."""
    now = [1000.0]
    breaker = _opened(now)
    for seconds in (5, 10, 20, 40, 60, 60, 60, 5):
        now[0] += seconds - 0.5
        assert breaker.admit() is None
        now[0] += 0.5
        _report(breaker, "success", 2)
        if now[0] == 1000.0 + 5 + 10 + 20 + 40 + 60 + 60 + 60:
            _report(breaker, "success")
            _report(breaker, "failure", 19)
        assert _report(breaker, "failure") is State.OPEN


def test_ignored_outcomes_are_neutral_and_give_their_permits_back() -> None:
    """They are no calls of the window, and neither successes nor failures of a trial."""
    now = [1000.0]
    breaker = Breaker(clock=lambda: now[0])
    _report(breaker, "failure", 19)
    assert _report(breaker, "ignored", 100) is State.CLOSED
    _report(breaker, "failure")
    now[0] += 5
    assert _report(breaker, "ignored", 100) is State.HALF_OPEN
    _enter(breaker, 5)
    assert breaker.admit() is None


def test_results_of_calls_from_before_a_change_count_for_nothing() -> None:
    """Neither calls that were let through while it was closed, nor those of an earlier trial."""
    now = [1000.0]
    breaker = Breaker(clock=lambda: now[0])
    early = _enter(breaker, 40)
    _report(breaker, "failure", 20)
    breaker.record(early.pop(), "success")
    now[0] += 5
    trial = _enter(breaker, 5)
    breaker.record(early.pop(), "failure")
    assert (breaker.admit(), breaker.state) == (None, State.HALF_OPEN)
    breaker.record(trial.pop(), "failure")
    now[0] += 10
    _report(breaker, "success", 2)
    breaker.record(trial.pop(), "success")
    assert _report(breaker, "ignored") is State.HALF_OPEN
    assert _report(breaker, "success") is State.CLOSED
    for permit in [*early, *trial]:
        breaker.record(permit, "failure")
    assert _report(breaker, "ignored") is State.CLOSED


def test_each_change_is_told_once() -> None:
    """However many calls were under way when it came about."""
    now = [1000.0]
    told: list[tuple[State, State]] = []
    breaker = Breaker(clock=lambda: now[0], changed=lambda before, after: told.append((before, after)))
    for permit in _enter(breaker, 100):
        breaker.record(permit, "failure")
    assert told == [(State.CLOSED, State.OPEN)]
    now[0] += 5
    for permit in _enter(breaker, 5):
        breaker.record(permit, "success")
    assert told[1:] == [(State.OPEN, State.HALF_OPEN), (State.HALF_OPEN, State.CLOSED)]


@dataclass(eq=False)
class Phase:
    """The time since a change of state: a bare list of results, and how many calls are out."""

    state: State
    since: float
    results: list[tuple[float, Outcome]] = field(default_factory=list)
    out: int = 0


class Model(RuleBasedStateMachine):
    """A breaker against a naive model. Time goes by in whole seconds, so that a list of results and slices agree."""

    @initialize(fraction=st.floats(0, 0.875))
    def begin(self, fraction: float) -> None:
        """It is closed, and nobody is under way."""
        self.now = 1000 + fraction
        self.changes: list[State] = []
        self.breaker = Breaker(clock=lambda: self.now, changed=lambda _before, after: self.changes.append(after))
        self.phases = [Phase(State.CLOSED, self.now)]
        self.open_for = 5.0
        self.under_way: list[tuple[int, Phase]] = []

    def _turn(self, state: State) -> None:
        self.phases.append(Phase(state, self.now))

    @rule(times=st.integers(1, 8))
    def calls_begin(self, times: int) -> None:
        """Calls are let through, or kept away, one after the other."""
        for _ in range(times):
            if self.phases[-1].state is State.OPEN and self.now - self.phases[-1].since >= self.open_for:
                self._turn(State.HALF_OPEN)
            phase = self.phases[-1]
            permit = self.breaker.admit()
            assert (permit is not None) is (
                phase.out < {State.CLOSED: 1e9, State.HALF_OPEN: 5, State.OPEN: 0}[phase.state]
            )
            if permit is not None:
                phase.out += 1
                self.under_way.append((permit, phase))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), outcome=st.sampled_from(["success", "failure", "ignored"]), times=st.integers(1, 8))
    def calls_end(self, data: st.DataObject, outcome: Outcome, times: int) -> None:
        """Some of the calls under way end, whenever they began."""
        for _ in range(min(times, len(self.under_way))):
            self._end(data.draw(st.integers(0, len(self.under_way) - 1)), outcome)

    @rule(outcome=st.sampled_from(["success", "failure"]), times=st.integers(1, 12))
    def calls_pass(self, outcome: Outcome, times: int) -> None:
        """Calls begin and end at once, which is what it takes to fill a window."""
        before = len(self.under_way)
        self.calls_begin(times)
        while len(self.under_way) > before:
            self._end(before, outcome)

    def _end(self, index: int, outcome: Outcome) -> None:
        permit, phase = self.under_way.pop(index)
        self.breaker.record(permit, outcome)
        phase.out -= 1
        phase.results.append((self.now, outcome))
        if phase is not self.phases[-1]:
            return
        results = [one for at, one in phase.results if self.now - at < 10 and one != "ignored"]
        if phase.state is State.CLOSED:
            if outcome != "ignored" and len(results) >= 20 and results.count("failure") / len(results) >= 0.5:
                self._turn(State.OPEN)
        elif outcome == "failure":
            self.open_for = min(60.0, self.open_for * 2)
            self._turn(State.OPEN)
        elif [one for _, one in phase.results].count("success") == 3:
            self.open_for = 5.0
            self._turn(State.CLOSED)

    @rule(seconds=st.integers(1, 12) | st.just(60))
    def time_passes(self, seconds: int) -> None:
        """Time goes on."""
        self.now += seconds

    @invariant()
    def it_is_where_the_model_is(self) -> None:
        """In the same state, reached by the same changes, each told once; never more than five on trial."""
        if hasattr(self, "breaker"):
            assert self.breaker.state is self.phases[-1].state
            assert self.changes == [phase.state for phase in self.phases[1:]]
            assert all(phase.out <= 5 for phase in self.phases if phase.state is State.HALF_OPEN)

    def teardown(self) -> None:
        """Once everybody is back, a trial has all of its five permits."""
        if hasattr(self, "breaker"):
            while self.under_way:
                self._end(0, "ignored")
            while self.breaker.state is State.CLOSED:
                _report(self.breaker, "failure")
            self.now += 60
            _enter(self.breaker, 5)
            assert self.breaker.admit() is None


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)

"""Retries: what is tried again, after which pause, and how much at once."""

import asyncio
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from shared.errors import AttemptTimeout, BadResponse, CircuitOpen, NoBudget, Overloaded, Unreachable, UpstreamError
from shared.upstream.call import Call, Change
from shared.upstream.retry import Draw, RetryBudget, RetryRules, retrying
from tests.fixtures.jumping_loop import Service, call, now, run

RULES = RetryRules()
WORTH_IT = Unreachable("status 503", retryable=True)
STALE = Unreachable("a pooled connection was stale", retryable=True, at_once=True, is_failure=False)
STALE_FOR_GOOD = Unreachable("stale, and no retry is worth it", at_once=True)
HOPELESS = Unreachable("status 500")


def _budget(least: int = 3) -> RetryBudget:
    return RetryBudget(0.2, least)


def _ask(
    service: Service,
    *,
    seconds: float = 10.0,
    rules: RetryRules = RULES,
    draw: Draw = lambda *_bounds: 0.125,
    least: int = 3,
) -> tuple[object, float]:
    """What a single call gives, and after how many seconds; whatever it is, the budget is whole again."""
    budget = _budget(least)

    async def ask() -> tuple[object, float]:
        try:
            result = await retrying("user_service", rules, budget, draw)(service)(call(seconds))
        except UpstreamError as error:
            result = error
        return result, now()

    got = run(ask())
    assert (budget.calls, budget.retries) == (0, 0)
    return got


def _not_drawn(*_bounds: float) -> float:
    raise AssertionError("a pause was drawn")


def test_another_attempt_may_do_better() -> None:
    """After the pause that is drawn between the bounds the service is asked again, as the next attempt."""
    drawn: list[tuple[float, float]] = []

    def draw(shortest: float, longest: float) -> float:
        drawn.append((shortest, longest))
        return 0.125

    service = Service(WORTH_IT, "well")
    assert _ask(service, draw=draw) == ("well", 0.125)
    assert (service.asked, drawn) == ([(0, 0.0), (1, 0.125)], [(0.025, 0.25)])


def test_pauses_are_spread_over_their_bounds() -> None:
    """Callers who failed together do not come back together."""
    pauses = [_ask(Service(WORTH_IT, "well"), draw=random.uniform)[1] for _ in range(50)]
    assert 0.025 <= min(pauses) < max(pauses) - 0.1 < max(pauses) <= 0.25
    assert len(set(pauses)) == 50


@pytest.mark.parametrize("retry_after", [0.0, 2.0])
def test_the_pause_comes_on_top_of_what_the_service_asks_for(retry_after: float) -> None:
    """Callers who were all told the same time do not come back together either."""
    service = Service(Unreachable("status 503", retryable=True, retry_after=retry_after), "well")
    assert _ask(service) == ("well", retry_after + 0.125)


@pytest.mark.parametrize(("seconds", "retried"), [(1.9, False), (2.0, False), (2.004, False), (2.006, True)])
@pytest.mark.parametrize(("asked_for", "drawn"), [(None, 2.0), (1.5, 0.5), (2.0, 0.0)])
def test_a_retry_that_does_not_fit_is_not_waited_for(
    seconds: float, retried: bool, asked_for: float | None, drawn: float
) -> None:
    """After the whole pause there must be time to ask, or the error is given at once."""
    error = Unreachable("status 503", retryable=True, retry_after=asked_for)
    got = _ask(Service(error, "well"), seconds=seconds, draw=lambda *_bounds: drawn)
    assert got == (("well", 2.0) if retried else (error, 0.0))


@pytest.mark.parametrize("error", [STALE, STALE_FOR_GOOD])
def test_a_stale_connection_is_left_at_once_and_costs_nothing(error: UpstreamError) -> None:
    """The same attempt is sent again, where there is neither a retry nor a budget for one."""
    service = Service(error, "well")
    assert _ask(service, rules=RetryRules(retries=0), draw=_not_drawn, least=0) == ("well", 0.0)
    assert service.asked == [(0, 0.0)] * 2


def test_the_second_stale_connection_of_a_call_is_an_error_like_any_other() -> None:
    """It is retried after a pause, within the budget, if it is worth a retry."""
    service = Service(STALE, STALE, "well")
    assert _ask(service) == ("well", 0.125)
    assert service.asked == [(0, 0.0)] * 2 + [(1, 0.125)]
    assert _ask(Service(STALE, STALE, "well"), least=0) == (STALE, 0.0)
    assert _ask(Service(STALE_FOR_GOOD, STALE_FOR_GOOD, "well"), draw=_not_drawn) == (STALE_FOR_GOOD, 0.0)


@pytest.mark.parametrize("retries", [0, 1, 5])
@pytest.mark.parametrize("error", [STALE, WORTH_IT, STALE_FOR_GOOD, HOPELESS], ids=str)
def test_no_call_is_sent_more_often_than_its_retries_and_once(error: UpstreamError, retries: int) -> None:
    """Whatever it does to the connections that it is sent on: one that kills its service does so no more often."""
    service = Service(error)
    _ask(service, rules=RetryRules(retries=retries), least=1_000)
    assert len(service.asked) == 1 + error.at_once + (retries if error.retryable else 0)


_ERRORS = st.sampled_from([WORTH_IT, STALE, WORTH_IT, STALE, STALE_FOR_GOOD, HOPELESS])


@given(errors=st.lists(_ERRORS, max_size=10), retries=st.integers(0, 4))
@settings(deadline=None)
def test_a_call_is_sent_again_exactly_as_often_as_its_errors_allow(errors: list[UpstreamError], retries: int) -> None:
    """Once at once, and so many times after a pause; never without need, nor once too little."""
    stale = attempt = 0
    expected = [(0, 0.0)]
    for error in errors:
        if error.at_once and not stale:
            stale += 1
        elif error.retryable and attempt < retries:
            attempt += 1
        else:
            break
        expected.append((attempt, attempt * 0.125))
    service = Service(*errors, "well")
    result = _ask(service, rules=RetryRules(retries=retries))
    assert service.asked == expected
    assert result == ([*errors, "well"][len(expected) - 1], attempt * 0.125)


_LATE, _NOT_FOUND, _ODD = AttemptTimeout("late"), BadResponse("status 404", is_failure=False), BadResponse("odd")
_KEPT_AWAY = (CircuitOpen("open"), NoBudget("none left"), Overloaded("status 429"))


@pytest.mark.parametrize("error", [_LATE, _NOT_FOUND, _ODD, *_KEPT_AWAY, HOPELESS], ids=str)
def test_what_cannot_do_better_is_not_retried(error: UpstreamError) -> None:
    """The service is asked once, and the caller gets its error; no pause is drawn."""
    service = Service(error)
    assert _ask(service, draw=_not_drawn) == (error, 0.0)
    assert service.asked == [(0, 0.0)]


def test_one_retry_is_made_unless_the_rules_say_otherwise() -> None:
    """After the last attempt its error is the answer, at once; each retry has a pause of its own."""
    errors = [Unreachable(f"attempt {number}", retryable=True) for number in range(3)]
    assert _ask(Service(*errors)) == (errors[1], 0.125)
    assert _ask(Service(*errors), rules=RetryRules(retries=0), draw=_not_drawn) == (errors[0], 0.0)
    pauses = iter([1.0, 2.0])
    service = Service(*errors)
    assert _ask(service, rules=RetryRules(retries=2), draw=lambda *_bounds: next(pauses)) == (errors[2], 3.0)
    assert service.asked == [(0, 0.0), (1, 1.0), (2, 3.0)]


@given(calls=st.integers(0, 1000))
@settings(deadline=None)
def test_the_budget_is_a_fifth_of_the_calls_in_flight_and_at_least_three(calls: int) -> None:
    """Never exceeded by a fraction, sixteen calls have three retries; what is given back can be taken again."""
    budget = _budget()
    budget.calls = calls
    for _ in range(2):
        assert sum(budget.acquire() for _ in range(300)) == max(3, calls // 5)
        while budget.retries:
            budget.release()


@pytest.mark.parametrize("after", [0.5, 1.5], ids=["in the pause", "in the second attempt"])
def test_whoever_leaves_gives_the_budget_back(after: float) -> None:
    """A cancelled retry is over, and is not tried again."""
    budget = _budget()
    asked: list[int] = []

    async def service(asked_for: Call[Any]) -> Any:
        asked.append(asked_for.attempt)
        if asked_for.attempt:
            await asyncio.Event().wait()
        raise WORTH_IT

    async def leave() -> None:
        rules = RetryRules(min_pause=1, max_pause=1)
        leaving = asyncio.ensure_future(retrying("user_service", rules, budget)(service)(call()))
        await asyncio.sleep(after)
        assert (budget.calls, budget.retries) == (1, 1)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert leaving.cancelled()

    run(leave())
    assert (budget.calls, budget.retries) == (0, 0)
    assert asked == [0, 1][: 1 + int(after)]


def test_without_budget_the_first_error_is_the_answer() -> None:
    """Of ten calls that fail together three are retried; both are counted."""

    def counted(outcome: str) -> float:
        labels = {"service_name": "product_service", "outcome": outcome}
        return REGISTRY.get_sample_value("upstream_retries_total", labels) or 0.0

    before = {outcome: counted(outcome) for outcome in ("done", "denied")}
    service = Service(*[WORTH_IT] * 10, *["well"] * 10)

    async def ask() -> list[object]:
        send = retrying("product_service", RetryRules(), _budget())(service)
        return await asyncio.gather(*(send(call()) for _ in range(10)), return_exceptions=True)

    results = run(ask())
    assert (results.count("well"), results.count(WORTH_IT)) == (3, 7)
    assert {outcome: counted(outcome) - count for outcome, count in before.items()} == {"done": 3, "denied": 7}


def test_a_call_holds_one_unit_of_the_budget_from_its_first_retry_to_its_end() -> None:
    """However often it is retried, and a stale connection leaves it as it is."""
    budget = _budget(1)
    service = Service(WORTH_IT, STALE, WORTH_IT, WORTH_IT, "well")
    held: list[int] = []

    async def watched(asked: Call[Any]) -> Any:
        held.append(budget.retries)
        return await service(asked)

    async def ask() -> object:
        return await retrying("user_service", RetryRules(retries=3), budget)(watched)(call())

    assert (run(ask()), budget.retries) == ("well", 0)
    assert held == [0, 1, 1, 1, 1]


class Watched(RetryBudget):
    """A budget that compares what it gives with what it is for."""

    def acquire(self) -> bool:
        """As ever, but never more than is allowed at this moment, and never less."""
        taken = super().acquire()
        allowed = max(3, self.calls // 5)
        assert self.retries <= allowed if taken else self.retries >= allowed
        return taken


_TENTHS = st.integers(0, 5).map(lambda number: number / 10)
Caller = tuple[float, float, float, float | None, list[UpstreamError]]
_CALLERS = st.tuples(_TENTHS, _TENTHS, _TENTHS, st.none() | _TENTHS, st.lists(_ERRORS, max_size=5))


@given(callers=st.lists(_CALLERS, min_size=16, max_size=30))
@settings(deadline=None, max_examples=50)
def test_calls_that_are_retried_never_exceed_the_budget(callers: list[Caller]) -> None:
    """Whenever calls come, however long they take, whether they fail and are cancelled; afterwards it is whole."""
    budget = Watched(0.2, 3)
    retried: set[int] = set()

    async def visit(number: int, caller: Caller) -> None:
        comes, takes, pause, leaves, errors = caller
        service = Service(*errors, "well", takes=(takes,))

        async def watched(asked: Call[Any]) -> Any:
            if asked.attempt:
                retried.add(number)
            assert len(retried) <= budget.retries <= budget.calls
            return await service(asked)

        await asyncio.sleep(comes)
        send = retrying("user_service", RetryRules(retries=3), budget, lambda *_bounds: pause)(watched)
        try:
            async with asyncio.timeout(leaves):
                await send(call())
        finally:
            retried.discard(number)

    async def everybody() -> list[object]:
        return await asyncio.gather(*(visit(*numbered) for numbered in enumerate(callers)), return_exceptions=True)

    for result in run(everybody()):
        assert result is None or isinstance(result, Unreachable | TimeoutError)
    assert (budget.calls, budget.retries) == (0, 0)


@pytest.mark.parametrize("repeatable", [False, True])
@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize("error", [WORTH_IT, STALE, STALE_FOR_GOOD, HOPELESS], ids=str)
def test_a_change_that_may_have_arrived_is_sent_again_only_where_it_is_done_once(
    error: UpstreamError, leaves: bool, repeatable: bool
) -> None:
    """Also over another connection in the place of a stale one: the service may have read it from that."""
    change = Change("POST", "application/json", "", repeatable=repeatable)
    attempts = 0

    async def send(_call: Call[Any]) -> Any:
        nonlocal attempts
        attempts += 1
        change.sent += leaves
        raise error

    async def ask() -> None:
        with pytest.raises(UpstreamError):
            await retrying("user_service", RULES, _budget())(send)(msgspec.structs.replace(call(), change=change))

    run(ask())
    assert attempts == (1 if leaves and not repeatable else 1 + error.at_once + error.retryable)

"""All policies round one service together, over transports that do as they are told."""

import asyncio
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from shared.deadline import Deadline
from shared.errors import AttemptTimeout, BadResponse, CircuitOpen, NoBudget, Overloaded, Unreachable, UpstreamError
from shared.upstream.breaker import BreakerRules
from shared.upstream.call import Call
from shared.upstream.logical import Policies, Upstream
from shared.upstream.reading import status_only
from shared.upstream.retry import RetryRules
from tests.fixtures.jumping_loop import Service, call, now, run

NAME = "user_service"
DOWN = Unreachable("status 503", retryable=True)
STALE = Unreachable("a pooled connection was stale", retryable=True, at_once=True, is_failure=False)
TOUCHY = BreakerRules(min_calls=1)
"""Opens with the first failure, for longer than any test takes."""
ALWAYS_CLOSED = BreakerRules(min_calls=1_000_000)
NO_PAUSE = RetryRules(min_pause=0, max_pause=0)


class Counts:
    """What the metrics of the service have gone up by since."""

    def __init__(self) -> None:
        self._before = self._now()

    @staticmethod
    def _now() -> dict[str, float]:
        samples = [sample for family in REGISTRY.collect() for sample in family.samples]
        return {
            "_".join([sample.name, *(v for k, v in sample.labels.items() if k != "service_name")]): sample.value
            for sample in samples
            if sample.labels.get("service_name") == NAME and "le" not in sample.labels
        }

    def __call__(self, start: str) -> dict[str, float]:
        """By the rest of its name and its outcome, each that begins so and has changed."""
        after = self._now()
        gone_up = {name: value - self._before.get(name, 0) for name, value in after.items()}
        return {
            name.removeprefix(start): change for name, change in gone_up.items() if name.startswith(start) and change
        }


async def _got(upstream: Upstream, seconds: float = 10.0) -> tuple[object, float]:
    """What a call gives, and when."""
    try:
        return await upstream.call(call(seconds)), now()
    except UpstreamError as error:
        return type(error), now()


def _in_turn(upstream: Upstream, *seconds: float) -> list[tuple[object, float]]:
    """What calls with so much time each give, one after the other."""

    async def ask() -> list[tuple[object, float]]:
        return [await _got(upstream, each) for each in seconds]

    return run(ask())


def _at_once(upstream: Upstream, *seconds: float) -> list[tuple[object, float]]:
    """What as many calls give, all begun together."""

    async def ask() -> list[tuple[object, float]]:
        return list(await asyncio.gather(*(_got(upstream, each) for each in seconds)))

    return run(ask())


def test_a_retry_passes_the_breaker_again() -> None:
    """Where the first attempt has opened it, the second is not made."""
    service = Service(DOWN)
    counts = Counts()
    ((result, _),) = _in_turn(Upstream(NAME, service, Policies(breaker=TOUCHY)), 10)
    assert (result, len(service.asked)) == (CircuitOpen, 1)
    assert counts("upstream_calls_total_") == {"circuit_open": 1}
    assert counts("upstream_attempts_total_") == {"unavailable": 1}


def test_an_open_breaker_answers_at_once() -> None:
    """The service is not touched and nothing is retried; its health can still be asked for."""
    service = Service(Unreachable("status 500"), 200)
    upstream = Upstream(NAME, service, Policies(breaker=TOUCHY))
    _in_turn(upstream, 10)
    counts = Counts()
    assert _in_turn(upstream, 10, 10) == [(CircuitOpen, 0.0)] * 2
    assert len(service.asked) == 1
    assert run(upstream.health("/health")).suffices
    assert (counts("upstream_calls_total_"), counts("upstream_attempts_total_")) == ({"circuit_open": 2}, {})
    assert counts("upstream_retries_total_") == {}


def test_stale_connections_cost_nothing_and_are_nobodys_fault() -> None:
    """However many calls meet one each at once, all come through; the breaker stays closed."""
    counts = Counts()
    upstream = Upstream(NAME, Service(*[STALE] * 100, 200), Policies(breaker=TOUCHY))
    assert _at_once(upstream, *[10] * 100) == [(200, 0.0)] * 100
    assert (counts("upstream_retries_total_"), counts("service_errors_total")) == ({}, {})
    upstream = Upstream(NAME, Service(*[STALE] * 60, 200), Policies(retry=NO_PAUSE, breaker=TOUCHY))
    assert _in_turn(upstream, *[10] * 21) == [(Unreachable, 0.0)] * 20 + [(200, 0.0)]
    assert counts("upstream_retries_total_") == {"done": 20}


def test_a_stale_connection_found_too_late_is_not_replaced() -> None:
    """With less than five milliseconds left the service is not asked again."""
    service = Service(STALE, 200, takes=(0.497,))
    ((result, at),) = _in_turn(Upstream(NAME, service), 0.5)
    assert (len(service.asked), at) == (1, 0.497)
    assert result is Unreachable


def test_a_client_error_is_an_answer_and_no_failure() -> None:
    """4xx neither opens the breaker nor is it retried."""
    service = Service(BadResponse("status 404", is_failure=False))
    _in_turn(Upstream(NAME, service, Policies(breaker=TOUCHY)), *[10] * 30)
    assert len(service.asked) == 30


@pytest.mark.parametrize(("seconds", "attempts"), [(0.5, 1), (1.304, 1), (1.306, 2)])
def test_a_retry_that_does_not_fit_is_not_made(seconds: float, attempts: int) -> None:
    """The first error comes while there is time left to do something about it."""
    service = Service(Unreachable("status 503", retryable=True, retry_after=1.0), takes=(0.3,))
    ((result, at),) = _in_turn(Upstream(NAME, service, Policies(retry=NO_PAUSE)), seconds)
    assert len(service.asked) == attempts
    assert (result, at) == ((Unreachable, 0.3) if attempts == 1 else (AttemptTimeout, seconds))


def test_a_timeout_that_the_deadline_cut_short_is_no_failure() -> None:
    """One that had its full time is; neither is retried, and a call without time does not reach the service."""
    service = Service(200, takes=(100,))
    got = _in_turn(Upstream(NAME, service, Policies(timeout=0.8, breaker=TOUCHY)), 0.25, 0.5, 0.004, 2, 2)
    times = [0.25, 0.75, 0.75, 1.55, 1.55]
    errors = [AttemptTimeout, AttemptTimeout, NoBudget, AttemptTimeout, CircuitOpen]
    assert [error for error, _ in got] == errors
    assert [at for _, at in got] == pytest.approx(times)
    assert len(service.asked) == 3


@pytest.mark.parametrize(("spent", "speaks"), [(0.0, True), (0.05, True), (0.1, False), (0.5, False)])
def test_a_timeout_that_is_the_services_counts_also_when_the_deadline_is_no_later(spent: float, speaks: bool) -> None:
    """With as much time for an attempt as for the whole request, one that had nine tenths of it opens the breaker."""
    service = Service(200, takes=(100,))
    upstream = Upstream(NAME, service, Policies(timeout=0.8, breaker=TOUCHY))
    got = _in_turn(upstream, 0.8 - spent, 0.8)
    assert [error for error, _ in got] == [AttemptTimeout, CircuitOpen if speaks else AttemptTimeout]


def test_a_probe_of_its_health_is_sent_again_once_where_the_connection_was_stale() -> None:
    """A connection of the pool that was being closed says nothing about the service; two do."""
    assert run(Upstream(NAME, Service(STALE, 200)).health("/health")).suffices
    service = Service(STALE, STALE, 200)
    assert not run(Upstream(NAME, service).health("/health")).suffices
    assert len(service.asked) == 2


def test_a_timeout_while_this_process_was_held_up_is_no_failure() -> None:
    """When the clock has gone on much further than the attempt's time, the answer may have been there unread."""
    late = 0.0

    async def transport(_call: Call[Any]) -> Any:
        nonlocal late
        late += 0.2
        await asyncio.Event().wait()

    async def ask() -> None:
        upstream = Upstream(NAME, transport, Policies(breaker=TOUCHY))
        loop = asyncio.get_running_loop()
        for _ in range(3):
            with pytest.raises(AttemptTimeout):
                await upstream.call(Call("/", status_only, Deadline.after(5, lambda: loop.time() + late)))

    run(ask())


def test_a_full_bulkhead_is_no_failure_of_the_service() -> None:
    """Who finds no slot in time is told so, and is not retried; whoever has one goes on, and so does the breaker."""
    service = Service(200, takes=(0.5,))
    upstream = Upstream(NAME, service, Policies(concurrency=1, breaker=TOUCHY))
    counts = Counts()
    assert _at_once(upstream, 10, 0.25, 10) == [(200, 0.5), (Overloaded, pytest.approx(0.245)), (200, 1.0)]
    assert counts("upstream_calls_total_") == {"success": 2, "overloaded": 1}
    assert counts("upstream_attempts_total_") == {"success": 2}


@given(
    slots=st.integers(1, 30),
    waiting=st.integers(0, 100),
    takes=st.lists(st.integers(1, 7).map(lambda tenths: tenths / 10), min_size=1, max_size=9),
)
@example(slots=10, waiting=100, takes=[0.1])
@example(slots=10, waiting=100, takes=[0.1, 0.4, 0.2])
@settings(deadline=None, max_examples=50)
def test_calls_that_wait_when_the_breaker_opens_are_not_sent(slots: int, waiting: int, takes: list[float]) -> None:
    """A sick service sees those that opened it and those that it had then, and nobody waits for it any longer."""
    service = Service(DOWN, takes=tuple(takes))
    upstream = Upstream(NAME, service, Policies(concurrency=slots, retry=NO_PAUSE))
    counts = Counts()
    got = _at_once(upstream, *[100] * (slots + waiting))
    assert {result for result, _ in got} <= {Unreachable, CircuitOpen}
    assert len(service.asked) <= 19 + slots
    assert max(at for _, at in got) <= service.asked[-1][1] + max(takes)
    assert counts("upstream_attempts_total_") == {"unavailable": len(service.asked)}
    assert counts("upstream_in_flight") == {}


def test_calls_that_wait_when_a_service_hangs_are_not_all_sent() -> None:
    """Twenty timeouts of eight tenths of a second open the breaker; the other ninety calls end with the last one."""
    service = Service(200, takes=(100,))
    got = _at_once(Upstream(NAME, service, Policies(concurrency=10)), *[10] * 110)
    assert len(service.asked) == 20
    assert [result for result, _ in got] == [AttemptTimeout] * 20 + [CircuitOpen] * 90
    assert {at for _, at in got[20:]} == {1.6}


def test_a_pause_takes_no_slot() -> None:
    """While one call waits for its retry, another one uses the only slot there is."""
    service = Service(Unreachable("status 503", retryable=True, retry_after=2.0), 200, takes=(0.5,))
    upstream = Upstream(NAME, service, Policies(concurrency=1, retry=NO_PAUSE))
    assert _at_once(upstream, 10, 10) == [(200, 3.0), (200, 1.0)]


def test_calls_and_attempts_are_counted_apart() -> None:
    """A call that needed two attempts is one success, and no error of the service."""
    counts = Counts()
    _in_turn(Upstream(NAME, Service(DOWN, 200, 200, DOWN, DOWN)), 10, 10, 10)
    assert counts("upstream_calls_total_") == {"success": 2, "unavailable": 1}
    assert counts("upstream_attempts_total_") == {"success": 2, "unavailable": 3}
    assert counts("upstream_retries_total_") == {"done": 2}
    assert counts("service_errors_total") == {"": 1}
    assert counts("upstream_call_duration_seconds_count") == {"": 3}
    assert counts("upstream_attempt_duration_seconds_count") == {"": 5}


def test_a_call_that_leaves_is_no_failure() -> None:
    """It may have lost patience for reasons of its own."""
    upstream = Upstream(NAME, Service(200, takes=(0.5,)), Policies(breaker=TOUCHY))

    async def ask() -> tuple[object, float]:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_got(upstream), 0.25)
        return await _got(upstream)

    assert run(ask()) == (200, 0.75)


def test_a_trial_call_that_leaves_makes_room_for_another() -> None:
    """Only so many try whether the service is well again; a cancelled one has found out nothing."""
    rules = BreakerRules(min_calls=1, first_open=0, probes=1, successes=1)
    service = Service(Unreachable("status 500"), 200, takes=(1,))
    upstream = Upstream(NAME, service, Policies(timeout=5, breaker=rules))

    async def ask() -> list[object]:
        first = await _got(upstream)
        trying = asyncio.ensure_future(_got(upstream))
        await asyncio.sleep(0.5)
        kept_away = await _got(upstream)
        trying.cancel()
        await asyncio.wait([trying])
        return [first, kept_away, await _got(upstream)]

    assert run(ask()) == [(Unreachable, 1.0), (CircuitOpen, 1.5), (200, 2.5)]


_TICKS = st.integers(0, 8)


@given(st.lists(st.tuples(_TICKS, _TICKS, st.booleans()), min_size=1, max_size=20))
@settings(deadline=None, max_examples=50)
def test_whoever_leaves_whenever_leaves_nothing_behind(callers: list[tuple[int, int, bool]]) -> None:
    """In the queue, an attempt, the pause or the retry: afterwards all slots are free and none counts as used."""
    later = Unreachable("status 503", retryable=True, retry_after=2.0)
    service = Service(*(200 if well else later for _, _, well in callers), 200, takes=(2,))
    upstream = Upstream(NAME, service, Policies(9, 3, retry=NO_PAUSE, breaker=ALWAYS_CLOSED))

    async def visit(comes: int, leaves: int) -> None:
        await asyncio.sleep(comes)
        async with asyncio.timeout(leaves):
            await upstream.call(call(100))

    async def everybody() -> list[float]:
        await asyncio.gather(*(visit(comes, leaves) for comes, leaves, _ in callers), return_exceptions=True)
        service.answers = [200]
        begun = now()
        return [at - begun for _, at in await asyncio.gather(*(_got(upstream) for _ in range(6)))]

    counts = Counts()
    assert run(everybody()) == [2.0] * 3 + [4.0] * 3
    assert counts("upstream_in_flight") == {}


@pytest.mark.parametrize("takes", [(0.0,), (0.1,), (0.1, 0.4, 0.2)], ids=["at once", "even", "uneven"])
@pytest.mark.parametrize(("breaker", "most"), [(ALWAYS_CLOSED, 375), (BreakerRules(), 200)], ids=["alone", "default"])
def test_a_service_that_is_down_is_not_asked_twice_as_often(
    takes: tuple[float, ...], breaker: BreakerRules, most: int
) -> None:
    """Three hundred calls at once make a quarter more attempts at most; an open breaker leaves it at those it had."""
    service = Service(DOWN, takes=takes)
    upstream = Upstream(NAME, service, Policies(retry=NO_PAUSE, breaker=breaker))
    assert {result for result, _ in _at_once(upstream, *[10] * 300)} <= {Unreachable, CircuitOpen}
    assert len(service.asked) <= most

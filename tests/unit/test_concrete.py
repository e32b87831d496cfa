"""A service of several instances: what its callers see while some of these fail, hang, are slow, come and go."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from statistics import quantiles
from typing import Any, cast

import msgspec
import pytest
from prometheus_client import REGISTRY

from shared.errors import AttemptTimeout, BadResponse, NotConnected, Overloaded, Refused, Unreachable, UpstreamError
from shared.observing import metrics
from shared.upstream.breaker import BreakerRules
from shared.upstream.call import Call
from shared.upstream.logical import InstanceHealth, Policies
from shared.upstream.retry import RetryRules
from tests.fixtures.instances import Instance, Replicas
from tests.fixtures.jumping_loop import JumpingLoop, call, now, run

NO_RETRIES = Policies(retry=RetryRules(retries=0))


def status(code: int, *, retryable: bool = False) -> Callable[[], UpstreamError]:
    """What a service that answers with this status is."""
    return lambda: Unreachable(f"status {code}", retryable=retryable, status=code)


def refused() -> UpstreamError:
    """Nobody listens there."""
    return NotConnected("no connection", retryable=True)


def broken() -> UpstreamError:
    """It was killed while it was to answer."""
    return Unreachable("the connection broke")


def bad() -> UpstreamError:
    """It answers with something else."""
    return BadResponse("no JSON")


class Outcomes(Counter[str]):
    """How calls ended, by the name of the error, or "success"."""

    def __init__(self) -> None:
        super().__init__()
        self.durations: list[float] = []

    @property
    def p99(self) -> float:
        """Seconds."""
        return quantiles(self.durations, n=100)[98]


async def load(
    replicas: Replicas, calls: int, rate: float = 100.0, *, safe: bool = True, seconds: float = 2.0
) -> Outcomes:
    """So many calls, so many a second, whatever becomes of them."""
    outcomes = Outcomes()

    async def one() -> None:
        started = now()
        try:
            await replicas.upstream.call(msgspec.structs.replace(call(seconds), safe=safe))
            outcomes["success"] += 1
        except UpstreamError as error:
            outcomes[type(error).__name__] += 1
        outcomes.durations.append(now() - started)

    tasks = []
    for _ in range(calls):
        tasks.append(asyncio.create_task(one()))
        await asyncio.sleep(1 / rate)
    await asyncio.gather(*tasks)
    return outcomes


def metric(name: str, **labels: str) -> float:
    """What it is now."""
    return REGISTRY.get_sample_value(name, {"service_name": "user_service", **labels}) or 0.0


def shown(service: str) -> set[str]:
    """Whose latency is published."""
    samples = next(iter(metrics.upstream_instance_latency.collect())).samples
    return {sample.labels["address"] for sample in samples if sample.labels["service_name"] == service}


def test_each_gets_its_share_and_one_that_is_added_gets_one_too() -> None:
    """Of three between 20 and 47 %; the fourth within ten seconds; one that leaves nothing from then on."""

    async def go() -> tuple[list[int], list[int], list[int]]:
        replicas = Replicas(Instance(), Instance(), Instance())
        await load(replicas, 1000)
        three = replicas.asked()
        replicas.add(3, Instance())
        await load(replicas, 1000)
        four = replicas.asked(now() - 5)
        gone = replicas.by_number[0]
        replicas.remove(0)
        left = now()
        await load(replicas, 300)
        assert gone.is_closed
        return three, four, [sum(at > left for at in gone.asked)]

    three, four, gone = run(go(), debug=False)
    assert all(200 <= asked <= 470 for asked in three)
    assert all(asked >= 0.15 * sum(four) for asked in four)
    assert gone == [0]


@pytest.mark.parametrize(
    ("fails", "partial"),
    [(status(500), 15), (status(503, retryable=True), 0), (refused, 0), (broken, 0), (bad, 15)],
)
@pytest.mark.parametrize("instances", [2, 3, 5])
def test_one_that_fails_at_once_costs_next_to_nothing(
    fails: Callable[[], UpstreamError], partial: int, instances: int
) -> None:
    """It is ejected, and the breaker of the service stays closed; what may be retried is, elsewhere."""

    async def go() -> Outcomes:
        replicas = Replicas(*(Instance() for _ in range(instances)))
        await load(replicas, 150)
        replicas.by_number[0].fails = fails
        return await load(replicas, 1500)

    outcomes = run(go(), debug=False)
    assert outcomes["CircuitOpen"] == 0
    assert outcomes.total() - outcomes["success"] <= partial


@pytest.mark.parametrize(
    "useless",
    [
        lambda: Overloaded("status 429", status=429),
        lambda: BadResponse("status 401", is_failure=False, status=401),
        lambda: BadResponse("status 404", is_failure=False, status=404),
    ],
)
@pytest.mark.parametrize("takes", [0.005, 0.02, 0.2])
def test_one_that_is_quick_to_say_no_draws_no_calls(useless: Callable[[], UpstreamError], takes: float) -> None:
    """What speaks against nobody is no answer either: hardly any calls come its way, and none ejects it."""

    async def go() -> tuple[Outcomes, float]:
        replicas = Replicas(*(Instance(takes) for _ in range(3)))
        await load(replicas, 150)
        replicas.by_number[0].fails = useless
        replicas.by_number[0].takes = 0.0005
        before = metric("upstream_ejections_total")
        return await load(replicas, 1000), metric("upstream_ejections_total") - before

    outcomes, ejections = run(go(), debug=False)
    assert outcomes["success"] >= 980
    assert ejections == 0


def test_a_refusal_is_an_answer_that_ends_a_row_of_failures() -> None:
    """The instance is well enough to say that it does not take what it was asked."""

    async def go() -> tuple[float, float | None]:
        policies = Policies(retry=RetryRules(retries=0), breaker=BreakerRules(min_calls=1000))
        replicas = Replicas(Instance(), Instance(), policies=policies)
        before = metric("upstream_ejections_total")
        for fails in [*[status(500)] * 4, lambda: Refused("status 422", status=422)] * 3:
            replicas.by_number[0].fails = fails
            ask_first(replicas, 0)
            await load(replicas, 1)
        return metric("upstream_ejections_total") - before, replicas.asked()[0]

    assert run(go(), debug=False) == (0, 15)


@pytest.mark.parametrize("held_up", [0.02, 0.05, 0.3, 1.1])
def test_an_instance_that_was_asked_just_before_the_loop_stood_still_keeps_its_share(held_up: float) -> None:
    """What this process does not attend to is nobody's slowness."""

    async def go() -> list[int]:
        replicas = Replicas(*(Instance() for _ in range(3)))
        await load(replicas, 100)
        before = len(replicas.by_number[0].asked)
        while len(replicas.by_number[0].asked) == before:
            before = len(replicas.by_number[0].asked)
            await asyncio.sleep(0.1)
            in_flight = asyncio.create_task(load(replicas, 1))
            await asyncio.sleep(0.001)
        cast("JumpingLoop", asyncio.get_running_loop()).hold_up(held_up)
        await in_flight
        since = now()
        await load(replicas, 1000)
        return replicas.asked(since)

    asked = run(go(), debug=False)
    assert all(0.2 * sum(asked) <= one <= 0.47 * sum(asked) for one in asked)


@pytest.mark.parametrize("instances", [2, 3, 5])
def test_one_that_hangs_costs_nobody_an_answer(instances: int) -> None:
    """A safe read that timed out is sent to another one, within deadline and retry budget."""

    async def go() -> Outcomes:
        replicas = Replicas(*(Instance() for _ in range(instances)))
        await load(replicas, 150)
        replicas.by_number[0].takes = 1e6
        return await load(replicas, 1000)

    outcomes = run(go(), debug=False)
    assert outcomes.total() - outcomes["success"] <= 2
    assert outcomes["CircuitOpen"] == 0


@pytest.mark.parametrize("hedged", [False, True])
def test_one_that_is_six_times_slower_is_hardly_felt(hedged: bool) -> None:
    """The 99th percentile stays within 1.5 of what it was when all were well."""

    async def go() -> tuple[float, float]:
        draw = random.Random(3)
        replicas = Replicas(*(Jittery(0.01, draw) for _ in range(3)), hedged=hedged)
        await load(replicas, 150)
        well = await load(replicas, 1500)
        replicas.by_number[0].takes *= 6
        slow = await load(replicas, 1500)
        return well.p99, slow.p99

    well, slow = run(go(), debug=False)
    assert slow <= (1.2 if hedged else 1.5) * well


class Jittery(Instance):
    """An instance whose answers take between half and twice the time."""

    def __init__(self, takes: float, draw: random.Random) -> None:
        super().__init__(takes)
        self._draw = draw

    async def __call__(self, asked: Call[Any]) -> Any:  # noqa: ARG002 - all are answered alike
        """Take a call."""
        self.asked.append(now())
        await asyncio.sleep(self.takes * self._draw.choice((0.5, 0.75, 1, 1, 1, 1.25, 2)))
        return self


def ask_first(replicas: Replicas, number: int) -> None:
    """The next call goes to this one: the others are busy."""
    for one in replicas.concrete.balancer.endpoints:
        one.pending = int(replicas.by_number[number] is not one.transport)


@pytest.mark.parametrize(
    ("fails", "safe", "asked"),
    [
        (refused, True, [1, 1]),
        (refused, False, [1, 1]),
        (status(503, retryable=True), False, [1, 1]),
        (broken, True, [1, 1]),
        (broken, False, [1, 0]),
        (lambda: AttemptTimeout("too late"), True, [1, 1]),
        (lambda: AttemptTimeout("too late"), False, [1, 0]),
        (status(500), True, [1, 0]),
        (lambda: Refused("status 404", status=404), True, [1, 0]),
        (bad, True, [1, 0]),
    ],
)
def test_what_may_be_retried_is_retried_at_another_instance(
    fails: Callable[[], UpstreamError], safe: bool, asked: list[int]
) -> None:
    """A read that got no answer may be sent twice; what was answered, however badly, is not asked again."""

    async def go() -> list[int]:
        replicas = Replicas(Instance(fails=fails), Instance())
        ask_first(replicas, 0)
        await load(replicas, 1, safe=safe)
        return replicas.asked()

    assert run(go()) == asked


def test_the_only_instance_is_asked_as_a_service_of_one_address_is() -> None:
    """It is retried there, timeouts are not, it is never ejected, and it opens the breaker."""

    async def go() -> tuple[Outcomes, list[int], Outcomes]:
        replicas = Replicas(Instance(fails=lambda: AttemptTimeout("too late")), hedged=True)
        late = await load(replicas, 10)
        asked = replicas.asked()
        replicas.by_number[0].fails = refused
        return late, asked, await load(replicas, 30)

    late, asked, refusing = run(go())
    assert late == {"AttemptTimeout": 10}
    assert asked == [10]
    assert refusing["CircuitOpen"] > 0


def test_a_refused_connection_is_a_reason_to_look_at_once() -> None:
    """A timeout or a bad answer is not: whoever gives it is there."""

    async def go() -> list[int]:
        replicas = Replicas(Instance(fails=refused))
        hurried = []
        for fails in (broken, status(503), refused):
            replicas.by_number[0].fails = fails
            await load(replicas, 1, safe=False)
            hurried.append(replicas.located.hurried)
        return hurried

    assert run(go()) == [0, 0, 2]


def test_a_call_waits_for_the_first_look_up() -> None:
    """No longer than an attempt may take; many wait together, and whoever leaves disturbs nobody."""

    async def go() -> tuple[Outcomes, Outcomes]:
        replicas = Replicas()
        nobody = await load(replicas, 3, seconds=5)
        calls = asyncio.create_task(load(replicas, 5, seconds=5))
        leaving = asyncio.create_task(load(replicas, 1, seconds=5))
        await asyncio.sleep(0.1)
        leaving.cancel()
        replicas.add(0, Instance())
        return nobody, await calls

    nobody, found = run(go())
    assert nobody == {"Unreachable": 3}
    assert all(0.79 < seconds < 0.81 for seconds in nobody.durations)
    assert found == {"success": 5}


def test_calls_at_an_instance_that_has_left_end_as_they_may_and_speak_against_nobody() -> None:
    """What is in flight there goes on; its failures neither open the breaker nor eject anybody."""

    async def go() -> tuple[Outcomes, float]:
        policies = Policies(breaker=BreakerRules(min_calls=1, failure_share=0.01), retry=RetryRules(retries=0))
        replicas = Replicas(Instance(takes=0.5, fails=broken), Instance(takes=0.5, fails=broken), policies=policies)
        before = metric("upstream_ejections_total")
        calls = asyncio.create_task(load(replicas, 20, 1000))
        await asyncio.sleep(0.1)
        for number in (0, 1):
            replicas.add(2 + number, Instance())
            replicas.remove(number)
        outcomes = await calls
        outcomes.update(await load(replicas, 20))
        return outcomes, metric("upstream_ejections_total") - before

    outcomes, ejections = run(go())
    assert outcomes == {"Unreachable": 20, "success": 20}
    assert ejections == 0


@pytest.mark.parametrize("instances", [2, 4])
def test_a_burst_at_one_that_fails_does_not_open_the_breaker(instances: int) -> None:
    """A share of the calls that would: those that end after it was ejected speak against it alone."""

    async def go() -> Outcomes:
        replicas = Replicas(*(Instance(takes=0.1) for _ in range(instances)), policies=NO_RETRIES)
        for number in range(instances // 2):
            replicas.by_number[number].fails = status(500)
        outcomes = await load(replicas, 100, 10_000)
        outcomes.update(await load(replicas, 100))
        return outcomes

    outcomes = run(go())
    assert outcomes["CircuitOpen"] == 0
    assert outcomes["success"] >= 140


def test_health_asks_each_instance() -> None:
    """Well is who answers and is not ejected; a service is, while at least half of its instances are."""

    async def go() -> list[InstanceHealth]:
        replicas = Replicas(*(Healthy() for _ in range(4)), policies=NO_RETRIES)
        found = [await replicas.upstream.health("/health")]
        for number in (0, 1, 2):
            replicas.by_number[number].fails = refused
            found.append(await replicas.upstream.health("/health"))
        return found

    found = run(go())
    assert found == [InstanceHealth(4, 4), InstanceHealth(3, 4), InstanceHealth(2, 4), InstanceHealth(1, 4)]
    assert [one.suffices for one in found] == [True, True, True, False]


class Healthy(Instance):
    """An instance that answers with a status."""

    async def __call__(self, asked: Call[Any]) -> Any:
        """Take a call."""
        await super().__call__(asked)
        return 200


def test_an_ejected_instance_is_not_well_until_it_returns_whatever_it_says() -> None:
    """It is counted as ejected meanwhile, and returns without anybody asking."""

    async def go() -> list[tuple[object, ...]]:
        replicas = Replicas(Healthy(), Healthy(), policies=NO_RETRIES)
        replicas.by_number[0].fails = status(500)
        for _ in range(5):
            ask_first(replicas, 0)
            await load(replicas, 1)
        replicas.by_number[0].fails = None
        found: list[tuple[object, ...]] = []
        for pause in (0, 31):
            await asyncio.sleep(pause)
            states = (metric("upstream_instances", state=state) for state in ("healthy", "ejected"))
            found.append((await replicas.upstream.health("/health"), *states))
        return found

    assert run(go()) == [(InstanceHealth(1, 2), 1, 1), (InstanceHealth(2, 2), 2, 0)]


@pytest.mark.parametrize("known", [0, 1, 3])
def test_a_service_of_which_nothing_is_known_is_not_well(known: int) -> None:
    """None of none is not half of them."""

    async def go() -> InstanceHealth:
        return await Replicas(*(Healthy() for _ in range(known))).upstream.health("/health")

    health = run(go())
    assert (health.of, health.suffices) == (known, known > 0)


def test_the_latency_of_each_instance_is_published_until_it_leaves_and_of_fifty_at_most() -> None:
    """A label for each of thousands would be a burden."""

    async def go() -> tuple[set[str], set[str]]:
        replicas = Replicas(*(Instance() for _ in range(60)), name="of_many")
        await asyncio.sleep(2)
        await load(replicas, 600, 1000)
        before = shown("of_many")
        for number in range(59):
            replicas.remove(number)
        return before, shown("of_many")

    before, after = run(go(), debug=False)
    assert len(before) == 50
    assert len(after) <= 1


def test_a_call_that_ends_where_nobody_is_any_more_publishes_nothing() -> None:
    """However many come and go with calls in flight, there is room for those that are there."""

    async def go() -> set[str]:
        replicas = Replicas(Instance(), name="of_passers_by")
        for number in range(1, 90):
            replicas.by_number[number] = Instance(takes=5)
            replicas.located.are(number)
            await asyncio.sleep(1.5)
            calls = asyncio.create_task(load(replicas, 1, seconds=10))
            await asyncio.sleep(0.1)
            replicas.located.are(0)
            await calls
        await load(replicas, 1)
        return shown("of_passers_by")

    assert run(go(), debug=False) == {"10.0.0.0:8001"}


@pytest.mark.parametrize("takes", [0.01, 0.2])
def test_where_more_fail_than_may_be_ejected_the_others_are_asked_all_the_same(takes: float) -> None:
    """Two of three refuse: one is ejected, and the other is hardly tried, however busy the third is."""

    async def go() -> Outcomes:
        replicas = Replicas(*(Instance(takes) for _ in range(3)))
        await load(replicas, 150)
        for number in (0, 1):
            replicas.by_number[number].fails = refused
            replicas.by_number[number].takes = 0
        return await load(replicas, 1000)

    outcomes = run(go(), debug=False)
    assert outcomes["success"] >= 990

"""Which instance is asked next, and which are kept out."""

import random
from collections import Counter
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.upstream.balancer import FADE_IN_SECONDS, Balancer, Seen
from shared.upstream.endpoint import Endpoint
from tests.fixtures.instances import Instance, location

OLD = -1000.0
"""So long ago that nothing is fading in."""


class Instances:
    """A balancer of so many instances, with a clock that the test sets."""

    def __init__(self, number: int, seed: int = 1) -> None:
        self.now = 0.0
        self.counts: list[tuple[int, int]] = []
        self.ejections: list[tuple[Endpoint, float]] = []
        self.balancer = Balancer(
            clock=lambda: self.now,
            draw=random.Random(seed).random,
            changed=lambda healthy, ejected: self.counts.append((healthy, ejected)),
            ejected=lambda endpoint, seconds: self.ejections.append((endpoint, seconds)),
        )
        self.all = [Endpoint(location(one), Instance(), OLD) for one in range(number)]
        self.balancer.update(self.all)

    def add(self, number: int) -> None:
        """So many more, from now on."""
        self.all += [Endpoint(location(len(self.all) + one), Instance(), self.now) for one in range(number)]
        self.balancer.update(self.all)

    def record(self, endpoint: Endpoint, outcome: Seen, seconds: float = 0.005, times: int = 1) -> None:
        """Calls to it that went like this."""
        for _ in range(times):
            self.balancer.record(endpoint, seconds, outcome)

    def shares(self, calls: int = 3000) -> list[float]:
        """Of so many calls, one after another, whose share is what."""
        chosen = Counter(self.balancer.choose() for _ in range(calls))
        return [chosen[one] / calls for one in self.all]


@pytest.mark.parametrize("number", [1, 2, 3, 7, 50])
def test_instances_that_are_alike_get_the_same_share(number: int) -> None:
    """Nobody is preferred for its place."""
    instances = Instances(number)
    assert instances.shares(number * 1000) == pytest.approx([1 / number] * number, rel=0.2)


@pytest.mark.parametrize(("one", "other"), [(0.001, 0.0029), (0.100, 0.120), (0.005, 0.0065), (1.0, 0.8)])
def test_latencies_that_differ_by_jitter_decide_nothing(one: float, other: float) -> None:
    """Below 2 ms or a quarter they are the same."""
    instances = Instances(2)
    for endpoint, seconds in zip(instances.all, (one, other), strict=True):
        instances.record(endpoint, "success", seconds)
    assert instances.shares() == pytest.approx([0.5, 0.5], abs=0.05)


@pytest.mark.parametrize("outcome", ["success", "failure"])
@pytest.mark.parametrize("stood", [0.1, 0.8, 5.0])
def test_new_ones_do_not_take_all_from_those_that_stood_still_together(stood: float, outcome: Seen) -> None:
    """They begin as the fastest of the others, and within 15 seconds each has its share."""
    instances = Instances(2)
    for endpoint in instances.all:
        instances.record(endpoint, outcome, stood)
    instances.add(2)
    for _ in range(15 * 20):
        instances.now += 0.05
        instances.record(instances.balancer.choose(), "success")
    assert min(instances.shares()) > 0.15


@pytest.mark.parametrize(("fast", "slow"), [(0.001, 0.006), (0.005, 0.03), (0.1, 0.15), (0.0, 0.0031)])
def test_one_that_is_slower_is_left_alone_until_its_slowness_is_forgotten(fast: float, slow: float) -> None:
    """The others have all, and later it is tried again."""
    instances = Instances(3)
    for endpoint, seconds in zip(instances.all, (fast, slow, fast), strict=True):
        instances.record(endpoint, "success", seconds)
    assert instances.shares()[1] == 0
    instances.now += 100
    for endpoint in (instances.all[0], instances.all[2]):
        instances.record(endpoint, "success", fast)
    assert instances.shares()[1] > 0.2


def test_calls_that_wait_count_between_equals_and_make_a_fast_one_dear() -> None:
    """The fewer in flight, the better; six at a fast one weigh as much as one at a slow one."""
    instances = Instances(2)
    fast, slow = instances.all
    fast.pending = 1
    assert instances.shares() == [0, 1]
    instances.record(fast, "success", 0.01)
    instances.record(slow, "success", 0.06)
    assert instances.shares() == [1, 0]
    fast.pending = 6
    assert instances.shares() == [0, 1]


def test_a_new_one_fades_in_and_has_its_whole_share_in_the_end() -> None:
    """It is not flooded at the moment in which it is found."""
    instances = Instances(2)
    new = Endpoint(location(9), Instance(), instances.now)
    instances.all.append(new)
    instances.balancer.update(instances.all)
    shares = []
    for _ in range(6):
        shares.append(instances.shares()[2])
        instances.now += FADE_IN_SECONDS / 5
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1 / 3, abs=0.04)


def test_all_that_arrive_together_get_all_at_once() -> None:
    """There is nobody older to lean on."""
    instances = Instances(0)
    instances.all = [Endpoint(location(one), Instance(), instances.now) for one in range(3)]
    instances.balancer.update(instances.all)
    assert instances.shares() == pytest.approx([1 / 3] * 3, abs=0.04)


@pytest.mark.parametrize(("number", "most"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (10, 5)])
def test_no_more_than_half_are_ejected(number: int, most: int) -> None:
    """Of two or three: one; of one: none."""
    instances = Instances(number)
    for one in instances.all:
        instances.record(one, "failure", times=20)
    assert len(instances.ejections) == most
    assert instances.counts[-1] == (number - most, most)
    assert sum(share == 0 for share in instances.shares()) == most


def test_one_that_fails_fast_draws_no_calls() -> None:
    """Four failures of a millisecond are no recommendation."""
    instances = Instances(3)
    for one in instances.all:
        instances.record(one, "success", 0.02)
    instances.record(instances.all[1], "failure", 0.001, times=4)
    assert instances.shares()[1] == 0


def test_one_that_is_ejected_returns_when_its_time_is_over_and_fades_in() -> None:
    """Thirty seconds, for the first time."""
    instances = Instances(3)
    bad = instances.all[0]
    instances.record(bad, "failure", times=5)
    assert instances.ejections == [(bad, 30)]
    assert instances.balancer.is_kept_out(bad)
    instances.now += 29.9
    assert instances.shares()[0] == 0
    instances.now += 0.2
    assert instances.shares()[0] == 0
    assert not instances.balancer.is_kept_out(bad)
    assert instances.counts[-1] == (3, 0)
    instances.now += FADE_IN_SECONDS
    assert instances.shares()[0] > 0.25


def test_it_is_seen_to_return_without_any_call() -> None:
    """Whoever counts them asks for that."""
    instances = Instances(3)
    instances.record(instances.all[0], "failure", times=5)
    instances.now += 31
    instances.balancer.refresh()
    assert instances.counts[-1] == (3, 0)


def test_when_fewer_than_half_are_left_all_are_asked() -> None:
    """Those that were well have gone; bad instances are better than too few."""
    instances = Instances(4)
    for one in instances.all[:2]:
        instances.record(one, "failure", times=5)
    assert [share == 0 for share in instances.shares()] == [True, True, False, False]
    instances.all = instances.all[:3]
    instances.balancer.update(instances.all)
    assert not any(instances.balancer.is_kept_out(one) for one in instances.all)
    assert instances.counts[-1] == (1, 2)


def test_what_was_given_up_tells_only_that_it_has_not_been_faster() -> None:
    """An instance whose every call is given up for another's is not fast."""
    instances = Instances(2)
    slow, _fast = instances.all
    for one in instances.all:
        instances.record(one, "success", 0.02)
    instances.record(slow, "ignored", 0.01)
    assert instances.shares()[0] > 0.4
    instances.record(slow, "ignored", 0.5)
    assert instances.shares() == [0, 1]


@pytest.mark.parametrize("avoid", [(0,), (0, 1), (2, 1)])
def test_those_to_avoid_are_asked_only_where_there_are_no_others(avoid: tuple[int, ...]) -> None:
    """Another attempt is for another instance; of those that are ejected it is not."""
    instances = Instances(3)
    avoided = [instances.all[one] for one in avoid]
    assert not any(instances.balancer.choose(avoided) in avoided for _ in range(100))
    (last,) = [one for one in instances.all if one not in avoided][:1]
    instances.record(last, "failure", times=5)
    others = {instances.balancer.choose(avoided) for _ in range(100)}
    assert last not in others
    assert others


def test_an_instance_that_has_left_is_neither_chosen_nor_ejected() -> None:
    """Its last calls may go wrong as they like."""
    instances = Instances(3)
    gone = instances.all.pop()
    instances.balancer.update(instances.all)
    instances.record(gone, "failure", times=10)
    assert instances.ejections == []
    assert instances.counts[-1] == (2, 0)
    assert instances.balancer.is_kept_out(gone)
    assert sum(instances.shares()) == 1


STEPS = st.one_of(
    st.tuples(st.just("record"), st.integers(0, 9), st.sampled_from(["success", "failure", "ignored", "useless"])),
    st.tuples(st.just("later"), st.floats(0, 400), st.just("ignored")),
    st.tuples(st.just("update"), st.integers(1, 2**10 - 1), st.just("ignored")),
)


@given(st.lists(STEPS, max_size=80), st.integers(0, 2**32))
def test_whatever_happens_one_of_those_that_are_there_is_chosen(
    steps: list[tuple[str, float, Seen]], seed: int
) -> None:
    """Never one that has left, nor one that is out but in need; out are at most half, and those counted are all."""
    instances = Instances(10, seed)
    every = list(instances.all)
    for kind, what, outcome in steps:
        if kind == "later":
            instances.now += what
        elif kind == "record":
            one = every[int(what)]
            instances.balancer.record(one, what / 100, outcome)
        else:
            instances.all = [one for number, one in enumerate(every) if int(what) >> number & 1]
            instances.balancer.update(instances.all)
        chosen = instances.balancer.choose()
        assert chosen in instances.all
        assert not instances.balancer.is_kept_out(chosen)
        healthy, ejected = instances.counts[-1]
        assert healthy + ejected == len(instances.all)
        if 2 * healthy >= len(instances.all):
            assert chosen.ejection.until <= instances.now


def test_draws_are_of_two_that_differ() -> None:
    """The same one twice is no choice: of two, the better one is always found."""
    draws: Iterator[float] = chain([0.0, 0.0, 0.99, 0.99, 0.0, 0.99, 0.99, 0.0], repeat(0.5))
    balancer = Balancer(clock=lambda: 0.0, draw=lambda: next(draws))
    pair = [Endpoint(location(one), Instance(), OLD) for one in range(2)]
    pair[0].pending = 1
    balancer.update(pair)
    assert {balancer.choose() for _ in range(4)} == {pair[1]}

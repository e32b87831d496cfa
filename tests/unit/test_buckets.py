"""A quota is spent by several processes, each out of leases, and no more than that; without them, out of shares."""

import heapq
import math
import random
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.bucket import ADMITTED, PENDING, REFUSED
from shared.edge.rate import Rate
from tests.fixtures.ledgers import Ledger, Process

PER_MINUTE = Rate(100, 60)
START = 1_800_000_000.0
"""When a window of a minute begins, in seconds since the epoch."""
WAY_SECONDS = 0.0005
PATIENCE_SECONDS = 0.02


def processes(number: int, rate: Rate = PER_MINUTE) -> tuple[Ledger, list[Process]]:
    """So many, that share a ledger."""
    ledger = Ledger()
    ledger.now = START
    return ledger, [Process(ledger, rate, number) for _ in range(number)]


def alone(rate: Rate = PER_MINUTE) -> tuple[Ledger, Process]:
    """The only one."""
    ledger, (process,) = processes(1, rate)
    return ledger, process


def settle(process: Process, now: float = START) -> None:
    """All that is asked for comes."""
    while process.asked:
        process.arrive()
        process.answer(now)


class Simulation:
    """Processes of which each question and each answer is on its way for half a millisecond."""

    def __init__(self, number: int, rate: Rate, seed: int) -> None:
        self.ledger, self.processes = processes(number, rate)
        self._dice = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = count()
        self.waited = 0
        self.longest = 0.0

    def offer(self, rate: float, start: float, seconds: float) -> None:
        """Have so many requests a second come to processes by chance, and tell what comes of them."""
        for number in range(round(rate * seconds)):
            self._at(start + number / rate, self._request)
        while self._events:
            now, _, event = heapq.heappop(self._events)
            self.ledger.now = now
            event(now)

    @property
    def admitted(self) -> list[int]:
        """In each window, all together."""
        windows = sorted({window for process in self.processes for window in process.admitted})
        return [sum(process.admitted[window] for process in self.processes) for window in windows]

    def _at(self, instant: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (instant, next(self._number), event))

    def _request(self, now: float) -> None:
        self._spend(self._dice.choice(self.processes), now, now)

    def _spend(self, process: Process, began: float, now: float) -> None:
        verdict = process.spend(now)
        if process.asked:
            self._at(now + WAY_SECONDS, lambda at: self._arrive(process, at))
        if verdict is PENDING:
            if now - began >= PATIENCE_SECONDS:
                process.bucket.wait_no_longer()
            self.waited += now == began
            self.longest = max(self.longest, now - began)
            self._at(now + 2 * WAY_SECONDS, lambda at: self._spend(process, began, at))

    def _arrive(self, process: Process, now: float) -> None:
        while process.asked:
            process.arrive()
            self._at(now + WAY_SECONDS, process.answer)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("offered", [5, 500, 5_000])
@pytest.mark.parametrize("number", [1, 4, 16])
def test_a_quota_is_spent_by_all_together(number: int, offered: int, seed: int) -> None:
    """Nearly all of it and hardly more, in each window, however fast; who waits, waits for a few milliseconds."""
    simulation = Simulation(number, PER_MINUTE, seed)
    seconds = 60 if offered < 500 else 3
    for window in range(3):
        simulation.offer(offered, START + 60 * window, seconds)
    assert len(simulation.admitted) == 3
    assert all(95 <= admitted <= 100 + number for admitted in simulation.admitted)
    assert simulation.longest < PATIENCE_SECONDS
    if offered == 5:
        assert simulation.waited == 0


def test_a_window_ends_in_the_middle_of_it() -> None:
    """What was leased in it is of no use in the next, which has its own quota."""
    simulation = Simulation(4, PER_MINUTE, 1)
    simulation.offer(500, START + 59.9, 0.3)
    first, second = simulation.admitted
    assert 40 <= first <= 50
    assert 95 <= second <= 104


def test_leases_are_few() -> None:
    """A request in four, or fewer, asks for one."""
    ledger, process = alone()
    asked = 0
    for _ in range(100):
        process.spend(START)
        asked += len(process.asked)
        settle(process)
    assert sum(ledger.taken.values()) >= 100
    assert asked <= 25


_steps = st.lists(
    st.tuples(st.sampled_from(["spend", "spend", "spend", "arrive", "answer"]), st.integers(0, 3)), max_size=400
)


@given(quota=st.integers(1, 60), steps=_steps)
def test_no_more_than_one_each_slips_through(quota: int, steps: list[tuple[str, int]]) -> None:
    """In whatever order requests, questions and answers come."""
    _, four = processes(4, Rate(quota, 60))
    for step, number in steps:
        _do(four[number], step, START)
    assert sum(process.admitted.total() for process in four) <= quota + 4


_troubles = st.lists(
    st.tuples(
        st.sampled_from([
            *["spend"] * 12, *["arrive"] * 3, *["answer"] * 3, "late", "disconnect", "down", "up", "lose", "second",
            "minute", "back",
        ]),
        st.integers(0, 3),
    ),
    max_size=400,
)  # fmt: skip


@given(quota=st.integers(1, 60), steps=_troubles)
def test_troubles_cost_no_more_than_the_shares(quota: int, steps: list[tuple[str, int]]) -> None:
    """The ledger away, slow, or empty again: each process has its leases or its share, and one more, in each window."""
    ledger, four = processes(4, Rate(quota, 60))
    for step, number in steps:
        match step:
            case "up" | "down":
                ledger.is_up = step == "up"
            case "lose":
                ledger.lose()
                for process in four:
                    process.disconnect(ledger.now)
            case "second":
                ledger.now += 1.0
            case "minute":
                ledger.now = (ledger.now // 60 + 1) * 60
            case _:
                _do(four[number], step, ledger.now)
    share = max(1, quota // 4)
    for window in {window for process in four for window in process.admitted}:
        assert sum(process.admitted[window] for process in four) <= quota + 4 * share + 4


def _do(process: Process, step: str, now: float) -> None:
    match step:
        case "spend":
            process.spend(now)
        case "arrive":
            process.arrive()
        case "answer":
            process.answer(now)
        case "late":
            process.bucket.wait_no_longer()
        case "disconnect":
            process.disconnect(now)


def test_one_is_served_on_credit_and_repaid() -> None:
    """While the first lease is on its way; the next waits for it."""
    ledger, process = alone()
    assert [process.spend(START) for _ in range(3)] == [ADMITTED, PENDING, PENDING]
    settle(process)
    admitted = 1
    while process.spend(START) is not REFUSED:
        settle(process)
        admitted += 1
    assert admitted == 100
    assert sum(ledger.taken.values()) >= 100


def test_who_waits_is_thought_of() -> None:
    """The next lease is for all of them."""
    _, process = alone()
    process.spend(START)
    process.bucket.waiting = 40
    settle(process)
    assert [process.spend(START) for _ in range(3)] == [ADMITTED, ADMITTED, PENDING]
    assert process.asked[0].want == 40
    settle(process)
    assert [process.spend(START) for _ in range(39)] == [ADMITTED] * 39


def test_the_next_lease_is_asked_for_before_one_is_spent() -> None:
    """Two are left then, and one is given on credit, before anybody has to wait."""
    _, process = alone()
    for _ in range(20):
        process.spend(START)
        settle(process)
    while not process.asked:
        assert process.spend(START) is ADMITTED
    assert [process.spend(START) for _ in range(3)] == [ADMITTED, ADMITTED, PENDING]


def test_a_refusal_asks_nobody() -> None:
    """Until the window is over; then there is another quota."""
    _, process = alone(Rate(5, 60))
    for _ in range(10):
        process.spend(START)
        settle(process)
    assert [process.spend(START + second) for second in range(60)] == [REFUSED] * 60
    assert not process.asked
    assert process.spend(START + 60) is ADMITTED


def test_an_answer_to_a_window_that_is_over_is_nothing() -> None:
    """Nor is a lease that was left over from it."""
    _, process = alone()
    for instant in (START, START + 60):
        process.spend(instant)
    process.arrive()
    process.answer(START + 60)
    assert process.spend(START + 60) is PENDING
    settle(process, START + 60)
    assert process.spend(START + 60) is ADMITTED


def test_without_a_ledger_there_are_shares() -> None:
    """From the first request on, and for good."""
    process = Process(None, PER_MINUTE, 4)
    assert process.spend(START) is ADMITTED
    assert process.bucket.left_estimate(START) == 24
    assert [process.spend(START) for _ in range(29)] == [ADMITTED] * 24 + [REFUSED] * 5
    assert process.spend(START + 60) is ADMITTED


def test_what_is_spent_of_a_share_is_written_down_later() -> None:
    """The ledger is away: the share, what was spent before included; it is back: leases, less what was spent."""
    ledger, (one, other, *_) = processes(4)
    for _ in range(10):
        one.spend(START)
        settle(one)
    ledger.is_up = False
    assert sum(one.spend(START) is ADMITTED for _ in range(100)) == 15
    assert one.bucket.left_estimate(START) == 0
    ledger.is_up = True
    for process in (one, other):
        for _ in range(200):
            process.spend(START + 2)
            settle(process, START + 2)
    on_credit = 1
    assert one.admitted.total() + other.admitted.total() == 100 + on_credit


def test_a_share_is_no_more_than_that_because_it_is_written_down() -> None:
    """What others had taken before leaves nothing for whoever has spent a share meanwhile."""
    _, (one, other, *_) = processes(4)
    for _ in range(80):
        one.spend(START)
        settle(one)
    assert other.spend(START) is ADMITTED
    other.bucket.wait_no_longer()
    other.bucket.wait_no_longer()
    assert [other.spend(START) for _ in range(40)].count(ADMITTED) == 24
    for _ in range(200):
        settle(other)
        other.spend(START)
    assert other.admitted.total() == 25


def test_a_ledger_that_is_away_is_asked_once_a_second() -> None:
    """By the few that have no share left."""
    ledger, process = alone(Rate(2, 60))
    ledger.is_up = False
    unavailable = process.terms.unavailable._value
    before = unavailable.get()
    for tenth in range(100):
        process.spend(START + tenth / 10)
    assert unavailable.get() - before <= 11


def test_a_slow_ledger_keeps_nobody_waiting_again() -> None:
    """The share decides until the answer comes, and that counts then."""
    ledger, (process, *_) = processes(4)
    assert [process.spend(START) for _ in range(2)] == [ADMITTED, PENDING]
    process.bucket.wait_no_longer()
    assert [process.spend(START) for _ in range(40)] == [ADMITTED] * 24 + [REFUSED] * 16
    settle(process)
    assert process.spend(START) is PENDING
    settle(process)
    assert process.spend(START) is ADMITTED
    assert sum(ledger.taken.values()) >= 25


def test_of_little_that_was_left_little_is_given_to_whoever_is_late() -> None:
    """Of what all processes have together: the part of one."""
    _, (one, other, *_) = processes(4)
    for _ in range(80):
        one.spend(START)
        settle(one)
    leased = 0
    while other.spend(START) is not PENDING:
        if other.asked and not leased:
            leased = other.asked[0].want
            settle(other)
    left_to_all = other.bucket.left_estimate(START) + 1  # which was given on credit
    before = other.admitted.total()
    other.bucket.wait_no_longer()
    assert [other.spend(START) for _ in range(40)].count(ADMITTED) == leased + left_to_all // 4 - before
    assert other.spend(START) is REFUSED


def test_a_ledger_that_forgot_is_not_trusted_in_this_window() -> None:
    """Whoever has seen more written down than there is now spends no more than the share, and leases in the next."""
    ledger, (process, *_) = processes(4)
    for _ in range(10):
        process.spend(START)
        settle(process)
    ledger.taken.clear()
    for _ in range(100):
        process.spend(START)
        settle(process)
    assert process.admitted.total() == 25
    for _ in range(200):
        process.spend(START + 60)
        settle(process, START + 60)
    assert process.admitted[(START + 60) // 60] == 100


def test_whoever_has_seen_nothing_does_not_trust_it_either() -> None:
    """What all others had taken is not written down any more."""
    ledger, four = processes(4)
    for _ in range(100):
        four[0].spend(START)
        settle(four[0])
    ledger.now += 1
    ledger.lose()
    for process in four[1:]:
        for _ in range(100):
            process.spend(START + 1)
            settle(process, START + 1)
        assert process.admitted.total() == 25
    ledger.now += 60
    for _ in range(200):
        four[1].spend(ledger.now)
        settle(four[1], ledger.now)
    assert four[1].admitted[ledger.now // 60] == 100


def test_a_clock_that_is_set_back() -> None:
    """Nobody is refused until it has come where it was: it is an earlier window."""
    _, process = alone()
    for _ in range(20):
        process.spend(START)
        settle(process)
    process.spend(START - 3600)
    assert [ask.key.split(":")[1] for ask in process.asked] == [str(int(START - 3600) // 60)]
    _, process = alone(Rate(1, 60))
    assert process.spend(START) is ADMITTED
    settle(process)
    assert process.spend(START) is REFUSED
    assert process.spend(START - 3600) is ADMITTED


def test_subjects_are_written_down_by_their_hashes() -> None:
    """With the limit and the number of the window; no two are the same."""
    asked = set()
    for subject in ("ada", "bob", "issuer|ada", "2001:db8::/64", "\ud800"):
        process = Process(Ledger(), PER_MINUTE, 1, subject)
        for instant in (START, START + 60):
            process.spend(instant)
        keys = [ask.key for ask in process.asked]
        assert [key.rpartition(":")[0] for key in keys] == ["user:30000000", "user:30000001"]
        assert not any(subject in key for key in keys)
        asked |= {*keys}
    assert len(asked) == 10


def spent() -> Iterator[tuple[int, Process]]:
    """A process that has spent nothing, one, two …, all."""
    for number in range(101):
        _, process = alone()
        for _ in range(number):
            process.spend(START + 0.5)
            settle(process)
        yield number, process


def test_what_is_left_is_told() -> None:
    """As a field when it is no more than half, to the last; seconds until then are rounded up."""
    for number, process in spent():
        bucket = process.bucket
        assert bucket.left_estimate(START + 0.5) == 100 - number
        if number:
            field = f'"user";r={100 - number};t=60'
            assert bucket.rate_limit(START + 0.5) == field
            assert bucket.scarce(START + 0.5) == (None if number < 50 else field)
        assert bucket.left_estimate(START + 60) == 100
    assert process.bucket.reset_seconds(START + 59.999) == 1


def test_what_a_refused_client_is_told() -> None:
    """When to come again, and what is left: nothing. The limits stand in every answer."""
    *_, (_, process) = spent()
    assert process.spend(START + 47.5) is REFUSED
    error = process.bucket.refusal(START + 47.5)
    assert error.retry_after == math.ceil(60 - 47.5)
    assert error.fields == {"RateLimit": '"user";r=0;t=13'}


def test_what_is_counted() -> None:
    """Refusals, and what became of leases."""
    _, process = alone(Rate(3, 60))
    terms = process.terms
    counters = [one._value for one in (terms.refused, terms.granted, terms.exhausted, terms.unavailable)]
    before = [one.get() for one in counters]
    for _ in range(5):
        process.spend(START)
        settle(process)
    assert [one.get() - was for one, was in zip(counters, before, strict=True)] == [2, 3, 0, 0]

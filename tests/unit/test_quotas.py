"""The rate limits of one process: which there are, who has which bucket, and who waits for what."""

import asyncio
import gc
from collections.abc import Iterable

import orjson
import pytest

from shared.edge.bucket import ADMITTED, PENDING, REFUSED, Ask, Bucket
from shared.edge.ledger import LedgerAway
from shared.edge.quotas import Quotas
from shared.edge.rate import Rate
from shared.edge.settings import EdgeSettings
from shared.edge.subjects import Subjects
from shared.edge.terms import Terms
from shared.settings.loading import load
from tests.fixtures.ledgers import Ledger
from tests.fixtures.log_lines import heard

NOW = 1_800_000_000.0
RATES = {"user": "100/60", "address": "300/60", "failures": "20/3600"}
LONG = 1_000_000.0


class Gated(Ledger):
    """Answers when a test lets it, in a number of ways."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.error: Exception | None = None
        self.asked = 0

    async def take(self, key: str, amount: int, seconds: float) -> int:
        """Write down, when the gate is open."""
        self.asked += 1
        assert seconds > 0
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.add(key, amount)


def quotas(
    ledger: Ledger | None, names: Iterable[str] = ("user",), *, patience: float = LONG, processes: int = 1
) -> Quotas:
    """With these limits."""
    settings = load(EdgeSettings, {f"RATE_LIMIT_{name.upper()}": RATES[name] for name in names})
    return Quotas(settings, ledger, processes, clock=lambda: NOW, patience=patience)


def user(limits: Quotas, subject: str = "ada") -> Bucket:
    """The bucket of a user."""
    assert limits.user is not None
    return limits.user.bucket(subject)


@pytest.mark.parametrize("names", [[], ["user"], ["address", "failures"], ["user", "address", "failures"]])
def test_each_limit_is_off_by_itself(names: list[str]) -> None:
    """And what there are is told in one field."""
    limits = quotas(None, names)
    found = {name: getattr(limits, name) is not None for name in ("user", "address", "failures")}
    assert found == {name: name in names for name in found}
    fields = {"user": '"user";q=100;w=60', "address": '"address";q=300;w=60', "failures": '"failures";q=20;w=3600'}
    assert limits.policies == ", ".join(fields[name] for name in names)


async def test_many_come_at_once(loop: object) -> None:
    """One is served at once, all others when the lease is there, in the order in which they came."""
    ledger = Gated()
    async with quotas(ledger) as limits:
        bucket = user(limits)
        assert bucket.spend(NOW) is ADMITTED
        verdicts = [bucket.spend(NOW) for _ in range(150)]
        assert {*verdicts} == {PENDING}
        waiting = [asyncio.create_task(limits.settle(bucket)) for _ in verdicts]
        await asyncio.sleep(0)
        ledger.gate.set()
        assert await asyncio.gather(*waiting) == [ADMITTED] * 99 + [REFUSED] * 51
        assert ledger.asked <= 4


async def test_nobody_waits_for_longer_than_that(loop: object) -> None:
    """Then the share decides, for whoever comes as well; the answer counts when it comes."""
    ledger = Gated()
    async with quotas(ledger, patience=0.0, processes=4) as limits:
        bucket = user(limits)
        assert [bucket.spend(NOW) for _ in range(2)] == [ADMITTED, PENDING]
        assert await limits.settle(bucket) is ADMITTED
        assert [bucket.spend(NOW) for _ in range(30)] == [ADMITTED] * 23 + [REFUSED] * 7
        ledger.gate.set()
        while bucket.spend(NOW) is REFUSED:
            await asyncio.sleep(0)


@pytest.mark.parametrize("error", [LedgerAway(), RuntimeError("odd")])
async def test_a_ledger_that_fails(loop: object, error: Exception) -> None:
    """Is away; what nobody has thought of is logged."""
    ledger = Gated()
    ledger.error = error
    ledger.gate.set()
    events: list[str] = []
    with heard(lambda line: events.append(orjson.loads(line)["event"])):
        async with quotas(ledger, processes=4) as limits:
            bucket = user(limits)
            assert [bucket.spend(NOW) for _ in range(2)] == [ADMITTED, PENDING]
            assert await limits.settle(bucket) is ADMITTED
            assert [bucket.spend(NOW) for _ in range(30)] == [ADMITTED] * 23 + [REFUSED] * 7
    assert events == ([] if isinstance(error, LedgerAway) else ["quota not leased"])


async def test_a_ledger_that_is_known_to_be_away_is_not_asked(loop: object) -> None:
    """Its share is what a process has."""
    ledger = Gated()
    ledger.is_up = False
    async with quotas(ledger, processes=4) as limits:
        assert [user(limits).spend(NOW) for _ in range(30)] == [ADMITTED] * 25 + [REFUSED] * 5
    assert ledger.asked == 0


async def test_questions_are_bounded(loop: object) -> None:
    """Beyond a thousand under way others have their shares; at the end none is left."""
    ledger = Gated()
    async with quotas(ledger, processes=4) as limits:
        buckets = [user(limits, f"user{number}") for number in range(1_100)]
        assert {bucket.spend(NOW) for bucket in buckets} == {ADMITTED}
        await asyncio.sleep(0)
        assert ledger.asked == 1_000
        assert [bucket.spend(NOW) for bucket in buckets].count(ADMITTED) == 100
        before = len(asyncio.all_tasks())
    assert before - len(asyncio.all_tasks()) == 1_000


async def test_who_leaves_while_waiting_costs_nothing(loop: object) -> None:
    """The lease is asked for all the same, and is not for one more than there are."""
    ledger = Gated()
    async with quotas(ledger) as limits:
        bucket = user(limits)
        bucket.spend(NOW)
        waiting = asyncio.create_task(limits.settle(bucket))
        await asyncio.sleep(0)
        assert bucket.waiting == 1
        waiting.cancel()
        await asyncio.wait({waiting})
        assert bucket.waiting == 0
        ledger.gate.set()
        assert await limits.settle(bucket) is ADMITTED


def subjects(capacity: int) -> Subjects:
    """With room for so many."""

    def ask(_bucket: Bucket, _ask: Ask) -> bool:
        return False

    return Subjects(Terms("user", Rate(2, 60), 1, None), ask, capacity)


def test_nobody_has_two_buckets() -> None:
    """However many connections hold it, and from window to window."""
    table = subjects(10)
    held = table.bucket("ada")
    for window in range(3):
        now = NOW + 60 * window
        assert [table.bucket("ada").spend(now), held.spend(now), table.bucket("ada").spend(now)] == [
            ADMITTED, ADMITTED, REFUSED,
        ]  # fmt: skip
        assert table.bucket("ada") is held


def test_who_has_spent_something_is_remembered_for_the_window() -> None:
    """Whether or not a connection holds the bucket; without having spent anything there is nothing to remember."""
    table = subjects(10)
    for name in ("ada", "bob"):
        for _ in range(2):
            assert table.bucket(name).spend(NOW) is ADMITTED
        assert table.bucket(name).spend(NOW) is REFUSED
    table.bucket("eve")
    gc.collect()
    assert len(table) == 2


@pytest.mark.parametrize("per_window", [5, 50])
def test_the_table_is_bounded(per_window: int) -> None:
    """Those of the current window that came first are forgotten first, those of earlier windows before them."""
    table = subjects(10)
    for window in range(10):
        for number in range(per_window):
            table.bucket(f"user{number}-{window}").spend(NOW + 60 * window)
            assert len(table) <= 10
    last = NOW + 60 * 9
    kept = [len(table), table.bucket(f"user{per_window - 1}-9").spend(last), table.bucket("user0-9").spend(last)]
    assert kept == [min(per_window, 10), ADMITTED, ADMITTED]
    refused = [table.bucket(f"user{number}-9").spend(last) for number in (per_window - 1, 0)]
    assert refused == [REFUSED, REFUSED if per_window <= 10 else ADMITTED]

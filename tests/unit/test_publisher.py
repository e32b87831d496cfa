"""How the publisher of a service's events holds them back, with everything round it made up."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from services.outbox import Backlog, Tell, Waiting
from services.publisher import Publisher
from services.sinks import Taken
from services.turn import NotOurTurn
from shared.errors import ServiceUnavailable


class Surroundings:
    """An outbox, read caches and a sink in one; ``fails`` are what comes of the next attempts, in turn."""

    outcome = "published"
    resources = ()
    longest_life = 2.0

    def __init__(self, *ages: float) -> None:
        now = datetime.now(UTC)
        self.waiting = [
            Waiting(now - timedelta(seconds=age), f"event {number}", [f"name:{number}"])
            for number, age in enumerate(ages)
        ]
        self.told: list[str] = []
        self.outdated: list[str] = []
        self.certain = True
        self.fails: list[Exception | str] = []

    async def deliver(self, tell: Tell) -> int:
        """As an outbox does."""
        if self.fails and isinstance(self.fails[0], Exception):
            raise cast("Exception", self.fails.pop(0))
        taken = await tell(self.waiting) if self.waiting else 0
        del self.waiting[:taken]
        return taken

    async def backlog(self) -> Backlog:
        """As an outbox does."""
        return Backlog(len(self.waiting), 0.0)

    async def outdate(self, names: Sequence[str]) -> bool:
        """As a read cache does."""
        self.outdated += names
        return self.certain

    async def tell(self, events: Sequence[str]) -> Taken:
        """As a sink does."""
        if self.fails:
            return Taken(0, cast("str", self.fails.pop(0)))
        assert {f"name:{event.split()[1]}" for event in events} <= set(self.outdated)
        self.told += events
        return Taken(len(events))

    async def publish(self, count: int) -> None:
        """Run a publisher until so many have been told."""
        made_up: Any = self
        async with Publisher(made_up, made_up, made_up, lambda: True) as publisher:
            publisher.wake()
            async with asyncio.timeout(60):
                while len(self.told) < count:
                    await asyncio.sleep(0)


async def test_what_is_outdated_is_forgotten_before_anybody_is_told() -> None:
    """All that the events outdate."""
    round_it = Surroundings(0, 0, 0)
    await round_it.publish(3)
    assert round_it.told == ["event 0", "event 1", "event 2"]


async def test_what_no_read_cache_can_have_any_more_is_told_in_any_case() -> None:
    """Where some cannot be told to forget, it takes as long as they keep anything; new ones hold up no old ones."""
    round_it = Surroundings(10, 9, 0)
    round_it.certain = False
    await round_it.publish(2)
    assert round_it.told[:2] == ["event 0", "event 1"]


@pytest.mark.parametrize(
    "fails",
    [
        ["Redis is away", "Redis is away"],
        [ServiceUnavailable("The database did not answer.", 1), "Redis is away"],
        [NotOurTurn(), NotOurTurn()],
        [OSError("no lock"), RuntimeError("anything")],
    ],
)
async def test_whatever_fails_is_tried_again(fails: list[Exception | str]) -> None:
    """Nothing ends it."""
    round_it = Surroundings(0)
    round_it.fails = fails
    await round_it.publish(1)
    assert round_it.told == ["event 0"]


async def test_at_the_end_what_waits_is_told() -> None:
    """Also what it was not woken for yet."""
    round_it: Any = Surroundings()
    async with Publisher(round_it, round_it, round_it, lambda: True):
        round_it.waiting = Surroundings(0).waiting
    assert round_it.told == ["event 0"]

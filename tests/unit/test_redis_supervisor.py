"""When Redis is tried, and how often it is tried again, on a loop that never waits."""

import asyncio
import contextlib
import math
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from shared.cache.address import parse
from shared.cache.keys import Keys
from shared.cache.link import LinkLost
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier, Trust
from shared.cache.replies import Command
from shared.cache.supervisor import RedisSupervisor
from shared.cache.topology import topology
from tests.fixtures.jumping_loop import now, run
from tests.kit.caches import KINDS

KEYS = Keys("test", KINDS)
ABSENT = None


class _Links:
    """To a Redis that is absent at an attempt, or up for so many seconds."""

    def __init__(self, attempts: Sequence[float | None]) -> None:
        self.attempts = list(attempts)
        self.tried: list[float] = []
        self.over = asyncio.Event()

    async def open(self, _further: Iterable[str]) -> bool:
        """The next attempt; those after the last one come to nothing, and do not count."""
        if not self.attempts:
            self.over.set()
            raise LinkLost("over")
        self.tried.append(now())
        if self.attempts[0] is ABSENT:
            self.attempts.pop(0)
            raise LinkLost("absent")
        return True

    async def lost(self) -> BaseException:
        """Until then it is up."""
        seconds = self.attempts.pop(0)
        assert seconds is not None
        await asyncio.sleep(seconds)
        return LinkLost("fallen")

    async def stamp(self, _key: str, _command: Command) -> tuple[Any, bytes]:
        """Its clock, and its generation."""
        return (b"%d" % now(), b"%d" % (now() % 1 * 1_000_000)), b"12345678"

    async def execute_all(self, *_commands: Command) -> list[list[Any]]:
        """Its role."""
        return [[[b"master"]]]

    def abort(self, _error: BaseException) -> None:
        """The heartbeat finds nothing to complain of."""
        raise AssertionError

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize(
    ("attempts", "pauses"),
    [
        ([ABSENT] * 8, [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]),
        ([1.0] * 9, [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]),
        ([ABSENT, ABSENT, 1.0, ABSENT, ABSENT, 1.0, ABSENT], [0.05, 0.1, 0.05, 0.05, 0.1, 0.1]),
        ([1.0, 1.0, 20.0, 1.0, 1.0], [0.05, 0.1, 0.05, 0.1]),
        ([20.0, 20.0, 1.0, 1.0], [0.05, 0.05, 0.1]),
    ],
    ids=["absent", "falling", "both", "steady once", "steady first"],
)
def test_it_is_tried_after_ever_longer_pauses(attempts: Sequence[float | None], pauses: Sequence[float]) -> None:
    """What is absent at least once a second; what falls again and again more seldom still, until it stays up."""

    async def main() -> None:
        near = NearTier(MemoryStore(10), KEYS, now)
        supervisor = RedisSupervisor(
            topology(parse("redis://127.0.0.1:1")), near, KEYS, clock=now, alone=math.inf, machine=now
        )
        links = _Links(attempts)
        supervisor.links = links  # type: ignore[assignment]
        async with supervisor:
            await links.over.wait()
            assert (supervisor.up, near.trust) == (False, Trust.ALONE)
        lives = [life or 0.0 for life in attempts]
        gaps = [after - before - life for before, after, life in zip(links.tried, links.tried[1:], lives, strict=False)]
        assert gaps == pytest.approx(pauses)

    run(main())


def test_an_attempt_is_over_in_time_whatever_it_does() -> None:
    """One that loses the cancellation of its time, and then waits for a node that hangs, is followed by another."""

    class Hanging(_Links):
        """Hangs the first time."""

        async def open(self, further: Iterable[str]) -> bool:
            if not self.tried:
                self.tried.append(now())
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.get_running_loop().create_future()
                await asyncio.get_running_loop().create_future()
            return await super().open(further)

    async def main() -> None:
        near = NearTier(MemoryStore(10), KEYS, now)
        supervisor = RedisSupervisor(
            topology(parse("redis://127.0.0.1:1")), near, KEYS, clock=now, alone=math.inf, machine=now
        )
        links = Hanging([20.0])
        supervisor.links = links  # type: ignore[assignment]
        async with supervisor:
            await links.over.wait()
        hung, well = links.tried
        assert 1.0 <= well - hung < 2.0

    run(main())

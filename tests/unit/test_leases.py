"""Leases are lengthened as long as they are kept, and waited for no longer than there is something to expect."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from shared.cache.cache import Cache
from shared.cache.keys import Keys
from shared.cache.lease import LEASE_SECONDS, Leases
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier
from shared.cache.replies import MOVING, Command
from shared.deadline import Deadline
from tests.fixtures.jumping_loop import now, run
from tests.kit.caches import KINDS

KEYS = Keys("test", KINDS)
A, B = KEYS.entry("products", "a"), KEYS.entry("products", "b")
PTTL, UNLINK = ("PTTL", KEYS.lease(A)), ("UNLINK", KEYS.lease(A))


class _Redis:
    """One that says that a lease is there for so much longer."""

    def __init__(self, left_ms: Any = 300) -> None:
        self.up = True
        self.left_ms = left_ms
        self.told: list[Command] = []

    def post(self, commands: Sequence[tuple[str, Command]]) -> None:
        """Nobody waits for it."""
        self.told.extend(command for _, command in commands)

    async def execute(self, _key: str, *commands: Command) -> list[Any]:
        """Somebody does."""
        self.told.extend(commands)
        return [self.left_ms for _ in commands]


class _Scene:
    """The leases of a process, on the loop that never waits."""

    def __init__(self, redis: _Redis) -> None:
        self.redis = redis
        self.cache = Cache(NearTier(MemoryStore(10), KEYS), redis, KEYS, longest_life=600)  # type: ignore[arg-type]
        self.leases = Leases(self.cache)

    def lengthened(self) -> list[str]:
        """The keys whose leases have been lengthened since this was asked last."""
        told, self.redis.told = self.redis.told, []
        assert all((name, *rest) == ("PEXPIRE", int(LEASE_SECONDS * 1000)) for name, _, *rest in told)
        return [key for key in (A, B) for command in told if command[1] == KEYS.lease(key)]


def _run(redis: _Redis, main: Callable[[_Scene], Coroutine[Any, Any, None]]) -> None:
    async def within() -> None:
        await main(_Scene(redis))

    run(within())


def test_a_lease_is_lengthened_until_it_is_let_go() -> None:
    """Long before it runs out, each time; who lets it go is told once what to give back."""

    async def main(scene: _Scene) -> None:
        one, other = scene.cache.issue_token(A), scene.cache.issue_token(B)
        scene.leases.start_renewing(A, one)
        scene.leases.start_renewing(B, other)
        for _ in range(5):
            await asyncio.sleep(LEASE_SECONDS / 2)
            assert set(scene.lengthened()) == {A, B}
        assert scene.leases.stop_renewing(one) == (KEYS.lease(A),)
        assert scene.leases.stop_renewing(one) == ()
        await asyncio.sleep(LEASE_SECONDS)
        assert set(scene.lengthened()) == {B}
        scene.leases.stop_renewing(other)
        await asyncio.sleep(10 * LEASE_SECONDS)
        assert scene.lengthened() == []
        scene.leases.start_renewing(A, one)
        await asyncio.sleep(LEASE_SECONDS)
        assert set(scene.lengthened()) == {A}

    _run(_Redis(), main)


@pytest.mark.parametrize(
    ("left_ms", "told"),
    [(-2, [PTTL]), (0, [PTTL]), (MOVING, [PTTL]), (-1, [PTTL, UNLINK])],
    ids=["gone", "over", "moving", "endless"],
)
def test_what_nobody_holds_is_not_waited_for(left_ms: Any, told: list[Command]) -> None:
    """Nor is what nobody can tell; a lease without an end is none of ours, and is deleted."""

    async def main(scene: _Scene) -> None:
        await scene.leases.wait_for_lease_holder(A, Deadline.after(1.0, now))
        assert (now(), scene.redis.told) == (0.0, told)

    _run(_Redis(left_ms), main)


def test_nothing_is_waited_for_while_redis_is_away() -> None:
    """Nor is it asked."""

    async def main(scene: _Scene) -> None:
        scene.redis.up = False
        await scene.leases.wait_for_lease_holder(A, Deadline.after(1.0, now))
        assert (now(), scene.redis.told) == (0.0, [])

    _run(_Redis(), main)


@pytest.mark.parametrize("patience", [0.01, 0.3, 1.0])
def test_what_is_held_is_waited_for_as_long_as_there_is_patience(patience: float) -> None:
    """However long it is held."""

    async def main(scene: _Scene) -> None:
        await scene.leases.wait_for_lease_holder(A, Deadline.after(patience, now))
        assert now() == pytest.approx(patience)
        assert scene.cache.near._tokens == {}

    _run(_Redis(), main)


@pytest.mark.parametrize("how", ["changed", "purged", "given back"])
def test_whoever_waits_is_woken(how: str) -> None:
    """At once by news of the key; soon where the holder has given up without any."""

    async def main(scene: _Scene) -> None:
        waiting = asyncio.ensure_future(scene.leases.wait_for_lease_holder(A, Deadline.after(10.0, now)))
        await asyncio.sleep(0.17)
        assert not waiting.done()
        if how == "changed":
            scene.cache.near.invalidate([A])
        elif how == "purged":
            scene.cache.near.flush()
        else:
            scene.redis.left_ms = -2
        await waiting
        assert now() == pytest.approx(0.17) if how != "given back" else now() <= 0.17 + LEASE_SECONDS

    _run(_Redis(), main)

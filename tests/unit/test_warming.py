"""What is outdated while a page of entries is on its way from Redis is not taken, whatever outdates it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from shared import codec
from shared.cache.cache import Cache
from shared.cache.entry import Entry
from shared.cache.keys import Keys
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier, Trust
from shared.cache.replies import Command
from shared.cache.token import Token
from shared.cache.warming import MAX_SECONDS, PAGE, Warming
from tests.fixtures.jumping_loop import now, run
from tests.kit.caches import KINDS

KEYS = Keys("test", KINDS)
NUMBERS = range(PAGE + 10)
PURGED = KEYS.entry("profile", "u5")


class _Scene:
    """A process that starts; it is its own Redis, which tells of ``NUMBERS`` on two pages and takes its time."""

    def __init__(self, seconds: float = 0.0, happens: Callable[["_Scene"], object] = lambda _: None) -> None:
        """``happens`` is done while the first page is on its way, which takes so many ``seconds``, like the others."""
        self.up = True
        self.asked: list[int] = []
        self._seconds = seconds
        self._happens = happens
        redis: Any = self
        self.near = NearTier(MemoryStore(1_000), KEYS, now)
        self.near.set_trust(Trust.COHERENT)
        self.cache = Cache(self.near, redis, KEYS, longest_life=600, clock=now)

    async def tried(self) -> None:
        pass

    async def attempt(self, key: str, command: Command) -> list[Any]:
        assert command == ("GET", key)
        number = int(key.removeprefix(KEYS.hot("")))
        page = [KEYS.entry("profile", f"u{one}") for one in NUMBERS[number * PAGE : (number + 1) * PAGE]]
        return [codec.document(page) if page else None]

    async def read(self, keys: Sequence[str], _token: Token) -> list[Entry | None]:
        self.asked.append(len(keys))
        found = [Entry.made(b"value", now(), 600.0) for _ in keys]  # which is what there was when they were asked for
        if len(self.asked) == 1:
            self._happens(self)
        await asyncio.sleep(self._seconds)
        return [*found]

    def has(self) -> list[str]:
        return [KEYS.subject(key) for key in self.near.store]

    async def start(self) -> float:
        """Start, and stop at once; how many seconds that took."""
        started = now()
        async with Warming(self.cache):
            return now() - started


def _stamp(subject: str) -> str:
    return KEYS.stamp(f"user:{subject}")


EVERYBODY = {f"u{number}" for number in NUMBERS}
FIRST_PAGE = {f"u{number}" for number in NUMBERS[:PAGE]}


@pytest.mark.parametrize(
    ("happens", "lost"),
    [
        (lambda _: None, set()),
        (lambda scene: scene.near.invalidate([PURGED]), {"u5"}),
        (
            lambda scene: scene.near.invalidate(map(_stamp, ["u5", "u7"])),
            {"u5", "u7"},
        ),
        (lambda scene: scene.near.invalidate(None), FIRST_PAGE),
        (lambda scene: scene.near.set_trust(Trust.COHERENT), FIRST_PAGE),
        (lambda scene: scene.near.set_trust(Trust.BLIND), EVERYBODY),
        (lambda scene: scene.near.set_trust(Trust.ALONE), {f"u{number}" for number in NUMBERS[PAGE:]}),
    ],
    ids=["nothing", "a change", "purges", "all is gone", "another connection", "one that does not tell", "no Redis"],
)
def test_what_is_outdated_on_its_way_is_not_taken(happens: Callable[[_Scene], object], lost: set[str]) -> None:
    """The others are, as long as memory would be asked for them."""
    scene = _Scene(happens=happens)
    run(scene.start())
    assert set(scene.has()) == EVERYBODY - lost


@pytest.mark.parametrize(("seconds", "pages"), [(0.0, 2), (MAX_SECONDS * 0.6, 1), (MAX_SECONDS * 2, 0)])
def test_what_has_come_in_time_is_there(seconds: float, pages: int) -> None:
    """The rest is given up, at the moment that was said."""
    scene = _Scene(seconds)
    assert run(scene.start()) == pytest.approx(min(MAX_SECONDS, 2 * seconds))
    assert len(scene.has()) == len(NUMBERS[: pages * PAGE])

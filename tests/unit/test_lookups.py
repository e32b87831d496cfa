"""What is read from Redis, and is invalidated while the answer is on its way."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import pytest

from shared.cache.cache import Cache
from shared.cache.entry import Entry
from shared.cache.keys import Keys
from shared.cache.lookup import LeaseState, Lookup
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier
from shared.cache.replies import Command
from shared.cache.stamps import Stamps
from shared.cache.token import Token
from tests.fixtures.gateway import Clock
from tests.kit.caches import KINDS

KEYS = Keys("test", KINDS)
KEY, OTHER = KEYS.entry("profile", "u1"), KEYS.entry("user", "u1")
STAMP = KEYS.stamp("user:u1")
LEASE_COMMAND: Command = ("SET", KEYS.lease(KEY), b"me", "NX")
OLD, NEW = Stamps(), Stamps()
NEWS = [[KEY], [STAMP], None]


class _Redis:
    """Answers to lookups in turn; news of changes come right before each answer is read."""

    def __init__(self, near: NearTier, answers: Sequence[Lookup], news: Sequence[Iterable[str] | None]) -> None:
        self.up = True
        self.asked = 0
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self._near = near
        self._answers = answers
        self._news = news

    async def lookup(self, _key: str, _token: Token, lease_command: Command | None = None) -> Lookup:
        """Whoever is asked again is not asked for a lease once more."""
        assert (lease_command is None) is (self.asked > 0)
        if self.meanwhile is not None and not self.asked:
            await self.meanwhile()
        return self._answer()

    async def read(self, keys: Sequence[str], _token: Token) -> Sequence[Entry | None]:
        """The same for each of ``keys``."""
        return [self._answer().entry, *(self._answers[0].entry for _ in keys[1:])]

    async def purge(self, _tags: Sequence[str], _seconds: float, *, hard: bool) -> None:
        """Which is not told to whoever has asked for it."""

    def _answer(self) -> Lookup:
        number, self.asked = self.asked, self.asked + 1
        self._near.invalidate(self._news[number])
        return self._answers[number]


def _cache(*answers: Lookup, news: Sequence[Iterable[str] | None]) -> tuple[Cache, _Redis]:
    near = NearTier(MemoryStore(10), KEYS, Clock())
    redis = _Redis(near, answers, news)
    return Cache(near, redis, KEYS, longest_life=600, clock=Clock()), redis  # type: ignore[arg-type]


def _look(value: bytes | None, stamps: Stamps, grant: LeaseState = LeaseState.NONE) -> Lookup:
    return Lookup(None if value is None else Entry.made(value, 1000.0, 30.0), stamps, grant)


@pytest.mark.parametrize("news", NEWS)
async def test_what_is_outdated_on_its_way_is_looked_up_once_more(news: Iterable[str] | None) -> None:
    """What is there then is given, with the lease that was got at first."""
    cache, redis = _cache(_look(b"old", OLD, LeaseState.HELD), _look(b"new", NEW), news=[news, []])
    look = await cache.lookup_redis(KEY, LEASE_COMMAND)
    assert look.entry is not None
    assert (look.entry.value, look.stamps, look.lease, redis.asked) == (b"new", NEW, LeaseState.HELD, 2)
    assert cache.lookup_near(KEY) is look.entry


@pytest.mark.parametrize("first", NEWS)
@pytest.mark.parametrize("second", NEWS)
async def test_what_is_outdated_twice_is_not_given(first: Iterable[str] | None, second: Iterable[str] | None) -> None:
    """It is a miss, with the stamps that stood there last."""
    cache, redis = _cache(_look(b"old", OLD, LeaseState.HELD), _look(b"newer", NEW), news=[first, second])
    assert await cache.lookup_redis(KEY, LEASE_COMMAND) == Lookup(None, NEW, LeaseState.HELD)
    assert (redis.asked, cache.kept_near(KEY)) == (2, None)


@pytest.mark.parametrize("news", NEWS)
async def test_a_miss_is_one_whatever_has_changed(news: Iterable[str] | None) -> None:
    """There was nothing that could be outdated; what is loaded for it is asked for later."""
    cache, redis = _cache(_look(None, OLD, LeaseState.HELD), news=[news])
    assert await cache.lookup_redis(KEY, LEASE_COMMAND) == Lookup(None, OLD, LeaseState.HELD)
    assert redis.asked == 1


@pytest.mark.parametrize("news", NEWS)
async def test_what_is_outdated_on_its_way_does_not_stand_in(news: Iterable[str] | None) -> None:
    """Each key by itself; nor does memory keep it."""
    cache, _ = _cache(_look(b"old", OLD), news=[news])
    kept = await cache.kept([KEY, OTHER])
    lost = {KEY} if news == [KEY] else {KEY, OTHER}
    assert [entry is None for entry in kept] == [key in lost for key in (KEY, OTHER)]
    assert kept == [cache.kept_near(key) for key in (KEY, OTHER)]


async def test_an_own_purge_outdates_what_is_on_its_way() -> None:
    """Redis does not tell us of what we have done ourselves."""
    cache, redis = _cache(_look(b"old", OLD, LeaseState.HELD), _look(None, NEW), news=[[], []])
    redis.meanwhile = lambda: cache.purge_tags(["user:u1"], hard=True)
    assert await cache.lookup_redis(KEY, LEASE_COMMAND) == Lookup(None, NEW, LeaseState.HELD)

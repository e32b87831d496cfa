"""Nothing that goes through Redis gets younger by that, however little is known of its clock."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.cache.address import parse
from shared.cache.answers import Found
from shared.cache.entry import NO_STAMP, Entry
from shared.cache.keys import Keys
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier
from shared.cache.redis import RedisTier
from shared.cache.replies import Command
from shared.cache.topology import topology
from shared.deadline import Clock
from tests.fixtures.gateway import Clock as Stopped
from tests.kit.caches import KINDS

KEYS = Keys("test", KINDS)
KEY = KEYS.entry("products", "p1")


class _Redis:
    """One that has a clock and a generation; questions and answers are so many seconds on their way."""

    def __init__(self, generation: bytes | None = b"12345678") -> None:
        self.time = Stopped()
        self.ahead = 1_800_000_000.0
        self.there = self.back = 0.0
        self.generation = generation
        self.told: list[Command] = []

    async def stamp(self, key: str, command: Command) -> tuple[Any, bytes | None]:
        """As ``Links.stamp``."""
        self.told.append(command)
        self.time.now += self.there
        seconds, fraction = divmod(self.time.now + self.ahead, 1)
        if command[0] == "SET" and (self.generation is None or "NX" not in command):
            assert command[1] == key
            assert isinstance(command[2], bytes)
            self.generation = command[2]
        self.time.now += self.back
        return (b"%d" % seconds, b"%d" % (fraction * 1_000_000)), self.generation


class _Process:
    """Has a tier over that Redis, and a machine that has run for so many seconds more than others."""

    def __init__(self, redis: _Redis, running: float = 0.0) -> None:
        self._redis = redis
        self.clock: Clock = lambda: redis.time.now + running
        self.near = NearTier(MemoryStore(10), KEYS, self.clock)
        self.tier = RedisTier(topology(parse("redis://127.0.0.1:1")), self.near, KEYS, self.clock, machine=self.clock)
        self.tier._supervisor.links = redis  # type: ignore[assignment]

    def look(self, there: float = 0.0, back: float = 0.0) -> Any:
        """Look at Redis's clock, as with every heartbeat; gives the generation."""
        self._redis.there, self._redis.back = there, back
        return asyncio.run(self.tier._supervisor._generation(), debug=False)


_delays = st.tuples(st.floats(0.0, 100.0), st.floats(0.0, 100.0))


@settings(deadline=None)
@given(writer=_delays, reader=_delays, before=st.floats(0.0, 50.0), after=st.floats(0.0, 50.0))
def test_an_entry_is_at_least_as_old_as_it_is(
    writer: tuple[float, float], reader: tuple[float, float], before: float, after: float
) -> None:
    """Whoever writes it, and whoever reads it, may have had to wait for Redis's clock, or have been stopped then."""
    redis = _Redis()
    one, other = _Process(redis), _Process(redis, running=5_000.0)
    one.near.generation = one.look(*writer)
    other.near.generation = other.look(*reader)
    now = one.clock()
    stored = one.tier.stored(Entry(b"value", now, now + 30, now + 600, age=before), one.near.issue_token(KEY))
    redis.time.now += after
    found = other.tier._stored(KEY, Found(stored.to_bytes(KEY)))
    assert found is not None
    token = other.near.issue_token(KEY)
    entry = other.tier._standing(KEY, found, token)
    assert entry is not None
    assert other.clock() - entry.asked_at >= before + after - 1e-6


def test_where_there_is_no_generation_the_first_begins_one() -> None:
    """One that nobody can guess, nor has there been it before; whoever comes next takes it."""
    begun = []
    for _ in range(2):
        redis = _Redis(generation=None)
        one, other = _Process(redis), _Process(redis)
        begun.append(one.look())
        assert redis.told[-1] == ("SET", KEYS.generation, begun[-1], "NX")
        assert other.look() == begun[-1]
    assert len({NO_STAMP, *begun}) == 3
    assert {len(generation) for generation in begun} == {len(NO_STAMP)}


@pytest.mark.parametrize("seconds", [0.2, 10.0, 1e9])
def test_a_clock_that_was_set_back_begins_another_generation(seconds: float) -> None:
    """Whatever there is already, for what was stored before would seem younger; once for each step."""
    redis = _Redis()
    process = _Process(redis)
    before = process.look()
    redis.ahead -= seconds
    begun = process.look()
    assert redis.told[-1] == ("SET", KEYS.generation, begun)
    assert begun not in {before, NO_STAMP}
    assert process.look() == begun

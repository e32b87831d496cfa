"""Somebody else in the gateway's Redis: what stands under its keys is changed, exchanged, made to last, or lost."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from benchmarks.chaos.hostile.draw import one_of
from benchmarks.chaos.hostile.failures import Journal
from benchmarks.chaos.hostile.spells import Weather

_LISTED_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 0.3
_LONG_MS: Final = 10_000_000


@dataclass
class Place:
    """Redis, and what stands in it.

    Attributes:
        redis: a connection of one's own.
        kinds: names of entries by what they begin with, as they were a moment ago.
        dice: what is drawn from.
    """

    redis: "Redis"
    dice: Random
    kinds: Sequence[Sequence[bytes]] = ()

    async def look(self) -> None:
        """See what there is, but for the products of the greedy, which are too many."""
        keys: list[bytes] = await self.redis.execute_command("KEYS", "*{[^g]*}")
        found: dict[bytes, list[bytes]] = {}
        for key in sorted(key for key in keys if b".lease" not in key):
            found.setdefault(key.partition(b"{")[0], []).append(key)
        self.kinds = list(found.values())

    def one(self) -> bytes:
        """Some entry; of each kind as often."""
        return self.dice.choice(self.dice.choice(self.kinds))

    def two(self) -> tuple[bytes, bytes]:
        """Two entries of the same kind, of different subjects if there are such."""
        kind = self.dice.choice(self.kinds)
        return self.dice.choice(kind), self.dice.choice(kind)

    async def rewrite(self, key: bytes, change: Callable[[bytes], bytes]) -> str:
        """Put something else under ``key``, for as long as it had."""
        return await self.put(key, key, change)

    async def put(self, source: bytes, target: bytes, change: Callable[[bytes], bytes]) -> str:
        """Put what stands under ``source``, changed, under ``target``; tells whom that concerns."""
        value: bytes | None = await self.redis.execute_command("GET", source)
        left = await self.redis.pttl(source)
        if value and left > 0:
            await self.redis.set(target, change(value), px=left)
        return f"{_subject(source)} {_subject(target)}"


Meddle = Callable[[Place], Awaitable[str]]


@dataclass(frozen=True)
class Meddling:
    """One thing to do; tells whom it concerns."""

    name: str
    do: Meddle
    weight: float = 1.0


def _rewrites(change: Callable[[bytes, Random], bytes]) -> Meddle:
    async def meddle(place: Place) -> str:
        return await place.rewrite(place.one(), lambda value: change(value, place.dice))

    return meddle


async def _copy(place: Place) -> str:
    source, target = place.two()
    return await place.put(source, target, bytes)


async def _copy_absence(place: Place) -> str:
    """What says that there is no such thing has no name in it that could be compared."""
    kind = place.dice.choice(place.kinds)
    absent = [key for key in kind if b"{nobody" in key or b"{gone" in key]
    return await place.put(place.dice.choice(absent or kind), place.dice.choice(kind), bytes)


async def _copy_across(place: Place) -> str:
    return await place.put(place.one(), place.one(), bytes)


async def _exchange(place: Place) -> str:
    """Both keep the time to live of the other."""
    one, other = place.two()
    with contextlib.suppress(RedisError):
        between = one + b".between"
        await place.redis.rename(one, between)
        await place.redis.rename(other, one)
        await place.redis.rename(between, other)
    return f"{_subject(one)} {_subject(other)}"


async def _lengthen(place: Place) -> str:
    key = place.one()
    await place.redis.pexpire(key, place.dice.choice((3000, 60_000, _LONG_MS)))
    return _subject(key)


async def _persist(place: Place) -> str:
    key = place.one()
    await place.redis.persist(key)
    return _subject(key)


async def _delete(place: Place) -> str:
    key = place.one()
    await place.redis.delete(key)
    return _subject(key)


async def _other_type(place: Place) -> str:
    key = place.one()
    await place.redis.delete(key)
    if place.dice.random() < 0.5:
        await place.redis.hset(key, "field", "value")
    else:
        await place.redis.lpush(key, "value")
    await place.redis.pexpire(key, 2000)
    return _subject(key)


async def _take_leases(place: Place) -> str:
    """The leases of this cache are named like its keys, as far as anybody can see."""
    key = place.one()
    name, _, rest = key.partition(b":")
    await place.redis.set(name + b".lease:" + rest, place.dice.randbytes(8), px=5000)
    return _subject(key)


async def _garble_marks(place: Place) -> str:
    """Generation and stamps: what decides over many entries at once."""
    key = place.one()
    prefix = key.partition(b"{")[0].rpartition(b":")[0].rpartition(b":")[0]
    what = place.dice.choice((b"generation", b"outdated/user:{%b}" % _subject(key).encode()))
    await place.redis.set(prefix + b":" + what, place.dice.choice((b"", b"x", place.dice.randbytes(8), b"y" * 5000)))
    return _subject(key)


async def _flush(place: Place) -> str:
    await place.redis.flushall()
    return ""


async def _kill_clients(place: Place) -> str:
    await place.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    return ""


async def _pause(place: Place) -> str:
    await place.redis.execute_command("CLIENT", "PAUSE", place.dice.choice((50, 200, 400)))
    return ""


async def _read_only(place: Place) -> str:
    await place.redis.execute_command("CONFIG", "SET", "min-replicas-to-write", 1)
    await asyncio.sleep(_PAUSE_SECONDS)
    await place.redis.execute_command("CONFIG", "SET", "min-replicas-to-write", 0)
    return ""


async def _full(place: Place) -> str:
    await place.redis.execute_command("CONFIG", "SET", "maxmemory", 1)
    await asyncio.sleep(_PAUSE_SECONDS)
    await place.redis.execute_command("CONFIG", "SET", "maxmemory", 0)
    return ""


def _cut(value: bytes, dice: Random) -> bytes:
    return value[: dice.randrange(len(value))]


def _garble(value: bytes, dice: Random) -> bytes:
    """A byte that can stand nowhere in the text of an entry; in its numbers it makes great ones."""
    place = dice.randrange(len(value))
    return value[:place] + dice.choice((b"\xff", b"\x00")) + value[place + 1 :]


def _garble_begin(value: bytes, dice: Random) -> bytes:
    return _garble(value[:80], dice) + value[80:]


def _lengthened(value: bytes, dice: Random) -> bytes:
    return value + dice.choice((b"\x00", b"}", b" ", b"x" * 1000, value))


def _other_words(value: bytes, dice: Random) -> bytes:
    """Something that would be a header, a field or a status of its own."""
    return value.replace(b'W/"', dice.choice((b"\r\nX", b'"\r\n', b"\xff\xff\xff")), 1)


_GARBAGE: Final = (
    b"", b"\x00", b"garbage", b"pgc3", b"pgc3" + bytes(28), b"pgc3" + b"\xff" * 28, b"\xff" * 100, b"{}", b"null",
    b"x" * 1_000_000, b"\x93\xcd\x01\x94\xa0\xc4\x00", b"\x93\xce\x00\x01\x86\x9f\xa1x\xc4\x02{}",
)  # fmt: skip

MEDDLINGS: Final = (
    Meddling("one subject's entry under another's key", _copy, 6),
    Meddling("that there is no such thing, under another's key", _copy_absence, 3),
    Meddling("an entry under a key of another kind", _copy_across, 3),
    Meddling("two subjects' entries exchanged", _exchange, 2),
    Meddling("an entry cut", _rewrites(_cut), 2),
    Meddling("an entry garbled", _rewrites(_garble), 2),
    Meddling("an entry's begin garbled", _rewrites(_garble_begin), 3),
    Meddling("an entry with more at its end", _rewrites(_lengthened), 2),
    Meddling("an entity tag with a line break", _rewrites(_other_words), 2),
    Meddling("garbage", _rewrites(lambda _, dice: dice.choice(_GARBAGE)), 2),
    Meddling("a longer life", _lengthen, 2),
    Meddling("a life without end", _persist, 2),
    Meddling("a key deleted", _delete),
    Meddling("a key of another type", _other_type, 2),
    Meddling("a lease taken", _take_leases, 2),
    Meddling("generation or stamp garbled", _garble_marks, 0.5),
    Meddling("FLUSHALL", _flush, 0.1),
    Meddling("CLIENT KILL", _kill_clients, 0.3),
    Meddling("CLIENT PAUSE", _pause, 0.3),
    Meddling("no writes", _read_only, 0.2),
    Meddling("no memory", _full, 0.2),
)


async def meddle(port: int, dice: Random, weather: Weather, journal: Journal) -> None:
    """Go on until cancelled, as often as the weather says."""
    place = Place(Redis(host="127.0.0.1", port=port, socket_timeout=5), dice)
    try:
        listed = 0.0
        while True:
            await asyncio.sleep(1 / weather.spell.meddling if weather.spell.meddling else _LISTED_SECONDS)
            if not weather.spell.meddling:
                continue
            now = asyncio.get_running_loop().time()
            if now > listed + _LISTED_SECONDS:
                await place.look()
                listed = now
            if place.kinds:
                await _meddle_once(place, journal)
    finally:
        await place.redis.aclose()


async def _meddle_once(place: Place, journal: Journal) -> None:
    meddling = one_of(MEDDLINGS, place.dice)
    try:
        journal.note(f"in redis: {meddling.name}", await meddling.do(place))
    except RedisError:  # it has no memory, or the key has gone
        journal.counts[f"in redis, in vain: {meddling.name}"] += 1


async def mend(port: int) -> None:
    """Undo what may have been left half done."""
    async with Redis(host="127.0.0.1", port=port, socket_timeout=5) as redis:
        for name in ("maxmemory", "min-replicas-to-write"):
            await redis.execute_command("CONFIG", "SET", name, 0)


def _subject(key: bytes) -> str:
    return key.partition(b"{")[2].rstrip(b"}").decode("utf-8", "replace")

"""Both tiers as one of aiocache's caches: its public interface, within a process and across."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

import pytest
from aiocache import SimpleMemoryCache
from aiocache.plugins import BasePlugin, HitMissRatioPlugin, TimingPlugin
from aiocache.serializers import BaseSerializer, JsonSerializer, NullSerializer, PickleSerializer, StringSerializer

from shared.cache.build import build_cache
from shared.cache.entry import LONGEST_SECONDS
from shared.cache.tiered import NoRedis, OptimisticLock, OptimisticLockError, RedLock, TieredCache, TieredStore
from shared.observing import metrics
from tests.kit.views import Side, Sides, undisturbed

NOTED = "it is what it is"


class Reversed(BaseSerializer):
    """One of somebody's own: bytes, backwards."""

    DEFAULT_ENCODING = None

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def dumps(self, value: bytes) -> Any:
        """Backwards."""
        return value[::-1]

    def loads(self, value: Any) -> Any:
        """And back."""
        return None if value is None else value[::-1]


@pytest.mark.parametrize(
    ("serializer", "value", "back"),
    [
        (NullSerializer(), "text ✓ \ud800", "text ✓ \ud800"),
        (NullSerializer(), b"\x00\xff bytes", b"\x00\xff bytes"),
        (NullSerializer(), "", ""),
        (NullSerializer(), b"", b""),
        (NullSerializer(), 7, "7"),
        (NullSerializer(), -0.5, "-0.5"),
        (NullSerializer(encoding=None), b"bytes", b"bytes"),
        (NullSerializer(encoding=None), "text", b"text"),
        (StringSerializer(), 7, "7"),
        (StringSerializer(), "s7", "s7"),
        (JsonSerializer(), {"a": [1, None, "✓"]}, {"a": [1, None, "✓"]}),
        (JsonSerializer(), False, False),
        (PickleSerializer(), {1, 2}, {1, 2}),
        (Reversed(), b"abc", b"abc"),
        (None, ["json", "is", "the", "usual"], ["json", "is", "the", "usual"]),
    ],
)
@undisturbed()
async def test_what_is_put_comes_back(sides: Sides, serializer: Any, value: Any, back: Any) -> None:
    """Bytes are bytes and text is text, whoever has put it, one by one or many at once."""
    one, other = sides.views(serializer=serializer)
    assert await one.set("a", value) is True
    assert await one.multi_set([("b", value), ("c", value)]) is True
    assert await one.add("d", value) is True
    for view in (one, other):
        assert [await view.get(key) for key in "abcd"] == [back] * 4
        assert await view.multi_get(["a", "x", "d", "a"]) == [back, None, back, back]
        assert [await view.exists(key) for key in "dx"] == [True, False]
        assert await view.get("x", default=NOTED) == NOTED
    assert await other.delete("a") == 1
    assert await other.delete("a") == 0
    await sides.hear()
    assert await one.get("a") is None


@pytest.mark.parametrize("value", [None, True, ["list"], object()])
@pytest.mark.parametrize("method", ["set", "add", "multi_set"])
@undisturbed()
async def test_what_a_serializer_leaves_as_it_was_is_refused(sides: Sides, method: str, value: Any) -> None:
    """What is no text, bytes or number cannot be kept, and the complaint does not tell what it was."""
    view = sides.one.view(serializer=NullSerializer())
    arguments = [[("key", value)]] if method == "multi_set" else ["key", value]
    with pytest.raises(TypeError, match=type(value).__name__):
        await getattr(view, method)(*arguments)
    assert await view.exists("key") is False


async def _told(act: Awaitable[Any]) -> Any:
    """What came of it; numbers as text, which aiocache's own cache has not made of those that it has increased."""
    try:
        result = await act
    except (ValueError, TypeError) as error:
        return type(error)
    return [_as_text(one) for one in result] if isinstance(result, list) else _as_text(result)


def _as_text(value: Any) -> Any:
    return str(value) if type(value) is int else value


@pytest.mark.parametrize("seed", range(5))
@undisturbed()
async def test_it_behaves_like_the_librarys_own(sides: Sides, seed: int) -> None:
    """Whatever is done, by either of two processes, gives what aiocache's own cache in one process would give."""
    views = sides.views(serializer=StringSerializer(), namespace="space")
    model = SimpleMemoryCache(serializer=StringSerializer(), namespace="space")
    draw = random.Random(seed)
    keys = ["a", "b", "{c}", "%"]
    acts: list[Callable[[], tuple[str, tuple[Any, ...]]]] = [
        lambda: ("get", (draw.choice(keys), NOTED)),
        lambda: ("set", (draw.choice(keys), draw.choice(["1", "text", -5]))),
        lambda: ("add", (draw.choice(keys), draw.choice(["2", "text"]))),
        lambda: ("multi_get", (draw.sample(keys, 3),)),
        lambda: ("multi_set", ([(key, draw.choice("xyz")) for key in draw.sample(keys, 2)],)),
        lambda: ("exists", (draw.choice(keys),)),
        lambda: ("increment", (draw.choice(keys), draw.choice([1, -3, 10**20]))),
        lambda: ("expire", (draw.choice(keys), draw.choice([0, 60]))),
        lambda: ("delete", (draw.choice(keys),)),
        lambda: ("clear", ()) if draw.random() < 0.2 else ("exists", (draw.choice(keys),)),
    ]
    for _ in range(150):
        name, arguments = draw.choice(acts)()
        expected = await _told(getattr(model, name)(*arguments))
        if name == "clear":
            await model.clear(namespace="space")
        await sides.hear()
        assert await _told(getattr(draw.choice(views), name)(*arguments)) == expected, (name, arguments)


@pytest.mark.parametrize("unbounded", [None, 0])
@undisturbed()
async def test_a_life_is_as_long_as_was_asked_for(unbounded: int | None) -> None:
    """To the moment: by what is put, the view's own, or expire; a number that is increased lives no longer for it."""
    now = 0.0
    async with build_cache("", 100, kinds=(), longest_life=600, clock=lambda: now) as cache:
        view = Side.of(cache, "").view(ttl=50, serializer=StringSerializer())
        await view.set("own", "1")
        await view.set("given", "1", ttl=10)
        await view.multi_set([("many", "1")], ttl=10.5)
        await view.add("added", "1", ttl=20)
        await view.set("endless", "1", ttl=unbounded)
        await view.set("lengthened", "1", ttl=5)
        await view.set("shortened", "1", ttl=500)
        await view.set("freed", "1", ttl=5)
        now = 4
        assert await view.expire("lengthened", 26) is True
        assert await view.expire("shortened", 2) is True
        assert await view.expire("freed", 0) is True
        assert await view.expire("nothing", 2) is False
        assert await view.increment("given") == 2
        ends = {
            "shortened": 6,
            "given": 10,
            "many": 10.5,
            "added": 20,
            "lengthened": 30,
            "own": 50,
            "endless": LONGEST_SECONDS,
            "freed": LONGEST_SECONDS + 4,
        }
        for key, end in ends.items():
            now = end - 0.001
            assert await view.exists(key) is True, key
            now = end
            assert await view.exists(key) is False, key
            assert await view.expire(key, 10) is False, key


@undisturbed()
async def test_redis_keeps_nothing_for_longer(far_sides: Sides) -> None:
    """The life in Redis is the same one, for what was added, changed, increased or set from what was there too."""
    one, other = far_sides.views(serializer=StringSerializer())
    lives = {"set": 10, "added": 20.5, "increased": 30, "lengthened": 40, "exchanged": 50, "endless": LONGEST_SECONDS}
    await one.set("set", "1", ttl=10)
    await one.add("added", "1", ttl=20.5)
    await one.set("increased", "1", ttl=30)
    await other.increment("increased")
    await one.set("lengthened", "1", ttl=5)
    await other.expire("lengthened", 40)
    await one.set("exchanged", "1", ttl=5)
    async with OptimisticLock(other, "exchanged") as lock:
        await lock.cas("2", ttl=50)
    await one.increment("endless")
    for key, seconds in lives.items():
        left = await one.raw("pttl", far_sides.one.store.table.key(one.build_key(key)))
        assert seconds * 1000 - 4_000 < left <= seconds * 1000, key


@pytest.mark.parametrize("ttl", [-1, float("nan")])
@undisturbed()
async def test_what_is_no_life_is_refused(sides: Sides, ttl: float) -> None:
    """Before anything is changed."""
    view = sides.one.view()
    await view.set("key", "before")
    for act in (view.set("key", 1, ttl=ttl), view.multi_set([("key", 1)], ttl=ttl), view.expire("key", ttl)):
        with pytest.raises(ValueError, match="time to live"):
            await act
    assert await view.get("key") == "before"


@undisturbed()
async def test_one_alone_adds(sides: Sides) -> None:
    """Of many who add at once, anywhere, one does; the others are told so, and what it has added stays."""
    views = sides.views(serializer=StringSerializer())
    for key in ("a", "b", "c"):
        results = await asyncio.gather(
            *(views[number % 2].add(key, f"by {number}") for number in range(20)), return_exceptions=True
        )
        winners = [number for number, result in enumerate(results) if result is True]
        assert len(winners) == 1
        assert sum(isinstance(result, ValueError) for result in results) == 19
        await sides.hear()
        assert [await view.get(key) for view in views] == [f"by {winners[0]}"] * 2
        await views[0].delete(key)
        assert await views[1].add(key, "again") is True


@undisturbed()
async def test_no_increment_is_lost(sides: Sides) -> None:
    """However many count at once, in two processes: each gets a number of its own, and all are counted."""
    views = sides.views()
    numbers = await asyncio.gather(*(views[number % 2].increment("count") for number in range(100)))
    assert sorted(numbers) == list(range(1, 101))
    assert await views[0].increment("count", -40) == 60
    await sides.hear()
    assert [await view.get("count") for view in views] == [60, 60]


@pytest.mark.parametrize("value", ["text", "", "1.5", " 1", "1_0", "٣", b"\xff"])
@undisturbed()
async def test_what_is_no_number_is_not_increased(sides: Sides, value: Any) -> None:
    """It stays as it was; nor is anything increased by what is no whole number."""
    view = sides.one.view(serializer=NullSerializer())
    await view.set("key", value)
    await view.set("number", "1")
    for key, delta in (("key", 1), ("number", 0.5), ("number", "1"), ("number", True)):
        with pytest.raises(TypeError, match="not an integer"):
            await view.increment(key, delta)
    assert await view.multi_get(["key", "number"]) == [value, "1"]


@undisturbed()
async def test_of_those_who_saw_the_same_one_sets(sides: Sides) -> None:
    """Optimistic locks hold across processes: of all who found the same value one replaces it."""
    views = sides.views()
    await views[0].set("key", 0)

    async def replace(number: int) -> bool:
        async with OptimisticLock(views[number % 2], "key") as lock:
            await seen.wait()
            try:
                return bool(await lock.cas(number))
            except OptimisticLockError:
                return False

    seen = asyncio.Barrier(10)
    results = await asyncio.gather(*(replace(number) for number in range(1, 11)))
    assert sum(results) == 1
    await sides.hear()
    assert await views[1].get("key") == results.index(True) + 1
    async with OptimisticLock(views[0], "new") as lock:
        await views[1].set("new", "meanwhile")
        assert await lock.cas("of what was not there, nobody had seen anything") is True


@undisturbed()
async def test_a_lock_is_given_back_by_its_holder_alone(sides: Sides) -> None:
    """Who comes late finds the lock of the next one, and leaves it."""
    one, other = sides.views()
    async with RedLock(one, "work", lease=60):
        await one.delete("work-lock")  # its time is over, as it were
        async with RedLock(other, "work", lease=60):
            assert await one._redlock_release(one.build_key("work-lock"), "mine") == 0
            assert await one.exists("work-lock") is True
        assert await other.exists("work-lock") is False


@undisturbed()
async def test_plugins_and_time_outs(sides: Sides) -> None:
    """Plugins stand round each call and are told what it gave; a call may be given less time than it takes."""

    class Stuck(BasePlugin):
        async def pre_get(self, *_arguments: Any, **_options: Any) -> None:
            await asyncio.Event().wait()

    view: Any = sides.one.view(plugins=[HitMissRatioPlugin(), TimingPlugin()])
    await view.set("key", 1)
    await view.multi_get(["key", "none"])
    await view.get("key")
    assert view.hit_miss_ratio == {"total": 3, "hits": 2, "hit_ratio": 2 / 3}
    assert view.profiling["get_total"] == 1
    with pytest.raises(TimeoutError):
        await sides.one.view(plugins=[Stuck()]).get("key", timeout=0.01)
    with pytest.raises(TimeoutError):
        await sides.one.view(plugins=[Stuck()], timeout=0.01).get("key")


@undisturbed()
async def test_keys_are_built_as_one_says(sides: Sides) -> None:
    """Views with another builder or namespace have keys of their own; an enumeration stands for its values."""

    class Key(Enum):
        KEY = "key"

    plain, spaced = sides.one.view(), sides.one.view(namespace="space")
    built = sides.one.view(key_builder=lambda key, namespace: f"{namespace}-{key}-built", namespace="space")
    for number, view in enumerate((plain, spaced, built)):
        await view.set(Key.KEY if view is not built else "key", number)
    assert [await view.get("key") for view in (plain, spaced, built)] == [0, 1, 2]
    assert await plain.get("key", namespace="space") == 1
    assert built.build_key("key", "other") == "other-key-built"
    assert await sides.other.view(key_builder=lambda key, **_: key).set("", "nameless") is True
    assert await sides.one.view(key_builder=lambda key, **_: key).get("") == "nameless"


SPACES = [None, "a", "ab", "a:b", "a*", "a?b", "[ab]", "a\\", "\\*", "^", "{a}", "%", "a%3Ab", "ü", "\ud800", "a ", "-"]


@pytest.mark.parametrize("by", ["its view", "name"])
@undisturbed()
async def test_clearing_keeps_to_the_namespace(sides: Sides, by: str) -> None:
    """Whatever a namespace is called, and however another one begins, its own entries go, everywhere, and no others."""
    keys = ["", "k", ":k", "*", "b:k"]
    await sides.one.cache.purge_all()
    for space in SPACES:
        await sides.one.view(namespace=space).multi_set([(key, "there") for key in keys])
    left = list(SPACES[1:])
    while left:
        cleared = left.pop(len(left) // 2)
        if by == "name":
            assert await sides.other.view(namespace="ab").clear(namespace=cleared) is True
        else:
            assert await sides.other.view(namespace=cleared).clear() is True
        await sides.hear()
        for space in SPACES:
            for side in (sides.one, sides.other):
                found = await side.view(namespace=space).multi_get(keys)
                assert found == ["there" if space in (None, *left) else None] * len(keys), (cleared, space)


@undisturbed()
async def test_clearing_without_a_namespace_clears_all_there_is_of_these(far_sides: Sides) -> None:
    """And of nothing else that Redis holds; what is only in memory goes too."""
    one, other = far_sides.views()
    profile = far_sides.one.cache.keys.entry("profile", "user1")
    await one.raw("set", profile, "somebody else's")
    await one.raw("set", "named", "somebody else's")
    await one.multi_set([(str(number), number) for number in range(3_000)])
    await other.set("a", 1, namespace="space")
    assert await other.clear() is True
    await far_sides.hear()
    assert await one.multi_get(["0", "1", "2999"]) == [None] * 3
    assert await one.get("a", namespace="space") is None
    assert await one.raw("mget", [profile, "named"]) == ["somebody else's"] * 2
    assert [key for key in await one.raw("keys", "*") if ":named:" in key] == []


@undisturbed()
async def test_raw_speaks_to_redis_itself(far_sides: Sides) -> None:
    """Its commands go past the cache, on a connection of their own; what they change is heard by all, this one too."""
    one, other = far_sides.views(serializer=StringSerializer())
    key = far_sides.one.store.table.key(one.build_key("key"))
    await one.set("key", "value")
    assert await other.get("key") == "value"
    assert await one.raw("exists", key) == 1
    assert await one.raw("eval", "return redis.call('DEL', KEYS[1])", 1, key) == 1
    await far_sides.hear()
    assert [await one.get("key"), await other.get("key")] == [None, None]
    assert await one.raw("set", "text", "✓", px=60_000) is True
    assert [await one.raw("get", "text"), await one.raw("get", "none")] == ["✓", None]
    assert await far_sides.one.view(serializer=PickleSerializer()).raw("get", "text") == "✓".encode()
    assert await one.raw("mget", ["text", "none"]) == ["✓", None]


@undisturbed()
async def test_raw_needs_redis(sides: Sides) -> None:
    """Where there is none, or none that answers, that is what it says."""
    nowhere = TieredStore(sides.one.cache)
    with pytest.raises(NoRedis, match="no Redis is configured"):
        await TieredCache(lambda: nowhere).raw("get", "key")


@undisturbed()
async def test_closing_a_view_closes_nothing_else(sides: Sides) -> None:
    """The tiers belong to the app."""
    async with sides.one.view() as view:
        await view.set("key", 1)
    await view.close()
    assert await view.get("key") == 1
    async with view.get_connection() as connection:
        assert await connection.get("key") == 1


@undisturbed()
async def test_a_miss_is_one_look_at_redis_and_a_second_hit_none(far_sides: Sides) -> None:
    """What another has put is asked for once; memory has it from then on, until it changes."""
    one, other = far_sides.views()
    await one.set("key", "value")

    async def looks(keys: list[str]) -> int:
        before = looked()
        await other.multi_get(keys)
        return looked() - before

    def looked() -> int:
        counted = (metrics.cache_hits, metrics.cache_misses)
        return sum(int(count.labels("redis")._value.get()) for count in counted)

    await far_sides.hear()
    assert [await looks(["key"]), await looks(["key"]), await looks(["key", "none"])] == [1, 0, 1]
    await one.delete("key")
    await far_sides.hear()
    assert await looks(["key"]) == 1

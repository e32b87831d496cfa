"""The hub: what is looked at is looked into when the cache says so, once for all, and only then."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

import orjson
import pytest

from bff.parts.part import Part
from bff.streams.hub import Hub
from bff.streams.reading import Kept, Known, Reading
from bff.streams.state import State, Told
from shared.cache.progress import Listen
from shared.errors import NotFound, ServiceUnavailable
from shared.http.streams.live import LiveStream
from tests.fixtures.gateway import Clock
from tests.unit.test_looked_at import state, stream


class World:
    """A cache that a test speaks for, and what would be found by asking."""

    def __init__(self) -> None:
        self.watching: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self.now = 1.0
        self.kept: dict[str, Kept] = {}
        self.found: State | Exception = state({"a": 1})
        self.cached: State | None = None
        self.tags: tuple[str, ...] = ("user:u",)
        self.looks = 0
        self.loads = 0
        self.at_once = 0
        self.hears = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.clock = Clock()
        self.hub = Hub(
            self,
            Reading("/".__add__, "key:".__add__, lambda: self.now, self.kept.get, self._look, self._load),
            self.clock,
        )

    def watch(self, name: str, told: Callable[[], None]) -> None:
        """Tell ``told`` of it."""
        self.watching[name].append(told)

    def unwatch(self, name: str, told: Callable[[], None]) -> None:
        """Tell it no more."""
        self.watching[name].remove(told)
        if not self.watching[name]:
            del self.watching[name]

    def tell(self, name: str) -> None:
        """What is under this key, or carries this tag, may be another."""
        for told in [*self.watching[name]]:
            told()

    def join(self, identifier: str = "u", known: State | None = None) -> LiveStream:
        """One more stream, of what memory has."""
        one, known = stream(), state({"a": 1}) if known is None else known
        if known.etag is not None:
            self.kept[identifier] = Kept(known.etag, self.now + 30)
        self.hub.join(identifier, one, Known(known, self.tags))
        return one

    async def settled(self, seconds: float = 1.0) -> None:
        """Let everything be done that can be, and a quiet second pass."""
        for _ in range(20):
            await asyncio.sleep(0)
        self.clock.now += seconds

    async def _look(self, _identifier: str) -> Known | None:
        self.looks += 1
        return None if self.cached is None else Known(self.cached, self.tags)

    async def _load(self, identifier: str, listen: Listen) -> Known:
        self.loads += 1
        self.at_once += 1
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        if isinstance(self.found, Exception):
            if self.hears:
                listen("a", Part.missing("timeout"))
            raise self.found
        if self.found.etag is not None:
            self.kept[identifier] = Kept(self.found.etag, self.now + 30)
        return Known(self.found, self.tags)


@pytest.fixture
async def world(loop: object) -> AsyncIterator[World]:
    """Nothing is looked at yet."""
    made = World()
    yield made
    made.gate.set()
    await made.settled()


def _told(one: LiveStream) -> list[str]:
    told = [orjson.loads(line) for line in one.take_held().splitlines()]
    return [event["data"].get("name", event["event"]) for event in told]


async def test_nothing_is_done_for_what_does_not_change(world: World) -> None:
    """However many look at it; what is told of a tag is asked for once."""
    streams = [world.join() for _ in range(3)]
    await world.settled()
    assert (world.loads, world.looks) == (0, 0)
    world.found = state({"a": 2})
    world.tell("user:u")
    world.tell("user:u")
    await world.settled()
    assert [_told(one) for one in streams] == [["a", "complete"]] * 3
    assert world.loads == 1


async def test_what_is_outdated_and_the_same_again_is_told_to_be(world: World) -> None:
    """So that whoever looks sees that it was looked into; but not what was merely loaded anew."""
    one = world.join()
    world.cached = state({"a": 1})
    world.tell("key:u")
    await world.settled()
    assert _told(one) == []
    world.found = state({"a": 1})
    world.tell("user:u")
    await world.settled()
    assert (_told(one), world.loads) == (["complete"], 1)


async def test_a_purge_is_told_once(world: World) -> None:
    """It drops the entry, and then is one of its tag: nothing follows a second later, and no change waits for that."""
    one = world.join()
    for value in (2, 3):
        world.found = state({"a": value})
        world.tell("key:u")
        world.tell("user:u")
        await world.settled(1.01)
        assert _told(one) == ["a", "complete"]
    await world.settled()
    assert (_told(one), world.loads, world.looks) == ([], 2, 0)


async def test_what_somebody_else_has_loaded_is_taken_from_the_cache(world: World) -> None:
    """Nobody is asked again."""
    one = world.join()
    world.cached = state({"a": 3})
    world.tell("key:u")
    await world.settled()
    assert (_told(one), world.looks, world.loads) == (["a", "complete"], 1, 0)


async def test_that_a_life_is_over_changes_nothing(world: World) -> None:
    """Redis tells of that too; but what is gone before its time was outdated."""
    one = world.join()
    world.now += 29.9
    world.tell("key:u")
    await world.settled()
    assert (world.looks, world.loads) == (1, 0)
    world.now -= 10
    world.tell("key:u")
    await world.settled()
    assert (world.looks, world.loads, _told(one)) == (2, 1, [])


async def test_what_was_outdated_before_it_was_looked_at_is_asked_for(world: World) -> None:
    """Between the load and the first look."""
    one, world.found = stream(), state({"a": 2})
    world.hub.join("u", one, Known(state({"a": 1}), world.tags))
    await world.settled()
    assert (world.loads, _told(one)) == (1, ["a", "complete"])


async def test_further_changes_wait_for_the_end_of_a_second(world: World) -> None:
    """And are not forgotten, nor told twice."""
    one = world.join()
    world.found = state({"a": 2})
    world.tell("user:u")
    await world.settled(0.0)
    world.found = state({"a": 3})
    world.tell("user:u")
    world.tell("user:u")
    await world.settled(0.0)
    assert (_told(one), world.loads) == (["a", "complete"], 1)
    while world.loads < 2:
        await asyncio.sleep(0.01)
    await world.settled()
    assert (_told(one), world.loads) == (["a", "complete"], 2)


async def test_tags_are_watched_as_they_are_now(world: World) -> None:
    """Those of the newest state, and none when nobody looks any more."""
    one = world.join()
    world.tags = ("user:u", "product:p")
    world.tell("user:u")
    await world.settled()
    assert {*world.watching} == {"key:u", "user:u", "product:p"}
    world.tags = ("product:p",)
    world.tell("product:p")
    await world.settled()
    assert {*world.watching} == {"key:u", "product:p"}
    one.end("left")
    assert (dict(world.watching), len(world.hub)) == ({}, 0)


async def test_who_leaves_in_the_middle_ends_what_was_begun(world: World) -> None:
    """The last one; the others are told all the same."""
    world.gate.clear()
    first, second = world.join(), world.join()
    world.found = state({"a": 2})
    world.tell("user:u")
    await world.settled()
    first.end("left")
    await world.settled()
    assert world.at_once == 1
    second.end("left")
    await world.settled()
    assert world.at_once == 0


async def test_everything_at_once_is_asked_for_bit_by_bit(world: World) -> None:
    """As after a flush of Redis: services are spared."""
    world.gate.clear()
    world.tags = ()
    for number in range(100):
        world.join(str(number))
    for number in range(100):
        world.kept.clear()
        world.tell(f"key:{number}")
    await world.settled()
    assert world.at_once == 16
    world.gate.set()
    while world.loads < 100:
        await asyncio.sleep(0)


@pytest.mark.parametrize("fault", [ServiceUnavailable("Not now.", 2), RuntimeError()])
@pytest.mark.parametrize("hears", [True, False])
async def test_what_cannot_be_had_is_tried_again(world: World, fault: Exception, hears: bool) -> None:
    """What is known of it is told meanwhile, if anything is, and a fault of ours spoils nothing."""
    one = world.join()
    world.found, world.hears = fault, hears
    world.tell("user:u")
    await world.settled()
    assert _told(one) == (["a"] if hears and isinstance(fault, ServiceUnavailable) else [])
    world.found = state({"a": 2})
    while not (told := _told(one)):
        await asyncio.sleep(0.01)
    assert (told, world.loads) == (["a", "complete"], 2)


async def test_what_is_not_whole_is_tried_again_from_the_beginning(world: World) -> None:
    """A stream that begins with a state without a tag need not wait for a change."""
    partial = State({"a": Told(b'{"status":"missing","reason":"timeout"}', b"null")}, b"{}", None)
    one = world.join(known=partial)
    while not (told := _told(one)):
        await asyncio.sleep(0.01)
    assert (told, world.loads) == (["a", "complete"], 1)


async def test_who_is_gone_ends_all_streams(world: World) -> None:
    """Each with the problem, and nothing is looked at any more."""
    streams = [world.join() for _ in range(2)]
    world.found = NotFound("There is no such user.")
    world.tell("user:u")
    await world.settled()
    for one in streams:
        (end,) = (orjson.loads(line) for line in one.take_held().splitlines())
        assert (end["event"], end["data"]["problem"]["detail"]) == ("end", "There is no such user.")
        assert end["data"]["problem"]["instance"] == "/u"
    assert (len(world.hub), dict(world.watching)) == (0, {})

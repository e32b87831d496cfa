"""What others append to a stream is taken, whatever becomes of it; over a stream in this process."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from shared.cache.event_stream import EventStream
from shared.cache.redis_client import RedisClient, TierDown
from shared.cache.replies import MOVING, Command
from shared.observing import metrics
from tests.fixtures.jumping_loop import now, run

KEY = "events"
BACK = 30.0
HEARTBEATS = 4
START = 1_000_000.0
AT_ONCE = 20
"""Records that are taken in one turn of the loop, at most."""


class Stream:
    """A Redis that has one key."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, list[bytes]]] = []
        self.appended: list[bytes] = []
        self.is_moving = False
        self.is_text = False
        self.listeners: list[Connection] = []

    def answer(self, command: Command) -> Any:
        """As Redis does."""
        name, key, *words = command
        assert key == KEY
        if self.is_moving:
            return MOVING
        if name == "UNLINK":
            self.delete()
            return 1
        if self.is_text:
            return ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
        assert name == "XRANGE"
        first, _, _, count = words
        found = [record for record in self.records if first == b"-" or _number(record[0]) >= _number(first)]
        return [[record_id, fields] for record_id, fields in found[: int(count)]]

    def append(self, *fields: bytes) -> None:
        """Somebody appends; Redis tells all."""
        milliseconds = int((START + now()) * 1000)
        self.records.append((b"%d-%d" % (milliseconds, len(self.appended)), list(fields)))
        self.appended.append(fields[-1])
        self.tell()

    def delete(self) -> None:
        """It is gone."""
        self.records.clear()
        self.is_text = False
        self.tell()

    def tell(self) -> None:
        """News of a change."""
        for one in self.listeners:
            if one.up:
                one.changed(False)


def _number(record_id: Any) -> tuple[int, int]:
    milliseconds, _, sequence = record_id.partition(b"-")
    return int(milliseconds), int(sequence or 0)


class Connection:
    """A tier of one process."""

    def __init__(self, stream: Stream) -> None:
        self.up = False
        self.refuses = False
        self.changed: Callable[[bool], None]
        self._stream = stream
        stream.listeners.append(self)

    def listen(self, key: str, changed: Callable[[bool], None]) -> None:
        """There is one who does."""
        assert key == KEY
        self.changed = changed

    def earliest_ms(self) -> int:
        """What the clock says."""
        return int((START + now()) * 1000)

    def turn(self, *, up: bool) -> None:
        """Connect, or lose the connection."""
        self.up = up
        if up:
            self.changed(True)

    async def attempt(self, _key: str, *commands: Command) -> Sequence[Any]:
        """Ask; the connection may be lost meanwhile."""
        if not self.up:
            raise TierDown
        refused = ResponseError("NOPERM no")
        answers = [refused if self.refuses else self._stream.answer(command) for command in commands]
        await asyncio.sleep(0)
        if not self.up:
            raise TierDown
        return answers


class Process:
    """One process: what it has taken, and how often it has lost its place."""

    def __init__(self, stream: Stream) -> None:
        self.taken: list[bytes | None] = []
        self.lost: list[str] = []
        self.live: list[bool] = []
        self.most = 0
        self.fails = False
        self.connection = Connection(stream)
        self._appended = stream.appended
        self._forgiven: set[bytes] = set()
        tier = cast("RedisClient", self.connection)
        self.stream = EventStream(KEY, tier, self._take, self._lose, field="event", back=BACK)

    @property
    def known(self) -> set[bytes | None]:
        """What it has taken, and what it has lost its trust in everything after."""
        return {*self.taken, *self._forgiven}

    async def _take(self, records: Sequence[bytes | None], live: bool) -> bool:
        await asyncio.sleep(0)
        if self.fails:
            return False
        self.most = max(self.most, len(records))
        self.taken += records
        self.live += [live] * len(records)
        return True

    async def _lose(self, position: str) -> bool:
        await asyncio.sleep(0)
        if self.fails:
            return False
        self.lost.append(position)
        self._forgiven.update(self._appended)
        return True


async def settle(processes: Sequence[Process]) -> None:
    """Let some heartbeats pass."""
    for _ in range(HEARTBEATS):
        for one in processes:
            if one.connection.up:
                one.connection.changed(False)
        await asyncio.sleep(0.5)


class Scene:
    """Two processes that have seen a first event, and what happens to them."""

    def __init__(self) -> None:
        self.stream = Stream()
        self.processes = [Process(self.stream) for _ in range(2)]

    async def begin(self) -> None:
        """Both see the first one."""
        self.stream.append(b"event", b"first")
        for one in self.processes:
            one.connection.turn(up=True)
        await settle(self.processes)

    async def say(self, number: int) -> None:
        """Some events."""
        for _ in range(number):
            self.stream.append(b"event", b"%d" % len(self.stream.appended))

    async def trim(self, number: int) -> None:
        """To so many."""
        self.stream.records[: -1 - number] = []

    async def connect(self, number: int) -> None:
        """Anew, if it is connected."""
        self.processes[number % 2].connection.turn(up=True)

    async def lose(self, number: int) -> None:
        """The connection."""
        self.processes[number % 2].connection.turn(up=False)

    async def fail(self, number: int) -> None:
        """Events cannot be dealt with, or can again."""
        self.processes[number % 2].fails = not self.processes[number % 2].fails

    async def refuse(self, number: int) -> None:
        """It may not read, or may again."""
        connection = self.processes[number % 2].connection
        connection.refuses = not connection.refuses

    async def move(self, _: int) -> None:
        """The slot begins to be moved, or has been."""
        self.stream.is_moving = not self.stream.is_moving

    async def wait(self, _: int) -> None:
        """All do what they can."""
        await asyncio.sleep(1)

    async def delete(self, _: int) -> None:
        """The key is deleted, after all have seen what there was."""
        await settle(self.processes)
        self.stream.delete()
        await settle(self.processes)

    async def replace(self, _: int) -> None:
        """Somebody puts text in the place of the stream."""
        self.stream.records.clear()
        self.stream.is_text = True
        self.stream.tell()
        await settle(self.processes)


_steps = st.sampled_from(
    [
        *(Scene.say, Scene.say, Scene.say, Scene.trim, Scene.connect, Scene.lose, Scene.fail, Scene.refuse),
        *(Scene.move, Scene.wait),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_steps, st.integers(0, 30)), max_size=20))
def test_nothing_is_missed_unnoticed(steps: list[tuple[Callable[..., Any], int]]) -> None:
    """Whatever is trimmed, lost, refused or fails: each event is taken once, in order, or all before is given up."""

    async def main() -> None:
        scene = Scene()
        await scene.begin()
        for step, number in steps:
            await step(scene, number)
        scene.stream.is_moving = False
        for one in scene.processes:
            one.fails = one.connection.refuses = False
            one.connection.turn(up=True)
        await settle(scene.processes)
        for one in scene.processes:
            assert one.known >= {*scene.stream.appended}
            places = [scene.stream.appended.index(taken) for taken in one.taken if taken is not None]
            assert len(one.lost) > 0 or places == sorted({*places})
            assert one.most <= AT_ONCE
        before = [len(one.taken) for one in scene.processes]
        await settle(scene.processes)
        assert [len(one.taken) for one in scene.processes] == before

    run(main())


@pytest.mark.parametrize("how", [Scene.delete, Scene.replace])
def test_a_stream_that_is_gone_is_noticed_once(how: Callable[..., Any]) -> None:
    """By each process; what comes then is taken."""

    async def main() -> None:
        scene = Scene()
        await scene.begin()
        await scene.say(50)
        await settle(scene.processes)
        (last, _) = scene.stream.records[-1]
        await how(scene, 0)
        assert [one.lost for one in scene.processes] == [[last.decode()]] * 2
        await scene.say(3)
        await settle(scene.processes)
        for one in scene.processes:
            assert (len(one.lost), one.taken[-3:]) == (1, scene.stream.appended[-3:])

    run(main())


def test_a_start_goes_back_as_far_as_it_matters() -> None:
    """What is older is not looked at; what was there before is not told apart from what nobody has seen yet."""

    async def main() -> None:
        stream = Stream()
        for _ in range(200):
            stream.append(b"event", b"%d" % len(stream.appended))
            await asyncio.sleep(1)
        one = Process(stream)
        one.connection.turn(up=True)
        await settle([one])
        assert BACK <= len(one.taken) <= BACK + 61
        assert one.taken == stream.appended[-len(one.taken) :]
        assert not any(one.live)
        stream.append(b"event", b"now")
        await settle([one])
        assert (one.taken[-1], one.live[-1]) == (b"now", True)

    run(main())


@pytest.mark.parametrize("number", [98, 99, 100, 101, 199, 1000])
def test_backlogs_of_any_length_are_taken_whole(number: int) -> None:
    """Page by page, and no more at once than the loop bears."""

    async def main() -> None:
        scene = Scene()
        await scene.begin()
        await scene.lose(0)
        await scene.say(number)
        await scene.connect(0)
        await settle(scene.processes)
        assert [len(one.taken) for one in scene.processes] == [number + 1] * 2
        assert scene.processes[0].most <= AT_ONCE

    run(main())


@pytest.mark.parametrize(("size", "most"), [(1, 20), (10_000, 14), (65_536, 2), (200_000, 1)])
def test_large_ones_are_taken_fewer_at_a_time(size: int, most: int) -> None:
    """To read them takes the loop so long."""

    async def main() -> None:
        scene = Scene()
        await scene.begin()
        await scene.lose(0)
        for _ in range(150):
            scene.stream.append(b"event", bytes(size))
        await scene.connect(0)
        await settle(scene.processes)
        assert len(scene.processes[0].taken) == 151
        assert scene.processes[0].most == most

    run(main())


def test_what_is_not_ours_is_told_as_nothing() -> None:
    """Records with another field, or more of them."""

    async def main() -> None:
        scene = Scene()
        await scene.begin()
        for fields in ((b"x", b"1"), (b"event", b"1", b"x", b"2"), (b"event", b"{}")):
            scene.stream.append(*fields)
        await settle(scene.processes)
        assert scene.processes[0].taken == [b"first", None, None, b"{}"]

    run(main())


def test_the_gauge_tells_whether_it_can_be_read() -> None:
    """Of who may not, or cannot deal with what stands there; not of who has no Redis at all."""

    async def main() -> None:
        scene = Scene()
        assert metrics.events_readable._value.get() == 0
        await scene.begin()
        for step in (Scene.refuse, Scene.fail):
            assert metrics.events_readable._value.get() == 1
            await scene.lose(1)
            await step(scene, 0)
            await scene.say(1)
            await settle(scene.processes)
            assert metrics.events_readable._value.get() == 0
            await step(scene, 0)
            await settle(scene.processes)
            assert metrics.events_readable._value.get() == 1

    run(main())

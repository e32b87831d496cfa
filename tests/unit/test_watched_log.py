"""What processes know of a log whatever becomes of it: over a stream in this process, and connections that are cut."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from shared.cache.redis_client import RedisClient, TierDown
from shared.cache.replies import MOVING, Command
from shared.cache.watched_log import WatchedLog
from tests.fixtures.jumping_loop import run

KEY = "test:log"
KEEP = 100.0
HEARTBEATS = 3


class Stream:
    """A Redis that has one key."""

    def __init__(self, *, knows_ages: bool = True) -> None:
        self.entries: list[tuple[bytes, list[bytes]]] = []
        self.appended = 0
        self.is_moving = False
        self.is_list = False
        self.listeners: list[Connection] = []
        self._knows_ages = knows_ages

    def answer(self, asking: "Connection", command: Command) -> Any:
        """As Redis does."""
        name, key, *words = command
        assert key == KEY
        if self.is_moving:
            return MOVING
        if name == "UNLINK":
            self.delete()
            return 1
        if self.is_list:
            return ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
        if name == "XRANGE":
            first, _, _, count = words
            found = [
                [id_, list(fields)] for id_, fields in self.entries if first == b"-" or id_ >= cast("bytes", first)
            ]
            return found[: int(count)]
        assert name == "XADD"
        how, approximately, _, new_id, field, record = words
        assert (approximately, new_id) == ("~", "*")
        if how == "MINID" and not self._knows_ages:
            return ResponseError("ERR Invalid stream ID specified as stream command argument")
        self.append(cast("bytes", field), cast("bytes", record), but=asking)
        return self.entries[-1][0]

    def append(self, *fields: bytes, but: "Connection | None" = None) -> None:
        """Somebody appends; Redis tells all others."""
        self.appended += 1
        self.entries.append((b"%012d-0" % self.appended, list(fields)))
        self.tell(everything=False, but=but)

    def delete(self, *, everything: bool = False) -> None:
        """Somebody deletes it, or empties Redis."""
        self.entries.clear()
        self.is_list = False
        self.tell(everything=everything)

    def tell(self, *, everything: bool, but: "Connection | None" = None) -> None:
        """News of a change."""
        for one in self.listeners:
            if one.up and one is not but:
                one.changed(everything)


class Connection:
    """A tier of one process."""

    def __init__(self, stream: Stream) -> None:
        self.up = False
        self.refused: set[str] = set()
        self.changed: Callable[[bool], None]
        self._stream = stream
        stream.listeners.append(self)

    def listen(self, key: str, changed: Callable[[bool], None]) -> None:
        """There is one who does."""
        assert key == KEY
        self.changed = changed

    def earliest_ms(self) -> int:
        """As late as records are appended."""
        return self._stream.appended

    def turn(self, *, up: bool) -> None:
        """Connect, or lose the connection."""
        self.up = up
        if up:
            self.changed(True)

    async def attempt(self, _key: str, *commands: Command) -> Sequence[Any]:
        """Ask; the connection may be lost meanwhile."""
        if not self.up:
            raise TierDown
        answers = [
            ResponseError("NOPERM no") if command[0] in self.refused else self._stream.answer(self, command)
            for command in commands
        ]
        await asyncio.sleep(0)
        if not self.up:
            raise TierDown
        return answers


class Process:
    """One process: what it knows, and its log."""

    def __init__(self, stream: Stream) -> None:
        self.records: set[bytes] = set()
        self.odd = 0
        self.connection = Connection(stream)
        self.log = WatchedLog(KEY, cast("RedisClient", self.connection), self, KEEP)

    def known(self) -> set[bytes]:
        """All that it has heard."""
        return self.records

    def learn(self, records: Sequence[bytes]) -> int:
        """What does not begin with a star is no record."""
        good = [record for record in records if record.startswith(b"*")]
        self.records.update(good)
        return len(records) - len(good)

    async def say(self, record: bytes) -> bool:
        """Know of it and tell it; tells whether that is certain."""
        self.records.add(record)
        try:
            await self.log.append(record)
        except TierDown:
            return False
        return True


async def settle(processes: Sequence[Process]) -> None:
    """Let some heartbeats pass."""
    for _ in range(HEARTBEATS):
        for one in processes:
            if one.connection.up:
                one.connection.changed(False)
        await asyncio.sleep(1)


class Scene:
    """Three processes, and what happens to them."""

    def __init__(self, *, knows_ages: bool) -> None:
        self.stream = Stream(knows_ages=knows_ages)
        self.processes = [Process(self.stream) for _ in range(3)]
        self.said: set[bytes] = set()

    async def say(self, who: int) -> None:
        """Something new; if that is certain, all who are connected hear of it."""
        record = b"*%d" % len(self.said)
        self.said.add(record)
        if await self.processes[who].say(record):
            await asyncio.sleep(1)
            assert all(record in one.records for one in self.processes if one.connection.up)

    async def connect(self, who: int) -> None:
        """Anew, if it is connected."""
        self.processes[who].connection.turn(up=True)

    async def lose(self, who: int) -> None:
        """The connection."""
        self.processes[who].connection.turn(up=False)

    async def flush(self, _: int) -> None:
        """Redis is emptied."""
        self.stream.delete(everything=True)

    async def delete(self, _: int) -> None:
        """The key is deleted."""
        self.stream.delete()

    async def litter(self, _: int) -> None:
        """Somebody puts what is no record there."""
        for fields in ((b"r", b"odd"), (b"x", b"*x"), (b"r", b"*x", b"r", b"*y"), (b"",)):
            self.stream.append(*fields)

    async def replace(self, _: int) -> None:
        """Somebody puts a list in the place of the stream."""
        self.stream.entries.clear()
        self.stream.is_list = True
        self.stream.tell(everything=False)

    async def move(self, _: int) -> None:
        """The slot begins to be moved, or has been."""
        self.stream.is_moving = not self.stream.is_moving

    async def wait(self, _: int) -> None:
        """All do what they can."""
        await asyncio.sleep(1)


_steps = st.sampled_from(
    [
        Scene.say,
        Scene.connect,
        Scene.lose,
        Scene.flush,
        Scene.delete,
        Scene.litter,
        Scene.replace,
        Scene.move,
        Scene.wait,
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_steps, st.integers(0, 2)), max_size=25), st.booleans())
def test_all_know_all_in_the_end(steps: list[tuple[Callable[..., Any], int]], knows_ages: bool) -> None:
    """Whatever is deleted, lost or put there, whoever was cut off, and whichever Redis it is; then nobody says more."""

    async def main() -> None:
        scene = Scene(knows_ages=knows_ages)
        for step, who in steps:
            await step(scene, who)
        stream, processes = scene.stream, scene.processes
        stream.is_moving = False
        for one in processes:
            one.connection.turn(up=True)
        await settle(processes)
        assert [one.records for one in processes] == [scene.said] * 3
        assert scene.said <= {fields[1] for _, fields in stream.entries if len(fields) == 2 and fields[0] == b"r"}
        before = stream.appended
        await settle(processes)
        assert stream.appended == before

    run(main())


@pytest.mark.parametrize("number", [1, 498, 499, 500, 501, 999, 1000, 1001, 2500])
def test_logs_of_any_length_are_read_whole(number: int) -> None:
    """By pages, from the beginning and from anywhere; told anew, little is said twice."""

    async def main() -> None:
        stream = Stream()
        processes = [Process(stream) for _ in range(3)]
        for one in processes[:2]:
            one.connection.turn(up=True)
        await settle(processes)
        for index in range(number):
            stream.append(b"r", b"*%d" % index)
        await settle(processes)
        processes[2].connection.turn(up=True)
        await settle(processes)
        assert [len(one.records) for one in processes] == [number] * 3
        before = stream.appended
        stream.delete(everything=True)
        await settle(processes)
        assert len({fields[1] for _, fields in stream.entries}) == number
        assert stream.appended - before <= 2 * number + 2 * 100

    run(main())


def test_whoever_opens_waits_until_it_is_read() -> None:
    """If Redis is there; one that does not answer is waited for no longer than a second."""

    async def main() -> None:
        stream = Stream()
        stream.append(b"r", b"*1")
        one, other = Process(stream), Process(stream)
        one.connection.turn(up=True)
        await one.log.open()
        assert one.records == {b"*1"}
        other.connection.up = True
        await other.log.open()
        other.connection.up = False
        await other.log.open()
        assert (other.records, asyncio.get_running_loop().time()) == (set(), 1.0)

    run(main())


@pytest.mark.parametrize("command", ["XADD", "XRANGE"])
def test_what_is_refused_is_told_once_it_is_permitted(command: str) -> None:
    """Until then whoever says something knows that it may not be heard; the others are none the worse for it."""

    async def main() -> None:
        stream = Stream()
        processes = [Process(stream) for _ in range(2)]
        for one in processes:
            one.connection.turn(up=True)
        processes[0].connection.refused = {command}
        await settle(processes)
        assert await processes[0].say(b"*refused") is False
        assert await processes[1].say(b"*heard") is True
        await settle(processes)
        assert processes[0].records == ({b"*refused", b"*heard"} if command == "XADD" else {b"*refused"})
        processes[0].connection.refused = set()
        await settle(processes)
        assert [one.records for one in processes] == [{b"*refused", b"*heard"}] * 2
        assert await processes[0].say(b"*again") is True

    run(main())

"""Things are done once by all processes, and done though one of them dies; over a Redis that is in this process."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from shared.cache.claims import BEGUN_SECONDS, LOOKS, Claims, Done
from shared.cache.keys import Keys
from shared.cache.redis_client import RedisClient, TierDown
from shared.cache.replies import MOVING, Command
from tests.fixtures.jumping_loop import now, run

KEEP = 600.0
NAMES = ["a", "b", "c"]
LONGEST = sum(LOOKS) + 1.0
"""How long anybody waits for others."""


class Marks:
    """What a Redis knows of marks."""

    def __init__(self) -> None:
        self.up = True
        self.answer: object = None
        self._marks: dict[object, tuple[object, float]] = {}

    async def attempt(self, _key: str, *commands: Command) -> list[Any]:
        """Answer as Redis does, after a moment."""
        if not self.up:
            raise TierDown
        await asyncio.sleep(0.001)
        if self.answer is not None:
            return [self.answer] * len(commands)
        return [self._answer(*command) for command in commands]

    def _answer(self, name: object, key: object, *words: Any) -> object:
        mark = self._marks.get(key, (None, 0.0))
        known = mark[0] if mark[1] > now() else None
        if name == "GET":
            return known
        assert name == "SET"
        if "NX" in words and known is not None:
            return None
        self._marks[key] = words[0], now() + words[-1] / 1000
        return b"OK"


class Process:
    """One of those that share it; ``done`` is told what it does."""

    def __init__(self, marks: Marks, done: list[str], takes: float = 0.01) -> None:
        self.claims = Claims(cast("RedisClient", marks), Keys("test"), KEEP)
        self.fails = False
        self._done = done
        self._takes = takes

    async def once(self, *names: str) -> Done:
        """Do what is to be done of these."""
        return await self.claims.once(names, self._do)

    async def _do(self, names: Sequence[str]) -> bool:
        await asyncio.sleep(self._takes)
        if not self.fails:
            self._done += names
        return not self.fails


def test_one_of_all_does_it() -> None:
    """The others return when it is done, and whoever comes within ten minutes finds it done."""

    async def main() -> None:
        done: list[str] = []
        marks = Marks()
        ends = await asyncio.gather(*(Process(marks, done).once(*NAMES) for _ in range(5)))
        assert sorted(done) == NAMES
        assert sorted(name for end in ends for name in end.here) == NAMES
        assert all({*end.here, *end.elsewhere} == {*NAMES} and not end.failed for end in ends)
        assert now() < 2 * LOOKS[1]
        await asyncio.sleep(KEEP - 1)
        assert (await Process(marks, done).once("a")).elsewhere == ["a"]
        await asyncio.sleep(KEEP)
        assert (await Process(marks, done).once("a")).here == ["a"]

    run(main())


def test_what_somebody_has_died_over_is_done_by_the_next() -> None:
    """After a second, once."""

    async def main() -> None:
        done: list[str] = []
        marks = Marks()
        dying = asyncio.create_task(Process(marks, done, takes=100.0).once("a"))
        await asyncio.sleep(0.5)
        dying.cancel()
        ends = await asyncio.gather(*(Process(marks, done).once("a") for _ in range(3)))
        assert done == ["a"]
        assert sorted(len(end.here) for end in ends) == [0, 0, 1]
        assert now() <= 0.5 + LONGEST

    run(main())


def test_nobody_waits_for_ever() -> None:
    """For one who takes too long, and begins again and again: it is done twice then."""

    async def main() -> None:
        done: list[str] = []
        marks = Marks()
        slow = [asyncio.create_task(Process(marks, done, takes=100.0).once("a")) for _ in range(3)]
        await asyncio.sleep(BEGUN_SECONDS / 2)
        assert (await Process(marks, done).once("a")).here == ["a"]
        assert now() <= BEGUN_SECONDS / 2 + LONGEST
        for one in slow:
            one.cancel()

    run(main())


def test_what_could_not_be_done_is_not_marked() -> None:
    """Whoever tries again, after a second at the latest, does it."""

    async def main() -> None:
        done: list[str] = []
        marks = Marks()
        process = Process(marks, done)
        process.fails = True
        assert (await process.once("a", "b")).failed == ["a", "b"]
        process.fails = False
        assert (await process.once("a", "b")).here == ["a", "b"]
        assert now() <= LONGEST

    run(main())


@pytest.mark.parametrize(
    "answer", ["away", MOVING, ResponseError("NOPERM no"), ResponseError("ERR syntax error")], ids=str
)
def test_without_marks_each_process_does_it(answer: object) -> None:
    """At once: nothing is left undone because nobody can tell who does it; with the next answer all is as before."""

    async def main() -> None:
        done: list[str] = []
        marks = Marks()
        marks.up, marks.answer = answer != "away", None if answer == "away" else answer
        processes = [Process(marks, done) for _ in range(2)]
        ends = await asyncio.gather(*(process.once("a") for process in processes))
        assert [end.here for end in ends] == [["a"]] * 2
        assert now() < LOOKS[1]
        marks.up, marks.answer = True, None
        ends = await asyncio.gather(*(process.once("b") for process in processes))
        assert done == ["a", "a", "b"]
        assert (await processes[0].once("b")).elsewhere == ["b"]

    run(main())


def test_what_is_no_mark_is_overwritten() -> None:
    """Another type under the key, whoever has put it there."""

    async def main() -> None:
        done: list[str] = []
        marks = Marks()
        marks.answer = ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
        assert (await Process(marks, done).once("a")).here == ["a"]

    run(main())


def test_without_redis_it_is_done() -> None:
    """There is nobody else."""

    async def main() -> None:
        done: list[str] = []
        process = Process(Marks(), done)
        process.claims = Claims(None, Keys("test"), KEEP)
        assert (await process.once("a")).here == ["a"]

    run(main())


_steps: Any = st.sampled_from(["ask", "ask", "ask", "die", "away", "back"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_steps, st.sampled_from(NAMES), st.floats(0, 2)), max_size=12))
def test_nothing_is_ever_left_undone(steps: list[tuple[str, str, float]]) -> None:
    """Whoever dies, and whenever Redis is away: what somebody has been told is done has been done."""

    async def main() -> None:
        done: list[str] = []
        marks = Marks()
        asking: list[tuple[str, asyncio.Task[Done]]] = []
        for step, name, seconds in steps:
            if step == "ask":
                asking.append((name, asyncio.create_task(Process(marks, done, takes=seconds).once(name))))
            elif step == "die" and asking:
                asking.pop(0)[1].cancel()
            marks.up = (marks.up or step == "back") and step != "away"
            await asyncio.sleep(seconds)
        for name, one in asking:
            end = await one
            assert [*end.here, *end.elsewhere] == [name]
            assert name in done

    run(main())

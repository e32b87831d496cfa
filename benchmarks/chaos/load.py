"""Steady load: arrivals at a fixed rate that do not wait for answers, so that a slow system is asked no less."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from random import Random
from types import TracebackType
from typing import Final, Self

from benchmarks.common.client import Answer, BrokenAnswer, Client, NoAnswer
from benchmarks.common.kinds import Kind, kind_of, reasons_of
from shared.cancellation import cancel_and_wait

ANSWER_SECONDS: Final = 5.0
"""Who has waited for so long has given up."""

_KNOWN: Final = 100
_ALL: Final = 1000
_STRANGER_EVERY: Final = 10


@dataclass(frozen=True)
class Crowd:
    """Who is asked for.

    Attributes:
        regulars: asked for once before all others.
        users: those who follow, without end.
    """

    regulars: Sequence[str]
    users: Callable[[], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Record:
    """A request: when it was due, by the loop's clock, how long the answer took from then, and what it was worth.

    ``reasons`` are those for which parts were not fresh.
    """

    due: float
    seconds: float
    kind: Kind
    reasons: frozenset[str] = frozenset()


Look = Callable[[Client, str, float, Answer], None]
"""Takes which client has asked for whom, when that was due, and what the answer was."""


class Load:
    """``rate`` requests a second for profiles, by each of the ``clients`` in turn; running inside the context.

    Attributes:
        records: what has been answered, in the order of the answers.
    """

    def __init__(self, clients: Sequence[Client], rate: float, crowd: Crowd, look: Look | None = None) -> None:
        """Whoever wants to ``look`` into answers is shown each."""
        self.records: list[Record] = []
        self._look = look
        self._clients = clients
        self._turns = cycle(clients)
        self._rate = rate
        self._crowd = crowd
        self._pending: dict[asyncio.Task[None], float] = {}
        self._arrivals: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Ask once for each of the regulars, then begin."""
        for user in self._crowd.regulars:
            await self._ask(user, asyncio.get_running_loop().time())
        self.records.clear()
        self._arrivals = asyncio.create_task(self._arrive())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """No further arrivals, and nobody waits any longer."""
        await cancel_and_wait(*self._pending, *([self._arrivals] if self._arrivals else []))
        for client in self._clients:
            client.close()

    def first_pending(self) -> float:
        """When the oldest request that has no answer yet was due; without one, now."""
        return min(self._pending.values(), default=asyncio.get_running_loop().time())

    async def answered(self, instant: float) -> None:
        """Return when every request due before ``instant`` has been answered or given up."""
        while waiting := [task for task, due in self._pending.items() if due < instant]:
            await asyncio.wait(waiting)

    async def _arrive(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        users = self._crowd.users()
        for number in count():
            due = begun + number / self._rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            task = asyncio.create_task(self._ask(next(users), due))
            self._pending[task] = due
            task.add_done_callback(self._pending.pop)

    async def _ask(self, user_id: str, due: float) -> None:
        loop = asyncio.get_running_loop()
        client = next(self._turns)
        try:
            async with asyncio.timeout_at(due + ANSWER_SECONDS):
                answer = await client.get(f"/api/profile/{user_id}")
        except (NoAnswer, BrokenAnswer, OSError):  # a TimeoutError is an OSError
            self.records.append(Record(due, loop.time() - due, Kind.FAILED))
            return
        kind = kind_of(answer, user_id)
        reasons = frozenset[str]() if kind in {Kind.COMPLETE, Kind.FAILED} else reasons_of(answer)
        self.records.append(Record(due, loop.time() - due, kind, reasons))
        if self._look is not None:
            self._look(client, user_id, due, answer)


def _mostly_regulars() -> Iterator[str]:
    draw = Random(1)  # noqa: S311 - nothing here is a secret
    known: list[int] = []
    strangers = count()
    for number in count(1):
        if number % _STRANGER_EVERY == 0:
            yield f"user{_KNOWN + 1 + next(strangers) % (_ALL - _KNOWN)}"
            continue
        if not known:
            known = draw.sample(range(1, _KNOWN + 1), _KNOWN)
        yield f"user{known.pop()}"


def _everybody() -> Iterator[str]:
    return (f"user{1 + number % _ALL}" for number in count())


REGULARS: Final = Crowd([f"user{number}" for number in range(1, _KNOWN + 1)], _mostly_regulars)
"""Nine of ten ask for one of a hundred users, who thereby stay known to the gateway; the tenth for someone who was not
asked for lately."""
EVERYBODY: Final = Crowd((), _everybody)
"""All one after the other, so that each has been forgotten before he is asked for again."""

"""From the answer of a change until gateway B answers with what it has changed, and a live stream there tells of it."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.chaos.hosts.standstill import Standstills
from benchmarks.chaos.load import REGULARS, Load
from benchmarks.common.client import Client
from benchmarks.common.kinds import Kind
from benchmarks.freshness.changes import CHANGES
from benchmarks.freshness.stage import Stage
from benchmarks.freshness.stream import LiveStream, Shows, streams
from benchmarks.freshness.watched import Watched, document_of, path_of

_PATIENCE_SECONDS: Final = 10.0
_ASK_AGAIN_SECONDS: Final = 0.001


@dataclass(frozen=True, slots=True)
class Sample:
    """One change.

    Attributes:
        due: when it was answered, by the loop's clock.
        answer: seconds from then until the other gateway had answered with what has changed.
        stream: seconds until a live stream there told of it.
        at_once: whether the first answer after the change had it.
    """

    due: float
    answer: float
    stream: float
    at_once: bool

    @property
    def seconds(self) -> float:
        """How long it took until all had seen it."""
        return max(self.answer, self.stream)


class NeverSeen(Exception):
    """A change was not seen within ten seconds."""


@dataclass(frozen=True)
class Latencies:
    """Samples by the sort of change.

    Attributes:
        samples: those in which nothing stood still.
        left_out: how many there were in which something did.
        answers: to everybody else meanwhile, by kind.
    """

    samples: Mapping[str, Sequence[Sample]]
    left_out: int
    answers: Mapping[Kind, int]


async def latencies(stage: Stage, watched: Sequence[Watched], rate: float, changes: int, pace: float) -> Latencies:
    """Make so many changes of each sort, ``pace`` a second, one after the other, while both gateways are asked.

    Raises:
        NeverSeen: one of them has not become visible.
        Refused: one of them was not made.
    """
    loop = asyncio.get_running_loop()
    other = stage.gateways[1]
    samples: dict[str, list[Sample]] = {name: [] for name in CHANGES}
    load = Load(stage.gateways, rate, REGULARS)
    async with Standstills() as still, streams(other.port, watched) as told, load:
        begun = loop.time()
        for number in range(changes * len(CHANGES)):
            await asyncio.sleep(max(0.0, begun + number / pace - loop.time()))
            # Those of one user are far enough apart for a stream to tell of each at once, at most one a second.
            name, one = [*CHANGES][number % len(CHANGES)], watched[number % len(watched)]
            await other.get(path_of(one.user))
            shows = await CHANGES[name](stage, one)
            try:
                samples[name].append(await _seen(other, one, told[number % len(watched)], shows))
            except NeverSeen as never:
                raise NeverSeen(f"{name} of {one.user}, {one.product}: {never}") from None
        await asyncio.sleep(0.1)  # for the last standstill to be noticed
    kept = {name: still.without(some) for name, some in samples.items()}
    left_out = sum(map(len, samples.values())) - sum(map(len, kept.values()))
    return Latencies(kept, left_out, Counter(record.kind for record in load.records))


async def _seen(gateway: Client, watched: Watched, stream: LiveStream, shows: Shows) -> Sample:
    loop = asyncio.get_running_loop()
    told = loop.time()
    waiting = stream.when(shows)
    asked = 0
    answered = None
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                asked += 1
                answer = await gateway.get(path_of(watched.user))
                if answer.status == 200 and shows(document_of(answer.content)):
                    break
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
            answered = loop.time()
            streamed = await waiting
    except TimeoutError:
        raise NeverSeen("in no answer" if answered is None else "in no live stream") from None
    return Sample(told, answered - told, streamed - told, asked == 1)

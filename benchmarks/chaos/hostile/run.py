"""One run: all is well, then everything misbehaves until so many requests have been made, then all is well again."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.chaos.hostile import log, truth
from benchmarks.chaos.hostile.draw import dice
from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.holding import hold
from benchmarks.chaos.hostile.honest import Honest, Turns
from benchmarks.chaos.hostile.intruders import Intruder, Intrusions, all_stay_out
from benchmarks.chaos.hostile.judge import Judge, is_complete
from benchmarks.chaos.hostile.meddling import meddle
from benchmarks.chaos.hostile.rude import Rude
from benchmarks.chaos.hostile.spells import Spell, Weather, spells
from benchmarks.chaos.hostile.stage import BOUNDS, STALE_SECONDS, TTL_SECONDS, Stage, stage
from benchmarks.chaos.hostile.watch import Look, Watch
from benchmarks.common.issuer import Issuer, Tokens
from shared.cancellation import cancel_and_wait

_HONEST: Final = 96
_RUDE: Final = 8
_INTRUDERS: Final = 12
_RECOVER_SECONDS: Final = 20.0
_REST_SECONDS: Final = 25.0
_LOOK_AGAIN_SECONDS: Final = 0.1
_ROUNDS: Final = 6
_EVERYBODY: Final = (*truth.USERS, *truth.REFUSED, *truth.GREEDY, "nobody1")


@dataclass(frozen=True)
class Result:
    """What became of a run.

    Attributes:
        failures: all of them; without any the run has passed.
        statuses: how many honest requests were answered with each.
        waits: how long each of these took, in order.
        calls: how often each service was asked.
        seconds: how long everybody misbehaved.
        most: the greatest that was seen of each figure that is bounded.
        logged: how many lines of each level above info there are, by event.
        intrusions: how many requests of intruders were answered with each status.
    """

    failures: Failures
    statuses: Mapping[int, int]
    waits: Sequence[float]
    calls: Mapping[str, int]
    seconds: float
    most: Mapping[str, float]
    logged: Counter[str]
    intrusions: Mapping[int, int]


async def run(seed: int, requests: int, parties: AbstractSet[str], attempts: int = 0) -> Result:
    """Have so many honest ``requests`` made, while the ``parties`` misbehave as drawn from the ``seed``.

    With ``attempts`` everything of the edge is on, and so many requests for what is another's are made besides.

    Raises:
        CannotRun: when the system does not get ready.
    """
    failures, weather = Failures(seed), Weather()
    judge = Judge(failures, ttl=TTL_SECONDS, stale=STALE_SECONDS)
    with tempfile.TemporaryDirectory(prefix="hostile-", ignore_cleanup_errors=True) as folder:
        async with AsyncExitStack() as ending:
            issuer = Issuer() if attempts else None
            on = await stage(Path(folder), weather, failures, ending, issuer)
            playing = _Run(on, weather, judge, failures, parties=parties, issuer=issuer)
            seconds, watch = await playing.through(requests, attempts)
            await on.gateway.end()
            if on.gateway.status:
                failures.add("a bad end", f"the gateway's exit status is {on.gateway.status}")
        logged = log.hold(on.gateway.log, failures)
    calls = {service.name: service.calls for service in on.services}
    return Result(failures, judge.judged, sorted(judge.seconds), calls, seconds, watch.most, logged, playing.met)


class _Run:
    """The acts of a run, on a stage that has been set."""

    def __init__(
        self,
        on: Stage,
        weather: Weather,
        judge: Judge,
        failures: Failures,
        *,
        parties: AbstractSet[str],
        issuer: Issuer | None,
    ) -> None:
        self._on = on
        self._weather = weather
        self._judge = judge
        self._failures = failures
        self._parties = parties
        self._issuer = issuer
        self._tokens = None if issuer is None else Tokens(issuer)
        self._intrusions = Intrusions()

    @property
    def met(self) -> Mapping[int, int]:
        """How many intruders were answered with each status."""
        return self._intrusions.answers

    async def through(self, requests: int, attempts: int) -> tuple[float, Watch]:
        """Play it; how long the middle took, and who watched."""
        workers = self._on.gateway.children()
        watch = Watch(self._on.gateway.port, workers, BOUNDS, self._failures, self._on.gateway.log)
        await self._everybody_complete("before any fault")
        begun = await watch.rest(_REST_SECONDS, [10_000] * len(workers))
        loop = asyncio.get_running_loop()
        started = loop.time()
        turns = Turns(requests)
        holding = asyncio.create_task(self._hold(turns))
        half = await self._storm(turns, Turns(attempts), watch)
        seconds = loop.time() - started
        self._weather.spell = Spell()
        self._failures.journal.spell = "calm again"
        await self._on.calm()
        await self._everybody_complete("after the last fault")
        await self._keep_asking()
        await self._stay_out()
        await holding
        self._on.hang_up()
        if self._on.gateway.children() != workers:
            self._failures.add("a bad end", "a worker has died")
        elif begun is not None:
            watch.growth(half, await watch.rest(_REST_SECONDS, begun.descriptors))
        return seconds, watch

    async def _storm(self, turns: Turns, attempts: Turns, watch: Watch) -> Look | None:
        seed, port = self._failures.seed, self._on.gateway.port
        rude = [
            Rude(port, dice(seed, "rude", number), self._judge, self._failures)
            for number in range(_RUDE if "clients" in self._parties else 0)
        ]
        beside = [
            self._change_weather(),
            meddle(self._on.redis.port, dice(seed, "meddling"), self._weather, self._failures.journal),
            watch.run(),
            *(client.run() for client in rude),
        ]
        async with _while_running(beside):
            asking = asyncio.gather(
                *(self._client(f"h{number}").run(turns) for number in range(_HONEST)),
                *(one.run(attempts) for one in self._intruders(_INTRUDERS)),
            )
            while turns.is_first_half and not asking.done():  # noqa: ASYNC110 - clients tell nobody
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            half = await watch.look()
            await asking
        return half

    async def _keep_asking(self) -> None:
        """Until what was cached is over, on many connections: an open breaker waits for a call, in every worker."""
        for number in range(_ROUNDS):
            for user_id in truth.USERS:
                client = self._client(f"k{number}-{user_id}")
                await client.is_complete(user_id, is_complete)
                await client.close()
            await asyncio.sleep(TTL_SECONDS / 2)

    async def _hold(self, turns: Turns) -> None:
        """In the first half, so that it does not last much longer than the whole."""
        while turns.is_first_half and "clients" in self._parties:
            await hold(self._on.gateway.port, self._failures)

    async def _change_weather(self) -> None:
        for spell in spells(dice(self._failures.seed, "weather"), self._parties):
            self._weather.spell = spell
            self._failures.journal.spell = spell.name
            await asyncio.sleep(spell.seconds)

    async def _everybody_complete(self, when: str) -> None:
        """Within a bounded time everybody is to have a complete answer."""
        client = self._client("c" + when.split(" ", 1)[0])
        until = asyncio.get_running_loop().time() + _RECOVER_SECONDS
        lacking: Sequence[str] = _EVERYBODY
        while lacking:
            lacking = [one for one in lacking if not await client.is_complete(one, is_complete)]
            if lacking and asyncio.get_running_loop().time() > until:
                what = f"{len(lacking)} are not, {_RECOVER_SECONDS:.0f} s {when}: {', '.join(lacking[:10])}"
                self._failures.add("never complete", what)
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        await client.close()

    def _client(self, name: str) -> Honest:
        random = dice(self._failures.seed, "honest", name)
        return Honest(name, self._on.gateway.port, random, self._judge, self._failures, tokens=self._tokens)

    def _intruders(self, count: int) -> Iterator[Intruder]:
        """None where nobody is kept out."""
        if self._issuer is None:
            return
        for number in range(count):
            random = dice(self._failures.seed, "intruder", number)
            yield Intruder(self._on.gateway.port, random, self._judge, self._failures, self._issuer, self._intrusions)

    async def _stay_out(self) -> None:
        """Whatever was revoked while Redis was meddled with."""
        for intruder in self._intruders(1):
            if not await all_stay_out(intruder, _RECOVER_SECONDS):
                self._failures.add("let in", f"with a revoked token, {_RECOVER_SECONDS:.0f} s after the last fault")


@asynccontextmanager
async def _while_running(works: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """These go on inside the context; one that ends by itself has failed, and so has the context."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        await cancel_and_wait(*tasks)

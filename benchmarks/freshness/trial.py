"""Many changes while Redis is stopped, killed and emptied at random: whether anything old is shown, or comes back."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from random import Random
from typing import Final

from benchmarks.chaos.load import Crowd, Load
from benchmarks.common.client import Answer, BrokenAnswer, Client, NoAnswer
from benchmarks.common.kinds import Kind
from benchmarks.freshness.changes import Refused, new_price, price_in, purge_product, set_price
from benchmarks.freshness.faults import FAULTS
from benchmarks.freshness.ledger import Ledger
from benchmarks.freshness.stage import TTL_SECONDS, Stage
from benchmarks.freshness.stream import LiveStream, State, streams
from benchmarks.freshness.watched import Watched, document_of, path_of

_AT_ONCE: Final = 4
_PURGE_EVERY: Final = 5
_AWAY_SECONDS: Final = (0.05, 2.0)
_AROUND_SECONDS: Final = (0.3, 1.2)
_ANSWER_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 20.0
_AGAIN_SECONDS: Final = 0.05
_REDIS_AWAY: Final = 503


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        ledger: what answers have shown.
        made: how many changes.
        purged: hard purges of which it was said that they have reached everybody.
        untold: those of which it was said that they have not, while Redis was away.
        repeated: how often a service had to be asked once more for a change.
        spells: how often Redis was away, by the way in which it was.
        answers: how many of each kind there were.
        backwards: how often a live stream has told an older state after a newer one.
        settled: seconds after the last change of a spell until both gateways and all streams showed the newest.
        unsettled: what has not within twenty seconds.
    """

    ledger: Ledger
    made: int = 0
    purged: int = 0
    untold: int = 0
    repeated: int = 0
    spells: Counter[str] = field(default_factory=Counter)
    answers: Counter[Kind] = field(default_factory=Counter)
    backwards: int = 0
    settled: list[float] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)


async def trial(stage: Stage, watched: Sequence[Watched], *, rate: float, changes: int, seed: int) -> Outcome:
    """Make so many changes; both gateways are asked ``rate`` times a second for the profiles that are looked at.

    Raises:
        Refused: a change was answered with something that is not to be.
        CannotRun: Redis does not come back.
        TimeoutError: a gateway does not find it again.
    """
    run = _Trial(stage, watched, Random(seed))  # noqa: S311 - nothing here is a secret
    users = [one.user for one in watched]
    port = stage.gateways[1].port
    async with (
        streams(port, watched, run.follow) as told,
        Load(stage.gateways, rate, Crowd(users, lambda: cycle(users)), run.look) as load,
    ):
        while run.outcome.made < changes or len(run.outcome.spells) < len(FAULTS):
            await run.spell()
            await run.settle(told)
        run.outcome.answers.update(record.kind for record in load.records)
    return run.outcome


class _Trial:
    def __init__(self, stage: Stage, watched: Sequence[Watched], draw: Random) -> None:
        self.outcome = Outcome(Ledger(TTL_SECONDS))
        self._stage = stage
        self._watched = watched
        self._product_of = {one.user: one.product for one in watched}
        self._draw = draw
        self._faults = self._drawn()
        self._purgers = cycle(stage.gateways)
        self._shown: dict[str, int] = {}

    async def spell(self) -> None:
        """Let Redis be away for a while, and things change before, meanwhile and after."""
        over = asyncio.Event()
        # Each has products of its own, so that what is told of one comes in the order of its versions.
        parts = (self._watched[number::_AT_ONCE] for number in range(_AT_ONCE))
        await asyncio.gather(self._hurt(over), *(self._keep_changing(part, over) for part in parts))

    async def settle(self, told: Sequence[LiveStream]) -> None:
        """Return when everybody shows the newest of everything."""
        loop = asyncio.get_running_loop()
        await self._stage.connected()
        begun = loop.time()
        for number, gateway in enumerate(self._stage.gateways):
            for one in self._watched:
                while not self._is_newest(one, await _profile(gateway, one.user)):
                    if loop.time() > begun + _SETTLE_SECONDS:
                        self.outcome.unsettled.append(f"{one.user} in gateway {number + 1}")
                        break
                    await asyncio.sleep(_AGAIN_SECONDS)
        for one, stream in zip(self._watched, told, strict=True):
            newest = stream.when(partial(self._is_newest, one))
            await asyncio.wait({newest}, timeout=max(_AGAIN_SECONDS, begun + _SETTLE_SECONDS - loop.time()))
            if not newest.done():
                newest.cancel()
                self.outcome.unsettled.append(f"{one.user} in a stream")
        self.outcome.settled.append(loop.time() - begun)
        self.outcome.ledger.steady = True

    def look(self, client: Client, user: str, due: float, answer: Answer) -> None:
        """Hold an answer against what was told."""
        if answer.status != 200:
            return
        profile = document_of(answer.content)
        product = self._product_of[user]
        price = price_in(profile, product)
        if price is not None:
            now = asyncio.get_running_loop().time()
            current = profile["metadata"]["parts"]["products"]["status"] == "fresh"
            self.outcome.ledger.answered((client.port, user), product, price, due, now, current=current)

    def follow(self, user: str, state: State) -> None:
        """Hold what a stream tells against what it has told."""
        if not state:
            self._shown.pop(user, None)
            return
        price = price_in(state, self._product_of[user])
        if price is not None:
            self.outcome.backwards += price < self._shown.get(user, 0)
            self._shown[user] = price

    def _drawn(self) -> Iterator[str]:
        names = list(FAULTS)
        while True:
            self._draw.shuffle(names)
            yield from names

    async def _hurt(self, over: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        name = next(self._faults)
        try:
            await asyncio.sleep(self._draw.uniform(*_AROUND_SECONDS))
            self.outcome.ledger.falter(loop.time())
            async with FAULTS[name](self._stage):
                await asyncio.sleep(self._draw.uniform(*_AWAY_SECONDS))
            self.outcome.spells[name] += 1
            await asyncio.sleep(self._draw.uniform(*_AROUND_SECONDS))
        finally:
            over.set()

    async def _keep_changing(self, part: Sequence[Watched], over: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        for one in cycle(part):
            if over.is_set():
                return
            price = new_price()
            while not await _done(set_price(self._stage, one.product, price)):
                self.outcome.repeated += 1
                await asyncio.sleep(_AGAIN_SECONDS)
            self.outcome.ledger.changed(one.product, price, loop.time())
            self.outcome.made += 1
            if price % _PURGE_EVERY == 0:
                if await _done(purge_product(next(self._purgers), one.product)):
                    self.outcome.ledger.purged(one.product, loop.time())
                    self.outcome.purged += 1
                else:
                    self.outcome.untold += 1

    def _is_newest(self, one: Watched, state: State) -> bool:
        newest = self.outcome.ledger.newest(one.product)
        return newest is None or price_in(state, one.product) == newest


async def _profile(gateway: Client, user: str) -> State:
    answer = await gateway.get(path_of(user))
    return {} if answer.status != 200 else document_of(answer.content)


async def _done(change: Awaitable[None]) -> bool:
    """Whether it was; not while there is no answer, or 503."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await change
    except Refused as refused:
        if refused.status != _REDIS_AWAY:
            raise
        return False
    except (NoAnswer, BrokenAnswer, OSError):  # a TimeoutError is an OSError
        return False
    return True

"""What is made for all who ask, no more often than its cost allows."""

import asyncio
from collections.abc import Mapping

import pytest

from shared.errors import Shed
from shared.http.cost_limit import SHARE, CostLimit, CostLimited


class Time:
    """A clock of the test's own; who sleeps on it moves it on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        """The time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let others run until nobody has anything to do, and then let the time pass."""
        for _ in range(20):
            await asyncio.sleep(0)
        self.slept.append(seconds)
        self.now += seconds


class Maker:
    """Tells which making it is, for each form; each takes ``cost`` seconds of ``time``."""

    def __init__(self, time: Time, cost: float = 0.007) -> None:
        self.time = time
        self.cost = cost
        self.forms: list[frozenset[str]] = []
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def __call__(self, forms: frozenset[str]) -> tuple[Mapping[str, tuple[str, int]], float]:
        """One making."""
        self.forms.append(forms)
        self.time.now += self.cost
        number = len(self.forms)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return {form: (form, number) for form in forms}, self.cost


def limited(maker: Maker, max_waiting: int = 500) -> CostLimited[str, tuple[str, int]]:
    """CostLimited by the maker's time."""
    return CostLimited(maker, limit=CostLimit(clock=maker.time), sleep=maker.time.sleep, max_waiting=max_waiting)


def test_a_share_of_the_time_is_all_it_gets() -> None:
    """From one beginning to the next; the first is free."""
    time = Time()
    limit = CostLimit(0.05, time)
    assert limit.left() <= 0
    limit.begin()
    time.now += 0.5
    limit.end(0.25)
    assert limit.left() == pytest.approx(4.5)
    time.now += 4.5
    assert limit.left() <= 0
    limit.begin()
    limit.end(0.0)
    assert limit.left() <= 0


async def test_one_who_asks_alone_waits_for_nothing(loop: object) -> None:
    """Now and then is at once, and a picture of now."""
    time = Time()
    maker = Maker(time)
    ask = limited(maker)
    for number in range(1, 5):
        assert await ask("text") == ("text", number)
        time.now += maker.cost / SHARE
    assert time.slept == []


async def test_all_who_ask_before_it_begins_share_one(loop: object) -> None:
    """In whatever forms: one making has them all, each once."""
    maker = Maker(Time())
    ask = limited(maker)
    answers = await asyncio.gather(*(ask(form) for form in ("text", "open", "text", "gzip")))
    assert answers == [("text", 1), ("open", 1), ("text", 1), ("gzip", 1)]
    assert maker.forms == [{"text", "open", "gzip"}]


async def test_who_asks_after_it_has_begun_gets_the_next(loop: object) -> None:
    """Nobody is told of a time before they have asked; the next begins when its time has come and not before."""
    maker = Maker(Time())
    maker.gate = asyncio.Event()
    ask = limited(maker)
    first = asyncio.ensure_future(ask("text"))
    while not maker.forms:
        await asyncio.sleep(0)
    later = [asyncio.ensure_future(ask("text")) for _ in range(3)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(maker.forms) == 1
    maker.gate.set()
    assert await first == ("text", 1)
    assert await asyncio.gather(*later) == [("text", 2)] * 3
    assert maker.time.slept == [pytest.approx(maker.cost / SHARE - maker.cost)]


@pytest.mark.parametrize("askers", [1, 10, 40])
@pytest.mark.parametrize("forms", [1, 4])
async def test_however_many_ask_the_cost_is_bounded(loop: object, askers: int, forms: int) -> None:
    """In loops without a pause, for ten seconds."""
    time = Time()
    maker = Maker(time)
    ask = limited(maker)
    begun, answers = time.now, 0

    async def loop_(form: str) -> None:
        nonlocal answers
        while time.now < begun + 10:
            before = len(maker.forms)
            assert (await ask(form))[1] > before
            answers += 1

    await asyncio.gather(*(loop_(f"form{number % forms}") for number in range(askers)))
    assert len(maker.forms) * maker.cost <= SHARE * (time.now - begun) + maker.cost
    assert answers >= askers * (len(maker.forms) - 1)


async def test_more_than_so_many_do_not_wait(loop: object) -> None:
    """They are told to come again; those who wait are served."""
    maker = Maker(Time())
    ask = limited(maker, max_waiting=3)
    answers = await asyncio.gather(*(ask("text") for _ in range(5)), return_exceptions=True)
    assert answers[:3] == [("text", 1)] * 3
    assert [type(answer) for answer in answers[3:]] == [Shed, Shed]
    assert await ask("text") == ("text", 2)


async def test_for_nobody_nothing_is_made(loop: object) -> None:
    """Who leaves takes nobody along; when all have left before it begins, it does not."""
    maker = Maker(Time())
    ask = limited(maker, max_waiting=3)
    await ask("text")
    waiting = [asyncio.ensure_future(ask("text")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert await asyncio.gather(*waiting[1:]) == [("text", 2)] * 2
    waiting = [asyncio.ensure_future(ask("text")) for _ in range(3)]
    await asyncio.sleep(0)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert len(maker.forms) == 2
    assert await ask("text") == ("text", 3)


async def test_what_fails_fails_for_all_who_asked_and_has_cost_as_well(loop: object) -> None:
    """The next who ask get another one."""
    maker = Maker(Time())
    maker.error = OSError("gone")
    ask = limited(maker)
    answers = await asyncio.gather(*(ask("text") for _ in range(2)), return_exceptions=True)
    assert answers == [maker.error] * 2
    maker.error = None
    assert await ask("text") == ("text", 2)

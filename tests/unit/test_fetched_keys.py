"""Keys in the background: what is fetched when, shared by whom, said to whom; on a loop that never waits."""

import asyncio
from collections.abc import Iterator

import orjson
import pytest

from shared.edge.fetched_keys import FETCH_SECONDS, FetchedKeys
from shared.edge.key_schedule import KEEP_SECONDS
from shared.edge.keys import KeySet
from shared.errors import BadResponse, Unreachable
from tests.fixtures.issuer import Issuer, signing_key
from tests.fixtures.jumping_loop import now, run
from tests.fixtures.log_lines import heard

OLD = Issuer().key_set(signing_key("old", "ES256"))
NEW = Issuer().key_set(signing_key("new", "ES256"))
HANGS = "hangs"
FAILURES = {
    "500": BadResponse("status 500"), "away": Unreachable("no connection"), "OSError": OSError(),
    "unforeseen": TypeError(), "garbage": b"<html>", "no keys": b"{}", "hangs": HANGS,
}  # fmt: skip
OUTCOMES = {"new": (NEW, True), "old": (OLD, False), "OSError": (OSError(), False), "hangs": (HANGS, False)}


class Published:
    """What is at the issuer's URL; each fetch takes so many seconds."""

    def __init__(self, said: object, seconds: float = 0.1) -> None:
        self.said = said
        self._seconds = seconds
        self.asked: list[float] = []

    async def __call__(self) -> bytes:
        """One fetch."""
        self.asked.append(now())
        await asyncio.sleep(10 * KEEP_SECONDS if self.said == HANGS else self._seconds)
        if isinstance(self.said, Exception):
            raise self.said
        assert isinstance(self.said, bytes)
        return self.said


def source_of(published: Published, interval: float = 300, cooldown: float = 30) -> FetchedKeys:
    """Keys from there, by the loop's clock."""
    return FetchedKeys(published, interval, cooldown, now)


def names(keys: KeySet | None) -> list[str | None]:
    """The keys in use."""
    return [] if keys is None else [key.kid for key in keys.keys]


@pytest.fixture
def events() -> Iterator[list[str]]:
    """What is logged, but the facts, of which none may say what was fetched."""
    told: list[str] = []

    def take(line: bytes) -> None:
        assert b"kty" not in line
        assert b"html" not in line
        document = orjson.loads(line)
        assert document["logger"] == "auth"
        told.append(f"{document['level']}: {document['event']}")

    with heard(take):
        yield told


def test_keys_are_there_after_the_first_fetch_and_fetched_again() -> None:
    """Nobody waits for them at the start; the same keys stay the same object."""

    async def main() -> None:
        published = Published(OLD)
        changes: list[KeySet | None] = []
        async with source_of(published) as source:
            source.on_change(lambda: changes.append(source.keys))
            assert source.keys is None
            await asyncio.sleep(0.2)
            first = source.keys
            assert names(first) == ["old"]
            await asyncio.sleep(1_000)
            assert source.keys is first
            assert changes == [first]
            assert published.asked == pytest.approx([0.0, 300.0, 600.0, 900.0])

    run(main())


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_failing_issuer_costs_nothing_for_a_day(failure: object, events: list[str]) -> None:
    """Then there are no keys; it is said once, each time."""

    async def main() -> None:
        published = Published(OLD)
        async with source_of(published, interval=7_200, cooldown=3_600) as source:
            await asyncio.sleep(1)
            published.said = failure
            await asyncio.sleep(KEEP_SECONDS - 2)
            assert names(source.keys) == ["old"]
            assert len(published.asked) == 23  # the first, one after two hours, one each hour
            await asyncio.sleep(1 + FETCH_SECONDS + 0.1)
            assert source.keys is None
            published.said = NEW
            await asyncio.sleep(FETCH_SECONDS + 1.1)
            assert names(source.keys) == ["new"]

    run(main())
    assert events == [
        "info: signing keys are current",
        "warning: signing keys are those of before",
        "error: signing keys are missing",
        "info: signing keys are current",
    ]


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_without_keys_it_is_tried_every_second(failure: object, events: list[str]) -> None:
    """Until there are some."""

    async def main() -> None:
        published = Published(failure)
        async with source_of(published) as source:
            await asyncio.sleep(60)
            assert source.keys is None
            assert len(published.asked) >= 60 / (FETCH_SECONDS + 0.1)
            assert all(
                later - sooner >= 1.0 for sooner, later in zip(published.asked, published.asked[1:], strict=False)
            )
            published.said = OLD
            await asyncio.sleep(FETCH_SECONDS + 1.2)
            assert names(source.keys) == ["old"]

    run(main())
    assert events == ["error: signing keys are missing", "info: signing keys are current"]


@pytest.mark.parametrize(("said", "changed"), OUTCOMES.values(), ids=OUTCOMES)
def test_a_hundred_who_wait_share_one_fetch(said: object, changed: bool) -> None:
    """And learn whether it has changed anything; within the cooldown nobody waits for another."""

    async def main() -> None:
        published = Published(OLD)
        async with source_of(published) as source:
            await asyncio.sleep(50)
            published.said = said
            assert await asyncio.gather(*(source.refresh() for _ in range(100))) == [changed] * 100
            assert len(published.asked) == 2
            assert now() <= 50 + FETCH_SECONDS + 0.001
            published.said = NEW
            before = now()
            await asyncio.sleep(published.asked[-1] + 29.9 - before)
            assert not await source.refresh()
            assert len(published.asked) == 2

    run(main())


def test_one_who_comes_during_a_fetch_waits_for_that_one() -> None:
    """Also for the one at the start, and for one that is made in turn."""

    async def main() -> None:
        published = Published(OLD)
        async with source_of(published) as source:
            await asyncio.sleep(0.05)
            assert await source.refresh()
            published.said = NEW
            await asyncio.sleep(300 - now() + 0.05)
            assert await source.refresh()
            assert (names(source.keys), len(published.asked)) == (["new"], 2)

    run(main())


def test_a_fetch_that_somebody_asks_for_puts_off_the_next() -> None:
    """Fetches lie apart by the interval, whoever they were for."""

    async def main() -> None:
        published = Published(OLD)
        async with source_of(published) as source:
            await asyncio.sleep(200)
            await source.refresh()
            await asyncio.sleep(400)
            assert published.asked == pytest.approx([0.0, 200.0, 500.0])

    run(main())


def test_whoever_leaves_ends_no_fetch() -> None:
    """The others get what it brings."""

    async def main() -> None:
        published = Published(OLD, seconds=1.0)
        async with source_of(published) as source:
            await asyncio.sleep(40)
            published.said = NEW
            leaving, staying = (asyncio.create_task(source.refresh()) for _ in range(2))
            await asyncio.sleep(0.5)
            leaving.cancel()
            assert await staying
            assert names(source.keys) == ["new"]

    run(main())


@pytest.mark.parametrize("wait", [0.0, 0.05, 50.0])
def test_nothing_goes_on_after_the_end(wait: float) -> None:
    """Whatever was under way."""

    async def main() -> None:
        published = Published(OLD)
        async with source_of(published) as source:
            await asyncio.sleep(wait)
            asked = asyncio.create_task(source.refresh())
            await asyncio.sleep(0)
        assert {task for task in asyncio.all_tasks() if not task.done()} <= {asyncio.current_task(), asked}
        assert not await asked

    run(main())


def test_keys_that_vanish_are_told_of() -> None:
    """A set that lacks one is another, and one that has nothing of use is no set."""
    two = Issuer().key_set(signing_key("old", "ES256"), signing_key("new", "ES256"))
    seen: list[list[str | None]] = []

    async def main() -> None:
        published = Published(two)
        async with source_of(published) as source:
            source.on_change(lambda: seen.append(names(source.keys)))
            for said in (NEW, b'{"keys": []}', two, two, OLD):
                await asyncio.sleep(301)
                published.said = said
            await asyncio.sleep(301)

    run(main())
    assert seen == [["old", "new"], ["new"], ["old", "new"], ["old"]]

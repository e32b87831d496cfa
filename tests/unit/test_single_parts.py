"""Parts that one call gives: how old they are, and what becomes of those that are invalidated meanwhile."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from bff.parts.part import Part
from bff.parts.single import single
from bff.parts.single_source import SingleSource
from bff.parts.store import PartStore
from shared.cache.build import build_cache
from shared.cache.cache import Value
from shared.cache.loader import Loading
from shared.cache.throttle import Throttle
from shared.deadline import Deadline
from shared.errors import Unreachable
from shared.upstream.call import Call
from shared.upstream.service import Service
from tests.fixtures.gateway import Clock
from tests.kit.caches import KINDS

TTL, STALE = 30.0, 600.0
ASKED_AT = 1000.0


class Thing(msgspec.Struct, frozen=True):
    """A thing."""

    id: str


class _Scene:
    """One part over a service, on a clock that only the test moves."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cache = build_cache("", 100, kinds=KINDS, longest_life=STALE, clock=self.clock)
        store = PartStore(self.cache, Throttle(1.0, 100, self.clock), ttl=TTL, stale=STALE)
        service = Service("user_service", url="http://127.0.0.1:1")
        part = single("user", service, Thing, "/things/{thing_id}", owner="thing_id", about=lambda thing: thing.id)
        self.source = SingleSource(part, self._send, store)
        self.service: Callable[[], Awaitable[Thing | None]] = self.gone
        self.key = self.cache.keys.entry("user", "u1")
        self.token = self.cache.issue_token()

    async def get(self, call: Callable[[], Awaitable[Thing | None]], *, early: bool = False) -> Part[Thing]:
        """The part as one load gets it, which keeps what it is told to at its end."""
        values: list[Value] = []
        self.token = self.cache.issue_token(self.cache.keys.entry("profile", "u1"))
        loading = Loading(Deadline.after(60, self.clock), early, self.token, self.cache)
        self.service = call
        part = await self.source.get({"thing_id": "u1"}, loading, values.append)
        self.cache.put(self.token, values)
        self.cache.release_token(self.token)
        return part

    async def _send(self, _call: Call[Thing]) -> Thing | None:
        return await self.service()

    async def gone(self) -> Thing | None:
        """What the service gives when it is not there."""
        raise Unreachable("gone")


@pytest.mark.parametrize("seconds", [0.0, 1.0, 12.0, 29.0])
async def test_a_part_is_as_old_as_the_question(seconds: float) -> None:
    """However long the service took; also by what it says itself when it stands in, and it does so no longer."""
    scene = _Scene()

    async def slow() -> Thing | None:
        scene.clock.now += seconds
        return Thing("u1")

    part = await scene.get(slow)
    assert (part.status, part.fresh_until) == ("fresh", ASKED_AT + TTL)
    scene.clock.now = ASKED_AT + TTL
    late = await scene.get(scene.gone)
    assert (late.status, late.reason) == ("stale", "unavailable")
    assert late.age == pytest.approx(TTL)
    scene.clock.now = ASKED_AT + STALE
    assert (await scene.get(scene.gone)).status == "missing"


@pytest.mark.parametrize("how", ["changed", "purged", "everything"])
async def test_what_is_invalidated_while_it_is_asked_for_is_not_kept(how: str) -> None:
    """Whoever asked before gets it all the same."""
    scene = _Scene()

    async def overtaken() -> Thing | None:
        if how == "changed":
            scene.cache.near.invalidate([scene.key])
        else:
            await (scene.cache.purge_tags(["user:u1"], hard=True) if how == "purged" else scene.cache.purge_all())
        return Thing("u1")

    assert (await scene.get(overtaken)).value == Thing("u1")
    assert scene.cache.kept_near(scene.key) is None


async def test_what_there_is_no_more_does_not_stand_in() -> None:
    """Not even when the service is gone afterwards; that it was dropped costs its own load no right to other keys."""
    scene = _Scene()

    async def there() -> Thing | None:
        return Thing("u1")

    async def absent() -> Thing | None:
        return None

    await scene.get(there)
    scene.clock.now += TTL
    part = await scene.get(absent)
    assert (part.value, part.status) == (None, "fresh")
    assert scene.token.holds(scene.key)
    scene.clock.now += 1
    assert (await scene.get(scene.gone)).status == "missing"


@pytest.mark.parametrize(
    ("early", "age", "asks"), [(False, 22.0, False), (False, 24.5, True), (True, 5.0, False), (True, 6.5, True)]
)
async def test_what_is_in_memory_ought_to_last(early: bool, age: float, asks: bool) -> None:
    """Of its fresh life the last fifth is not used, and for what replaces something early all but the first."""
    scene = _Scene()
    asked: list[float] = []

    async def there() -> Thing | None:
        asked.append(scene.clock.now)
        return Thing("u1")

    await scene.get(there)
    scene.clock.now += age
    part = await scene.get(there, early=early)
    assert (part.status, part.value) == ("fresh", Thing("u1"))
    assert asked == [ASKED_AT, *([ASKED_AT + age] if asks else [])]

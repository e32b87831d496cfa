"""Things that several requests ask for at once, of which one has less time than another."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from bff.parts.bounds import Bounds
from bff.parts.keyed import keyed
from bff.parts.keyed_source import KeyedSource
from bff.parts.part import Part
from bff.parts.store import PartStore
from shared import codec
from shared.cache.build import build_cache
from shared.cache.loader import Loading
from shared.cache.throttle import Throttle
from shared.deadline import Deadline
from shared.errors import AttemptTimeout, BadResponse, NoBudget, Overloaded, Refused, Unreachable, UpstreamError
from shared.upstream.call import Call
from shared.upstream.service import Service
from tests.fixtures.gateway import Clock
from tests.kit.caches import KINDS

TTL, NEGATIVE_TTL, STALE = 30.0, 10.0, 600.0
ODD = "no identifier!"
REFUSED = (ODD, "no.identifier")


class Thing(msgspec.Struct, frozen=True):
    """A thing, and which of all calls has given it."""

    id: str
    call: int


class _Service:
    """Answers when it is let, with things or with an error; it knows no ``x`` and refuses what is no identifier."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.gate = asyncio.Event()
        self.errors: list[UpstreamError] = []

    async def __call__(self, call: Call[Any]) -> Mapping[str, Thing]:
        assert call.body is not None
        ids: list[str] = codec.decoder(dict[str, list[str]])(call.body)["ids"]
        self.asked.append(ids)
        number = len(self.asked)
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        if not set(ids).isdisjoint(REFUSED):
            raise Refused("status 422", status=422)
        return {one: Thing(one, number) for one in ids if one != "x"}

    def let_go_from_now_on(self) -> asyncio.Event:
        """Answer from now on; what lets the calls go that are under way is returned."""
        held, self.gate = self.gate, asyncio.Event()
        self.gate.set()
        return held


class Scene:
    """Parts over a service, on a clock that stands."""

    def __init__(self, negative_ttl: float = 0.0) -> None:
        self.clock = Clock()
        self.service = _Service()
        self.cache = build_cache("", 1000, kinds=KINDS, longest_life=STALE, clock=self.clock)
        store = PartStore(self.cache, Throttle(1.0, 1000, self.clock), ttl=TTL, stale=STALE, negative_ttl=negative_ttl)
        service = Service("product_service", url="http://127.0.0.1:1")
        part = keyed("products", service, Thing, post="/products/batch", max_batch=10, tag="product")
        bounds = Bounds(max_ids=1000, max_calls=5, call_timeout=0.5)
        self.parts = KeyedSource(part, self.service, store, bounds)

    def ask(self, left: float, *ids: str) -> asyncio.Future[Part[Mapping[str, Thing]]]:
        """Ask for these within so many seconds."""
        return asyncio.ensure_future(self.parts.get(ids, self.loading(left)))

    def loading(self, left: float, *, early: bool = False) -> Loading:
        """A load that has so many seconds left."""
        token = self.cache.issue_token("what is made of them")
        return Loading(Deadline(self.clock.now + left, self.clock), early, token, self.cache)

    def key(self, one: str) -> str:
        """Under which one is kept."""
        return self.cache.keys.entry("products", one)

    async def lose(self, how: str, one: str) -> None:
        """Invalidate ``one``, or everything."""
        if how == "changed":
            self.cache.near.invalidate([self.key(one)])
        else:
            await self.cache.purge_all()


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def _given(part: Part[Any]) -> tuple[str, str | None, set[str]]:
    return part.status, part.reason, set(part.value or ())


@pytest.mark.parametrize("error", [AttemptTimeout("slow"), NoBudget("over"), Overloaded("no slot")], ids=repr)
async def test_who_joins_a_call_that_runs_out_of_time_tries_once_more(loop: object, error: UpstreamError) -> None:
    """Within a deadline of its own, together with others who had joined; whoever had begun it does not."""
    scene = Scene()
    scene.service.errors = [error]
    leader = scene.ask(10, "a", "b")
    await _turns()
    joiners = [scene.ask(20, "a", "c"), scene.ask(30, "a", "b")]
    await _turns()
    scene.clock.now += 10
    scene.service.gate.set()
    assert _given(await leader) == ("missing", error.reason, set())
    assert [_given(await one) for one in joiners] == [("fresh", None, {"a", "c"}), ("fresh", None, {"a", "b"})]
    assert scene.service.asked[:2] == [["a", "b"], ["c"]]
    assert sorted(one for ids in scene.service.asked[2:] for one in ids) == ["a", "b"]


@pytest.mark.parametrize("error", [AttemptTimeout("slow"), Unreachable("gone")], ids=repr)
async def test_what_fails_in_time_is_the_services_failure(loop: object, error: UpstreamError) -> None:
    """Those who had joined are told of it, and do not ask again."""
    scene = Scene()
    scene.service.errors = [error]
    asked = [scene.ask(10, "a")]
    await _turns()
    asked.append(scene.ask(20, "a"))
    await _turns()
    scene.clock.now += 9
    scene.service.gate.set()
    assert [_given(await one) for one in asked] == [("missing", error.reason, set())] * 2
    assert scene.service.asked == [["a"]]


async def test_once_more_is_once(loop: object) -> None:
    """A second failure is the answer."""
    scene = Scene()
    scene.service.errors = [AttemptTimeout("slow"), AttemptTimeout("slow")]
    asked = [scene.ask(10, "a")]
    await _turns()
    asked.append(scene.ask(20, "a"))
    await _turns()
    scene.clock.now += 10
    scene.service.gate.set()
    assert [_given(await one) for one in asked] == [("missing", "timeout", set())] * 2
    assert scene.service.asked == [["a"], ["a"]]


async def test_who_has_no_time_left_either_does_not_try(loop: object) -> None:
    """Its own deadline has passed as well."""
    scene = Scene()
    scene.service.errors = [AttemptTimeout("slow")]
    asked = [scene.ask(10, "a")]
    await _turns()
    asked.append(scene.ask(10.003, "a"))
    await _turns()
    scene.clock.now += 10
    scene.service.gate.set()
    assert [_given(await one) for one in asked] == [("missing", "timeout", set())] * 2
    assert scene.service.asked == [["a"]]


async def test_parts_are_told_apart_by_what_is_known(loop: object) -> None:
    """Fresh, stale, partial and missing: the service answers badly about one, or cannot be asked."""
    scene = Scene()
    scene.service.gate.set()
    assert _given(await scene.ask(10, "a", "b")) == ("fresh", None, {"a", "b"})
    scene.clock.now += 40
    for ids, error, expected in (
        (("a", "b"), Unreachable("gone"), ("stale", "unavailable", {"a", "b"})),
        (("a", "v"), BadResponse("odd"), ("partial", "bad_response", {"a"})),
        (("a", "w"), Unreachable("gone"), ("missing", "unavailable", set())),
        (("a", "v", "w"), Unreachable("gone"), ("missing", "unavailable", set())),
        (("y", "x"), BadResponse("odd"), ("missing", "bad_response", set())),
    ):
        scene.service.errors = [error]
        part = await scene.ask(10, *ids)
        assert _given(part) == expected
        assert part.age == (None if part.status == "missing" else pytest.approx(40))
        assert (part.json == b"null") is (part.status == "missing")


@pytest.mark.parametrize("seconds", [0.0, 1.0, 9.0, 12.0, 29.0])
async def test_things_are_as_old_as_the_question(loop: object, seconds: float) -> None:
    """However long the service took: those that there are, and that there is none."""
    scene = Scene(NEGATIVE_TTL)
    asked_at = scene.clock.now
    asked = scene.ask(60, "a", "x")
    await _turns()
    scene.clock.now += seconds
    scene.service.gate.set()
    assert (await asked).fresh_until == asked_at + TTL
    there, absent = (scene.cache.kept_near(scene.key(one)) for one in ("a", "x"))
    assert there is not None
    assert absent is not None
    for entry, ttl in ((there, TTL), (absent, NEGATIVE_TTL)):
        assert (entry.asked_at, entry.stale_until) == (asked_at, asked_at + STALE)
        assert entry.fresh_until <= asked_at + ttl
    again = await scene.ask(60, "x")
    calls = 1 if seconds < NEGATIVE_TTL else 2
    assert len(scene.service.asked) == calls
    assert again.fresh_until == (asked_at if calls == 1 else scene.clock.now) + TTL


@pytest.mark.parametrize("how", ["changed", "purged"])
async def test_a_call_from_before_is_joined_by_nobody_and_not_kept(loop: object, how: str) -> None:
    """Each thing by itself: of a batch of which one has changed meanwhile the other is joined, and kept."""
    scene = Scene()
    before = scene.ask(60, "a", "b")
    await _turns()
    await scene.lose(how, "a")
    held = scene.service.let_go_from_now_on()
    after = scene.ask(60, "a", "b")
    await _turns()
    held.set()
    assert _calls(await before) == {"a": 1, "b": 1}
    expected = {"a": 2, "b": 1 if how == "changed" else 2}
    assert _calls(await after) == expected
    assert _calls(await scene.ask(60, "a", "b")) == expected
    assert scene.service.asked == [["a", "b"], [*expected][: 1 if how == "changed" else 2]]


def _calls(part: Part[Mapping[str, Thing]]) -> Mapping[str, int]:
    return {one: thing.call for one, thing in (part.value or {}).items()}


@pytest.mark.parametrize("refused", REFUSED)
async def test_what_is_refused_is_remembered_until_it_is_purged(loop: object, refused: str) -> None:
    """By its tag or with everything; what is made of it lasts as long as anything, from the question on."""
    scene = Scene()
    asked_at = scene.clock.now
    asked = scene.ask(60, refused)
    await _turns()
    scene.clock.now += 12
    scene.service.gate.set()
    await scene.cache.purge_tags(["product:another"])
    for part in (await asked, await scene.ask(60, refused)):
        assert _given(part) == ("fresh", None, set())
        assert part.fresh_until == asked_at + TTL
    assert len(scene.service.asked) == 1
    await scene.cache.purge_all()
    await scene.ask(60, refused)
    assert len(scene.service.asked) == 2
    await scene.cache.purge_tags([f"product:{refused}"])
    await scene.cache.purge_tags(["product:another"])
    await scene.ask(60, refused)
    assert len(scene.service.asked) == 3


@pytest.mark.parametrize("refused", REFUSED)
async def test_a_refusal_lasts_from_the_question_on(loop: object, refused: str) -> None:
    """However late the answer came: it is no longer current when what else was asked for then is not either."""
    scene = Scene()
    asked = scene.ask(60, refused)
    await _turns()
    scene.clock.now += 12
    scene.service.gate.set()
    await asked
    scene.clock.now += TTL - 12
    part = await scene.ask(60, refused)
    assert (part.status, part.fresh_until) == ("fresh", scene.clock.now + TTL)
    assert len(scene.service.asked) == 2


@pytest.mark.parametrize("longer", [0.0, 60.0])
async def test_absence_is_no_older_than_what_there_is(loop: object, longer: float) -> None:
    """Even where it may count for longer: what is made of both is as current as anything."""
    scene = Scene(NEGATIVE_TTL + longer)
    scene.service.gate.set()
    await scene.ask(60, "x")
    scene.clock.now += TTL
    part = await scene.ask(60, "x")
    assert (part.status, part.fresh_until) == ("fresh", scene.clock.now + TTL)
    assert len(scene.service.asked) == 2


@pytest.mark.parametrize("how", ["changed", "purged"])
async def test_a_refusal_from_before_is_not_remembered(loop: object, how: str) -> None:
    """It was the answer to who had asked then, and to nobody else."""
    scene = Scene()
    before = scene.ask(60, ODD)
    await _turns()
    await scene.lose(how, ODD)
    scene.service.gate.set()
    assert _given(await before) == ("fresh", None, set())
    await scene.ask(60, ODD)
    assert len(scene.service.asked) == 2


@pytest.mark.parametrize(
    ("renew", "age", "asks"), [(False, 28.0, False), (False, 30.0, True), (True, 5.0, False), (True, 6.5, True)]
)
async def test_what_replaces_something_early_is_made_of_what_is_nearly_new(
    loop: object, renew: bool, age: float, asks: bool
) -> None:
    """So that it lasts; all else is made of whatever is fresh."""
    scene = Scene()
    scene.service.gate.set()
    await scene.ask(60, "a")
    scene.clock.now += age
    part = await scene.parts.get(["a"], scene.loading(60, early=renew))
    assert _calls(part) == {"a": 2 if asks else 1}

"""Things that several requests ask for at once, of which one has less time than another."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from bff.parts.batches import Terms
from bff.parts.bounds import Bounds
from bff.parts.form import Form
from bff.parts.keyed import KeyedParts
from bff.parts.part import Part
from bff.parts.shelf import Shelf
from shared.cache.build import build_cache
from shared.cache.throttle import Throttle
from shared.deadline import Deadline
from shared.errors import AttemptTimeout, BadResponse, NoBudget, Overloaded, Unreachable, UpstreamError
from tests.fixtures.gateway import Clock
from tests.kit.caches import KINDS


class Thing(msgspec.Struct, frozen=True):
    """A thing."""

    id: str


class _Service:
    """Answers when it is let, with things or with an error."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.gate = asyncio.Event()
        self.errors: list[UpstreamError] = []

    async def __call__(self, ids: Sequence[str], _terms: Terms) -> Mapping[str, Thing]:
        self.asked.append(ids)
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return {one: Thing(one) for one in ids}


class _Scene:
    """Parts over a service, on a clock that stands."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.service = _Service()
        cache = build_cache("", 1000, kinds=KINDS, longest_life=600, clock=self.clock)
        shelf = Shelf(cache, Throttle(1.0, 1000, self.clock), ttl=30, stale=600)
        form = Form("products", Thing, about=lambda thing: [thing.id])
        bounds = Bounds(a_call=10, an_aggregate=1000, at_once=5, patience=0.5)
        self.parts = KeyedParts(shelf, form, self.service, bounds)

    def ask(self, left: float, *ids: str) -> asyncio.Future[Part[Mapping[str, Thing]]]:
        return asyncio.ensure_future(self.parts.get(ids, Deadline(self.clock.now + left, self.clock)))


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def _given(part: Part[Any]) -> tuple[str, str | None, set[str]]:
    return part.status, part.reason, set(part.value or ())


@pytest.mark.parametrize("error", [AttemptTimeout("slow"), NoBudget("over"), Overloaded("no slot")], ids=repr)
async def test_who_joins_a_call_that_runs_out_of_time_tries_once_more(loop: object, error: UpstreamError) -> None:
    """Within a deadline of its own, together with others who had joined; whoever had begun it does not."""
    scene = _Scene()
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
    scene = _Scene()
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
    scene = _Scene()
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
    scene = _Scene()
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
    scene = _Scene()
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

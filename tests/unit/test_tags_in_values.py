"""What a value says of itself: the further tags of a part, by which it is purged too."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import pytest

from bff.parts.bounds import Bounds
from bff.parts.keyed import keyed
from bff.parts.keyed_source import KeyedSource
from bff.parts.part import Part
from bff.parts.single import single
from bff.parts.single_source import SingleSource
from bff.parts.store import PartStore
from shared.cache.build import build_cache
from shared.cache.cache import Value
from shared.cache.loader import Loading
from shared.cache.throttle import Throttle
from shared.deadline import Deadline
from shared.upstream.service import Service
from tests.fixtures.gateway import Clock
from tests.kit.caches import KINDS

TTL, STALE = 30.0, 600.0
SERVICE = Service("thing_service", url="http://127.0.0.1:1")


class Thing(msgspec.Struct, frozen=True):
    """A thing of a shop."""

    id: str
    shop: str


TagsOf = Callable[[Thing], Iterable[str]]


class _Scene:
    """A part of either sort over a service; what it gives is kept as a load keeps it."""

    def __init__(self, sort: str, tags: TagsOf) -> None:
        self.clock = Clock()
        self.calls = 0
        self.ids: tuple[str, ...] = ("t1",)
        self.cache = build_cache("", 100, kinds=KINDS, longest_life=STALE, clock=self.clock)
        store = PartStore(self.cache, Throttle(1.0, 100, self.clock), ttl=TTL, stale=STALE)
        self.single = self.keyed = None
        if sort == "single":
            one = single("user", SERVICE, Thing, "/things/{id}", owner="id", about=lambda it: it.id, tags=tags)
            self.single = SingleSource(one, self._send, store)
        else:
            many = keyed("products", SERVICE, Thing, post="/things", max_batch=10, tag="product", tags=tags)
            self.keyed = KeyedSource(many, self._send, store, Bounds(max_ids=10, max_calls=5, call_timeout=0.5))

    async def get(self) -> Part[Any]:
        values: list[Value] = []
        token = self.cache.issue_token(self.cache.keys.entry("profile", "t1"))
        loading = Loading(Deadline.after(60, self.clock), early=False, token=token, _cache=self.cache)
        part: Part[Any]
        if self.single is not None:
            part = await self.single.get({"id": "t1"}, loading, values.append)
        else:
            assert self.keyed is not None
            part = await self.keyed.get(self.ids, loading)
        self.depends_on = set(loading.further_tags)
        self.cache.put(token, values)
        self.cache.release_token(token)
        return part

    async def _send(self, _call: object) -> Any:
        self.calls += 1
        things = {one: Thing(one, "s1") for one in self.ids}
        found: Thing | Mapping[str, Thing] = things["t1"] if self.single is not None else things
        return found


@pytest.fixture(params=["single", "keyed"])
def sort(request: pytest.FixtureRequest) -> str:
    """Of parts."""
    return str(request.param)


async def test_they_purge_it(loop: object, sort: str) -> None:
    """And whatever shows it, taken from the service or from the cache."""
    scene = _Scene(sort, lambda thing: [f"shop:{thing.shop}", f"shop:{thing.shop}"])
    for _ in range(2):
        assert (await scene.get()).status == "fresh"
        assert "shop:s1" in scene.depends_on
    assert scene.calls == 1
    assert await scene.cache.purge_tags(["shop:s2"])
    await scene.get()
    assert scene.calls == 1
    assert await scene.cache.purge_tags(["shop:s1"])
    assert (await scene.get()).status == "fresh"
    assert scene.calls == 2


async def test_what_is_no_tag_is_ignored(loop: object, sort: str) -> None:
    """Nobody can purge it."""
    scene = _Scene(sort, lambda thing: ["", "shop:", "Shop:1", "shop:*", "shop:{", f"shop:{thing.shop}"])
    assert (await scene.get()).status == "fresh"
    assert {tag for tag in scene.depends_on if tag.startswith(("shop", "Shop"))} == {"shop:s1"}


def _of_none(thing: Thing) -> Iterable[str]:
    return [f"shop:{thing.nothing}"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("tags", [_of_none, lambda _: None, lambda _: [1]], ids=["raises", "None", "no text"])
async def test_who_cannot_tell_them_gives_nothing(loop: object, sort: str, tags: TagsOf) -> None:
    """A purge would pass by what is kept: it is as bad as an answer that does not say whom it is about."""
    scene = _Scene(sort, tags)
    part = await scene.get()
    assert (part.status, part.reason) == ("missing", "bad_response")
    assert len(scene.cache.near.store) == 0


async def test_it_costs_none_of_the_others(loop: object) -> None:
    """Of several that are asked for at once, those whose tags are told are given and kept."""
    scene = _Scene("keyed", lambda thing: [f"shop:{thing.shop}"] if thing.id == "t1" else _of_none(thing))
    scene.ids = ("t1", "t2", "t3")
    part = await scene.get()
    assert (part.status, part.reason, set(part.value or ())) == ("partial", "bad_response", {"t1"})
    assert len(scene.cache.near.store) == 1

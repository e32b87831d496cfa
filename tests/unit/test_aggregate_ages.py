"""What an aggregate endpoint has kept is as old as the oldest question that it was made from."""

from typing import Any

import msgspec
import pytest

from bff.aggregates.kind import AggregateKind, Load
from bff.app import gateway_cache
from bff.endpoints.aggregate_loader import AggregateLoader, BuiltAnswer
from bff.parts.part import Aggregate, Part
from bff.parts.single import single
from bff.parts.sources import Sources
from bff.representation import Representation
from bff.settings import GatewaySettings
from shared.cache.entry import Entry
from shared.cache.loader import Loading, LoadResult
from shared.deadline import Deadline
from shared.errors import NotFound
from shared.settings.loading import load
from shared.upstream.service import Service
from tests.fixtures.gateway import Clock

TTL, NEGATIVE_TTL, ASKED_AT = 30, 10, 1000.0


class Thing(msgspec.Struct, frozen=True):
    """A thing."""

    id: str


class _Sources:
    """Gives each load a way to parts that this one does not go."""

    def of(self, loading: Loading, _wanted: object) -> Sources:
        """Nothing is asked for by it."""
        nothing: Any = None
        return Sources(nothing, loading)


async def _loaded(clock: Clock, how: Load) -> tuple[LoadResult[BuiltAnswer], Entry | None]:
    """What a load gives, and what memory has of it."""
    service = Service("thing_service", url="http://127.0.0.1:1")
    part = single("thing", service, Thing, "/things/{thing_id}", owner="thing_id", about=lambda thing: thing.id)
    kind = AggregateKind("things", "/api/things", "thing_id", how, (part,))
    environment = {"CACHE_TTL_SECONDS": str(TTL), "CACHE_NEGATIVE_TTL_SECONDS": str(NEGATIVE_TTL)}
    settings = load(GatewaySettings, environment)
    cache = gateway_cache(settings, [kind], clock=clock)
    sources: Any = _Sources()
    loader = AggregateLoader(Representation(kind), settings, sources, cache.clock)
    key = cache.keys.entry(Representation(kind).cache_kind, "t1")
    token = cache.issue_token(key)
    loaded = await loader.load("t1", key, Loading(Deadline.after(60, clock), False, token, cache))
    cache.put(token, loaded.values)
    cache.release_token(token)
    return loaded, cache.kept_near(key)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 12.0, 29.0])
@pytest.mark.parametrize("left", [30.0, 18.0])
async def test_an_aggregate_is_as_old_as_its_oldest_part(seconds: float, left: float) -> None:
    """However long it took to put together, and however long that part had been there before."""
    clock = Clock()
    fresh_until = ASKED_AT + left

    async def how(_identifier: str, _sources: Sources) -> Aggregate:
        clock.now += seconds
        return Aggregate({"thing": Part(Thing("t1"), "fresh", b'{"id":"t1"}', fresh_until)})

    loaded, entry = await _loaded(clock, how)
    assert loaded.result.fresh_until == fresh_until
    assert (entry is not None) is (clock.now < fresh_until)
    if entry is not None:
        assert entry.fresh_until <= fresh_until
        assert entry.asked_at == pytest.approx(fresh_until - TTL)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 9.0, 12.0])
async def test_an_absence_is_as_old_as_its_question(seconds: float) -> None:
    """However late the answer comes."""
    clock = Clock()

    async def how(_identifier: str, _sources: Sources) -> Aggregate:
        clock.now += seconds
        raise NotFound("nobody")

    loaded, entry = await _loaded(clock, how)
    assert loaded.result.fresh_until == ASKED_AT + NEGATIVE_TTL
    assert (entry is not None) is (seconds < NEGATIVE_TTL)
    if entry is not None:
        assert entry.negative
        assert entry.asked_at == pytest.approx(ASKED_AT)
        assert entry.fresh_until <= ASKED_AT + NEGATIVE_TTL

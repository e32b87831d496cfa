"""A part of which somebody has several, told apart by further parameters: each is kept, one purge drops them all."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import pytest
from redis import Redis

from bff.aggregates.kind import AggregateKind
from bff.parts.part import Aggregate
from bff.parts.single import single
from bff.parts.sources import Sources
from shared.errors import Unreachable
from shared.upstream.service import Service
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.redis_sets import Cluster

TOKEN: Final = "open-sesame"
STALE: Final = 7_200
LANGUAGES: Final = ("en", "de", ":de", "}", "}:de", "{a}", "a:b", "a/b", "..", "", "é")


class Note(msgspec.Struct, frozen=True):
    """What somebody has noted, in one language."""

    user_id: str
    text: str


SERVICE = Service("note_service", url="http://127.0.0.1:1")
NOTES = single(
    "notes",
    SERVICE,
    list[Note],
    "/notes/{user_id}?lang={lang}&of={kind}",
    owner="user_id",
    about=lambda note: note.user_id,
    stale=STALE,
)
"""Kept for longer than anything else."""


def _kind(number: int, lang: str) -> AggregateKind:
    async def load(user_id: str, sources: Sources) -> Aggregate:
        return Aggregate({"notes": await sources.take(NOTES, user_id, lang=lang, kind="a")})

    return AggregateKind(f"notes_{number}", f"/api/notes/{number}", "user_id", load, parts=(NOTES,))


KINDS: Final = [_kind(number, lang) for number, lang in enumerate(LANGUAGES)]


class _Notes(dict[str, object]):
    """Whatever is asked for, says what was."""

    def get(self, path: str, _default: object = None) -> object:
        """The notes below ``path``."""
        user_id, _, query = path.removeprefix("/notes/").partition("?")
        return [{"user_id": user_id, "text": unquote(query)}]


def _services() -> FakeServices:
    return FakeServices(documents={"note_service": _Notes()})


@pytest.fixture(params=["memory", "redis_server", "cluster"])
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """No Redis, a single one, or a cluster."""
    if request.param == "memory":
        yield ""
        return
    chosen: RedisServer | Cluster = request.getfixturevalue(request.param)
    yield chosen.url


async def _started(start_gateway: StartGateway, redis_url: str, services: FakeServices) -> Gateway:
    settings = {"CACHE_STALE_SECONDS": "60", "CACHE_THROTTLE_SECONDS": "0", "ADMIN_TOKEN": TOKEN}
    gateway = await start_gateway(services, kinds=KINDS, REDIS_URL=redis_url, **settings)
    wanted = "coherent" if redis_url else "alone"
    async with asyncio.timeout(30):
        while (await gateway.get("/api/cache/stats")).json()["tiers"]["memory"]["state"] != wanted:
            await asyncio.sleep(0)
    return gateway


async def _notes(gateway: Gateway, number: int, user_id: str = "user1") -> Any:
    document = (await gateway.get(f"/api/notes/{number}/{user_id}")).json()
    return document["notes"], document["metadata"]["parts"]["notes"]["status"]


async def _purged(gateway: Gateway) -> bool:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    return bool((await gateway.client.delete("/api/cache/notes_0/user1", headers=bearer)).status_code == 204)


async def test_each_variant_is_its_own(start_gateway: StartGateway, redis_url: str) -> None:
    """Whatever its parameters hold: none is ever given for another, out of memory, out of Redis, or as last known."""
    services = _services()
    first = await _started(start_gateway, redis_url, services)
    told = [[{"user_id": "user1", "text": f"lang={lang}&of=a"}] for lang in LANGUAGES]
    for number, notes in enumerate(told):
        assert await _notes(first, number) == (notes, "fresh")
        assert await _notes(first, number) == (notes, "fresh")
    assert len(services.calls) == len(LANGUAGES)
    if redis_url:
        failing = _services()
        failing.failures["note_service"] = Unreachable("down")
        other = await _started(start_gateway, redis_url, failing)
        assert [await _notes(other, number) for number in range(len(told))] == [(notes, "fresh") for notes in told]


async def test_a_purge_drops_every_variant(start_gateway: StartGateway, redis_url: str) -> None:
    """Of the one who is purged, in every process, so that none stands in for what cannot be had; others keep theirs."""
    services = [_services(), _services()] if redis_url else [_services()]
    gateways = [await _started(start_gateway, redis_url, one) for one in services]
    for gateway in gateways:
        for number in range(len(LANGUAGES)):
            await _notes(gateway, number)
            await _notes(gateway, number, "user12")
    assert await _purged(gateways[0])
    for one in services:
        one.failures["note_service"] = Unreachable("down")
    for gateway in reversed(gateways):
        assert [await _notes(gateway, number) for number in range(len(LANGUAGES))] == [(None, "missing")] * len(
            LANGUAGES
        )
        assert {(await _notes(gateway, number, "user12"))[1] for number in range(len(LANGUAGES))} == {"fresh"}


async def test_a_purge_is_known_for_as_long_as_what_it_outdates(
    start_gateway: StartGateway, redis_server: RedisServer, meddler: "Redis"
) -> None:
    """A variant stays in Redis, outdated, until its part's own time is over."""
    gateway = await _started(start_gateway, redis_server.url, _services())
    await _notes(gateway, 0)
    assert await _purged(gateway)
    longest = max(meddler.pttl(key) for key in meddler.scan_iter("bff:notes:*"))
    assert meddler.pttl("bff:outdated/user:{user1}") >= longest > (STALE - 60) * 1000

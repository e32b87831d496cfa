"""An issuer's keys over a real socket: whatever its server does, keys stay good, and come back by themselves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from shared.edge.fetched_keys import FetchedKeys
from shared.edge.keys import MAX_BYTES, KeySet
from shared.errors import BadResponse, Unreachable, UpstreamError
from shared.upstream.document import document_at
from shared.upstream.transport.session import Session
from shared.upstream.transport.transport import BODY_LIMIT
from tests.fixtures.gateway import Clock
from tests.fixtures.issuer import Issuer, KeyServer, signing_key
from tests.fixtures.processes import free_port

ANSWERS: dict[str, tuple[int, bytes, type[UpstreamError] | None]] = {
    "500": (500, b"{}", Unreachable),
    "404": (404, b"{}", BadResponse),
    "204": (204, b"", BadResponse),
    "redirect": (302, b"", BadResponse),
    "permanent redirect": (308, b"", BadResponse),
    "over our limit": (200, b"x" * (MAX_BYTES + 1), BadResponse),
    "over any limit": (200, b"x" * (BODY_LIMIT + 1), BadResponse),
    "garbage": (200, b"<html>\xff\x00", None),
    "no keys": (200, b'{"keys": []}', None),
}


@pytest.fixture
async def session(loop: object) -> AsyncIterator[Session]:
    """An open pool."""
    async with Session() as opened:
        yield opened


class Changes:
    """Tells when keys have changed."""

    def __init__(self, source: FetchedKeys) -> None:
        self._source = source
        self._happened = asyncio.Event()
        source.on_change(self._happened.set)

    async def wait_for(self, names: list[str | None]) -> None:
        """Until these are the keys."""
        async with asyncio.timeout(20):
            while (keys := self._source.keys) is None or [key.kid for key in keys.keys] != names:
                self._happened.clear()
                await self._happened.wait()


@asynccontextmanager
async def fetching(session: Session, server: KeyServer, clock: Clock) -> AsyncIterator[tuple[FetchedKeys, Changes]]:
    """Keys from there, of which no more are fetched by the clock than a test asks for."""
    source = FetchedKeys(document_at(session, server.url, MAX_BYTES), 300, 30, clock)
    changes = Changes(source)
    async with source:
        yield source, changes


async def test_keys_rotate(session: Session, key_server: KeyServer, issuer: Issuer) -> None:
    """A hundred who meet the new one at once cost the issuer one question, and see it."""
    clock = Clock()
    old, new = signing_key("old", "ES256"), signing_key("new", "ES256")
    key_server.body = issuer.key_set(old)
    async with fetching(session, key_server, clock) as (source, changes):
        await changes.wait_for(["old"])
        key_server.body = issuer.key_set(new, old)
        assert not await source.refresh()
        clock.now += 30
        asked = key_server.fetched
        assert all(await asyncio.gather(*(source.refresh() for _ in range(100))))
        assert key_server.fetched == asked + 1
        await changes.wait_for(["new", "old"])


@pytest.mark.parametrize(("status", "body", "_error"), ANSWERS.values(), ids=ANSWERS)
async def test_what_is_no_key_set_changes_nothing(
    session: Session, key_server: KeyServer, issuer: Issuer, status: int, body: bytes, _error: object
) -> None:
    """Whatever it is; and the next that is one counts."""
    clock = Clock()
    async with fetching(session, key_server, clock) as (source, changes):
        await changes.wait_for([key.kid for key in issuer.keys.values()])
        good = source.keys
        key_server.status, key_server.body = status, body
        clock.now += 30
        assert not await source.refresh()
        assert source.keys is good
        key_server.status, key_server.body = 200, issuer.key_set(signing_key("new", "ES256"))
        clock.now += 30
        assert await source.refresh()
        await changes.wait_for(["new"])


async def test_a_server_that_hangs_is_waited_for_no_longer_than_its_time(
    session: Session, key_server: KeyServer, issuer: Issuer
) -> None:
    """And asked again later, on another connection."""
    clock = Clock()
    async with fetching(session, key_server, clock) as (source, changes):
        await changes.wait_for([key.kid for key in issuer.keys.values()])
        key_server.hangs = True
        clock.now += 30
        assert not await source.refresh()
        key_server.hangs, key_server.body = False, issuer.key_set(signing_key("new", "ES256"))
        clock.now += 30
        assert await source.refresh()


async def test_a_server_that_comes_late_is_found(session: Session, issuer: Issuer) -> None:
    """Without anybody's asking: it is tried every second while there are no keys."""
    port = free_port()
    source = FetchedKeys(document_at(session, f"http://127.0.0.1:{port}/keys", MAX_BYTES), 300, 30)
    changes = Changes(source)
    async with source:
        assert not await source.refresh()
        with KeyServer(issuer.key_set(signing_key("late", "ES256")), port=port):
            await changes.wait_for(["late"])


@pytest.mark.parametrize(("status", "body", "error"), ANSWERS.values(), ids=ANSWERS)
async def test_a_document_is_whole_or_an_error_of_ours(
    session: Session, key_server: KeyServer, status: int, body: bytes, error: type[UpstreamError] | None
) -> None:
    """With status 200 and within the limit, whatever it says; no redirect is followed."""
    key_server.status, key_server.body = status, body
    fetch = document_at(session, key_server.url, MAX_BYTES)
    if error is None:
        assert await fetch() == body
    else:
        with pytest.raises(error):
            await fetch()
    assert key_server.paths == ["/keys"]


@pytest.mark.parametrize(
    ("path", "asked"),
    [("", "/"), ("/", "/"), ("/a/b", "/a/b"), ("/a/", "/a/"), ("/a?p=%20b&q", "/a?p=%20b&q"), ("?p=1", "/?p=1")],
)
async def test_a_document_is_asked_for_to_the_letter(
    session: Session, key_server: KeyServer, issuer: Issuer, path: str, asked: str
) -> None:
    """Path and query as they are configured."""
    fetch = document_at(session, key_server.url.removesuffix("/keys") + path, MAX_BYTES)
    assert KeySet.parse(await fetch()).identities == KeySet.parse(issuer.key_set()).identities
    assert key_server.paths == [asked]


@pytest.mark.parametrize("leave", [lambda source: source.refresh(), lambda _source: asyncio.sleep(0)])
async def test_the_end_waits_for_nobody(
    session: Session, key_server: KeyServer, leave: Callable[[FetchedKeys], "asyncio.Future[bool]"]
) -> None:
    """Not for a server that hangs either."""
    key_server.hangs = True
    source = FetchedKeys(document_at(session, key_server.url, MAX_BYTES), 300, 30)
    async with source:
        waiting = asyncio.ensure_future(leave(source))
        while not key_server.fetched:
            await asyncio.sleep(0.001)
    assert source.keys is None
    await waiting

"""A client that does not read what waits for it is let go; a slow one that reads on is not."""

import asyncio
from collections.abc import Callable

import pytest

from shared.http.slow_readers import MIN_BYTES, SlowReaderWatch


class Loop:
    """Timers that a test sets off."""

    def __init__(self) -> None:
        self.due: dict[object, Callable[[], None]] = {}

    def call_later(self, _seconds: float, callback: Callable[..., None], *arguments: object) -> "_Handle":
        """Remember it."""
        handle = _Handle(self)
        self.due[handle] = lambda: callback(*arguments)
        return handle

    def look(self) -> None:
        """The timer's time has come."""
        _, callback = self.due.popitem()
        callback()


class _Handle:
    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def cancel(self) -> None:
        self._loop.due.pop(self, None)


class Transport:
    """What waits to be sent, and whether the client was let go."""

    def __init__(self) -> None:
        self.waiting = 1_000_000
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        """In bytes."""
        return self.waiting

    def get_extra_info(self, _name: str) -> None:
        """There is no socket, and so no kernel in which something waits."""

    def abort(self) -> None:
        """Let it go."""
        self.aborted = True


@pytest.mark.parametrize(("read", "aborted"), [(0, True), (MIN_BYTES - 1, True), (MIN_BYTES, False)])
def test_who_reads_too_little_between_two_looks_is_let_go(read: int, aborted: bool) -> None:
    """At the first look or a later one."""
    for before in (0, 3):
        unread, loop, transport = SlowReaderWatch(), Loop(), Transport()
        unread.start(transport, loop)  # type: ignore[arg-type]
        for _ in range(before):
            transport.waiting -= MIN_BYTES
            loop.look()
        transport.waiting -= read
        loop.look()
        assert transport.aborted is aborted
        assert len(loop.due) == (not aborted)


def test_nobody_is_watched_who_has_read() -> None:
    """No timer is left."""
    unread, loop = SlowReaderWatch(), Loop()
    unread.start(Transport(), loop)  # type: ignore[arg-type]
    unread.stop()
    unread.stop()
    assert not loop.due


async def test_a_client_that_reads_nothing_loses_its_connection() -> None:
    """A real one, with more waiting than the kernel takes."""
    ended = asyncio.Event()
    unread = SlowReaderWatch()
    loop = Loop()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            transport.write(bytes(30_000_000))

        def pause_writing(self) -> None:
            unread.start(self.transport, loop)  # type: ignore[arg-type]

        def connection_lost(self, _error: Exception | None) -> None:
            ended.set()

    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    async with server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        while not loop.due:
            await asyncio.sleep(0)
        while not ended.is_set():  # the kernel may take some at first
            if loop.due:
                loop.look()
            await asyncio.sleep(0)
        writer.transport.abort()

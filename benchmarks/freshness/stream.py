"""A live stream of one profile (JSON lines): the newest of each part, and who waits for what it is to become."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

import orjson

from benchmarks.common.ports import LOCAL
from benchmarks.freshness.watched import Watched, path_of
from shared.cancellation import cancel_and_wait

State = Mapping[str, Any]
"""A profile as plain data, parts and metadata by name; of a stream as far as it has been told."""
Shows = Callable[[State], bool]
"""Whether a profile is as somebody waits for."""

Look = Callable[[str, State], None]
"""Takes the user, and what is known."""

_BACK_SECONDS: Final = 0.1
_LIMIT: Final = 1 << 20


class LiveStream:
    """Open inside the context; it comes back when it has ended, as clients are to.

    Attributes:
        state: what it has told; empty at first.
        cuts: how often it has ended, or could not be had.
    """

    def __init__(self, port: int, user: str, look: Look | None = None) -> None:
        """Whoever wants to ``look`` is shown what it has told, part by part; nothing at a new beginning."""
        self.state: dict[str, Any] = {}
        self.cuts = 0
        self._port = port
        self._user = user
        self._look = look
        self._waiting: dict[asyncio.Future[float], Shows] = {}

    async def __aenter__(self) -> Self:
        """Return when it has told a whole state."""
        whole = self.when(lambda state: "metadata" in state)
        self._reading = asyncio.create_task(self._keep_reading())
        try:
            await whole
        except BaseException:
            await cancel_and_wait(self._reading)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Leave."""
        await cancel_and_wait(self._reading)

    def when(self, shows: Shows) -> asyncio.Future[float]:
        """The instant, by the loop's clock, in which it comes to be so; may be cancelled."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = shows
        future.add_done_callback(lambda done: self._waiting.pop(done, None))
        self._tell()
        return future

    async def _keep_reading(self) -> None:
        while True:
            with suppress(OSError, EOFError, ValueError):
                await self._read()
            self.cuts += 1
            await asyncio.sleep(_BACK_SECONDS)

    async def _read(self) -> None:
        reader, writer = await asyncio.open_connection(LOCAL, self._port, limit=_LIMIT)
        try:
            # In HTTP/1.0 the body is what comes until the end of the connection, without chunks.
            path = f"{path_of(self._user)}?live=true"
            writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\nAccept: application/jsonl\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if head.split(b" ", 2)[1] != b"200":
                raise ValueError(head)
            async for line in reader:
                if line.strip():
                    self._take(orjson.loads(line))
        finally:
            writer.transport.abort()

    def _take(self, event: Mapping[str, Any]) -> None:
        data = event["data"]
        if event["event"] == "begin":
            self.state.clear()
        if event["event"] == "part":
            self.state[data["name"]] = data["value"]
        elif event["event"] == "complete":
            self.state["metadata"] = data["metadata"]
        self._tell()
        if self._look is not None:
            self._look(self._user, self.state)

    def _tell(self) -> None:
        now = asyncio.get_running_loop().time()
        for future, shows in tuple(self._waiting.items()):
            if self.state and not future.done() and shows(self.state):
                future.set_result(now)


@asynccontextmanager
async def streams(
    port: int, watched: Sequence[Watched], look: Look | None = None
) -> AsyncIterator[Sequence[LiveStream]]:
    """A live stream of each of these."""
    async with AsyncExitStack() as ending:
        opened = [LiveStream(port, one.user, look) for one in watched]
        yield [await ending.enter_async_context(stream) for stream in opened]

"""When nothing ran: on a virtual machine that stands still every call times out, and no objective is about that."""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

from shared.cancellation import cancel_and_wait

_BEAT_SECONDS: Final = 0.01
_STILL_SECONDS: Final = 0.1
"""So late a beat is only where this process did not run at all."""


class Timed(Protocol):
    """What took some ``seconds`` from when it was ``due``, by the loop's clock."""

    @property
    def due(self) -> float:
        """An instant."""
        ...

    @property
    def seconds(self) -> float:
        """A duration."""
        ...


T = TypeVar("T", bound=Timed)


class Standstills:
    """Notices them inside the context.

    Attributes:
        spans: from when to when, by the loop's clock.
    """

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []
        self._last: float | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        self._beating = asyncio.create_task(self._keep_beating())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """End."""
        await cancel_and_wait(self._beating)

    def beat(self, now: float) -> None:
        """This process runs; it does so every ten milliseconds unless nothing runs."""
        if self._last is not None and now - self._last > _BEAT_SECONDS + _STILL_SECONDS:
            self.spans.append((self._last, now))
        self._last = now

    def without(self, records: Iterable[T]) -> list[T]:
        """Those records during which everything ran."""
        return [record for record in records if not self._touch(record.due, record.due + record.seconds)]

    def seconds(self, begun: float, ended: float) -> float:
        """How long nothing ran between these instants."""
        return sum(max(0.0, min(end, ended) - max(start, begun)) for start, end in self.spans)

    def _touch(self, begun: float, ended: float) -> bool:
        return any(start < ended and begun < end for start, end in self.spans)

    async def _keep_beating(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.beat(loop.time())
            await asyncio.sleep(_BEAT_SECONDS)

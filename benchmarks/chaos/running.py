"""Several things that run together: all of them, or none."""

from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self


class Running(ABC):
    """Runs inside the context."""

    def __init__(self) -> None:
        self._ending = AsyncExitStack()

    @abstractmethod
    async def _start(self) -> None:
        """Start everything; what is to end goes to ``_ending`` before it begins."""

    async def __aenter__(self) -> Self:
        """Start everything.

        Raises:
            CannotRun: when a part does not get ready.
        """
        try:
            await self._start()
        except BaseExceptionGroup as errors:
            await self._ending.aclose()
            raise errors.exceptions[0] from None
        except BaseException:
            await self._ending.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """End everything."""
        await self._ending.aclose()

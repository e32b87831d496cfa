"""Keys from the issuer's URL: fetched in the background, and again when a token names one that nobody knows."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Final, Self

from shared.cancellation import cancel_and_wait
from shared.deadline import Clock, since_boot
from shared.edge.key_schedule import KeySchedule
from shared.edge.key_source import KeySource
from shared.edge.keys import KeySet
from shared.observing.background import keep_running

FETCH_SECONDS: Final = 2.0
_TASK: Final = "signing keys"


class FetchedKeys(KeySource):
    """The keys in the document that ``fetch`` gives, or does not give, by whatever it raises."""

    def __init__(
        self, fetch: Callable[[], Awaitable[bytes]], interval: float, cooldown: float, clock: Clock = since_boot
    ) -> None:
        """``interval`` and ``cooldown`` are those of :class:`KeySchedule`."""
        super().__init__("url")
        self._fetch = fetch
        self._schedule = KeySchedule(interval, cooldown, clock)
        self._fetching: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to fetch; nobody waits for it here."""
        work = keep_running(self._run, _TASK)
        self._running = asyncio.get_running_loop().create_task(work, name=_TASK, context=Context())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Fetch no more."""
        await cancel_and_wait(*(task for task in (self._running, self._fetching) if task is not None))

    async def refresh(self) -> bool:
        """Join the fetch that is under way, or begin one unless the last was within the cooldown.

        Tells whether the keys have changed meanwhile, after ``FETCH_SECONDS`` at most. Whoever leaves ends no fetch.
        """
        before = self.keys
        if self._is_fetching() or self._schedule.may_fetch():
            await asyncio.wait({self._begun()})
        return self.keys is not before

    async def _run(self) -> None:
        while True:
            pause = self._schedule.pause()
            if pause > 0:  # which another fetch may make longer meanwhile
                await asyncio.sleep(pause)
                continue
            task = self._begun()
            await asyncio.wait({task})
            task.result()

    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    def _begun(self) -> "asyncio.Task[None]":
        """The fetch under way, which is the same for everybody."""
        if self._fetching is None or self._fetching.done():
            self._schedule.began()
            # Of no request: its trace is nothing to the issuer.
            self._fetching = asyncio.get_running_loop().create_task(self._fetch_once(), name=_TASK, context=Context())
        return self._fetching

    async def _fetch_once(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                document = await self._fetch()
            keys = KeySet.parse(document)
        except Exception as error:  # noqa: BLE001 - whatever it is, the keys of before count for a day and no longer
            self._failed(error, still_good=self._schedule.failed())
        else:
            self._schedule.succeeded()
            self._succeeded(keys)

"""The aggregates of one kind that live streams look at: told of by the cache, looked into once for all, told to all.

Nothing is done for one that nobody looks at, nor for one of which nothing has changed.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Final

from bff.parts.part import Part
from bff.streams.events import end_with
from bff.streams.looked_at import LookedAt
from bff.streams.pace import Need, Pace
from bff.streams.reading import Kept, Known, Reading, Watching
from bff.streams.state import Told
from shared.deadline import Clock
from shared.errors import NotFound, RequestError
from shared.http import problems
from shared.http.streams.live import LiveStream
from shared.observing.logs import log_error
from shared.observing.tracing import current_trace

_LOADS: Final = 16
"""So many are looked into at a time: when everything is outdated at once, services are asked bit by bit."""
_SPREAD: Final = 0.2
_CLOCKS_SECONDS: Final = 0.25
"""Redis tells of the end of a life by its own clock, which is followed no more exactly than that."""


class Hub:
    """Live streams by the id that they look at."""

    def __init__(
        self,
        cache: Watching,
        reading: Reading,
        clock: Clock = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """``clock`` is monotonic."""
        self.cache = cache
        self.reading = reading
        self.clock = clock
        self.draw = draw
        self.room = asyncio.Semaphore(_LOADS)
        self._followed: dict[str, _Followed] = {}

    def __len__(self) -> int:
        """How many ids are looked at."""
        return len(self._followed)

    def join(self, identifier: str, stream: LiveStream, known: Known) -> None:
        """Tell ``stream`` what becomes of an id, until it ends; it was told just now what is ``known``."""
        followed = self._followed.get(identifier)
        if followed is None:
            followed = self._followed[identifier] = _Followed(self, identifier, known)
        followed.join(stream, known)
        stream.on_end.append(lambda ended: self._leave(identifier, ended))

    def _leave(self, identifier: str, stream: LiveStream) -> None:
        followed = self._followed.get(identifier)
        if followed is not None and not followed.leave(stream):
            del self._followed[identifier]
            followed.stop()


class _Followed:
    """One id that is looked at."""

    __slots__ = (
        "_current_until",
        "_hub",
        "_identifier",
        "_names",
        "_one",
        "_outdated",
        "_pace",
        "_retry",
        "_task",
        "_telling",
        "_timer",
    )

    def __init__(self, hub: Hub, identifier: str, known: Known) -> None:
        self._hub = hub
        self._identifier = identifier
        self._one = LookedAt(known.state)
        self._pace = Pace()
        self._names: tuple[str, ...] = ()  # a set takes five times as much, for each who is looked at
        self._current_until = 0.0
        self._outdated = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._telling: asyncio.Handle | None = None
        hub.cache.watch(hub.reading.key(identifier), self._told_look)

    def join(self, stream: LiveStream, known: Known) -> None:
        if self._one.become(known.state):
            self._tell_all()
        self._depend_on(known.tags)
        stream.version = self._one.version
        stream.on_read = self._one.tell
        self._one.streams[stream] = None
        kept = self._note_kept()
        if known.state.etag is None:
            self._retry_later(self._pace.retry())
        elif kept is None or kept.etag != known.state.etag:
            self._ask(Need.LOAD)  # it was outdated while it was on its way here

    def leave(self, stream: LiveStream) -> bool:
        """Whether anybody else looks at it."""
        del self._one.streams[stream]
        return bool(self._one.streams)

    def stop(self) -> None:
        cache = self._hub.cache
        cache.unwatch(self._hub.reading.key(self._identifier), self._told_look)
        for name in self._names:
            cache.unwatch(name, self._told_outdated)
        for timer in (self._timer, self._retry, self._telling):
            if timer is not None:
                timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _told_look(self) -> None:
        self._ask(Need.LOOK)

    def _told_outdated(self) -> None:
        self._outdated = True
        self._ask(Need.LOAD)

    def _ask(self, need: Need) -> None:
        self._pace.ask(need)
        wait = self._pace.wait(self._hub.clock())
        if wait == 0:
            self._begin()
        elif wait is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._begin)

    def _begin(self) -> None:
        for timer in (self._timer, self._retry):
            if timer is not None:
                timer.cancel()
        self._timer = self._retry = None
        self._pace.begin()
        self._task = asyncio.get_running_loop().create_task(self._look_into(), context=Context())

    async def _look_into(self) -> None:
        told, failed, heard = False, False, dict[str, Told]()

        def hear(name: str, piece: object) -> None:
            if isinstance(piece, Part):
                heard[name] = Told.of(piece)

        reading, one = self._hub.reading, self._one
        async with self._hub.room:
            need = self._pace.take()
            outdated = need is Need.LOAD and self._outdated
            self._outdated = self._outdated and not outdated  # to look is not to ask whoever knows
            try:
                known = await reading.look(self._identifier) if need is Need.LOOK else None
                # What is not there before its time is over was outdated; that it is over changes nothing.
                if known is None and (need is Need.LOAD or reading.clock() < self._current_until - _CLOCKS_SECONDS):
                    known = await reading.load(self._identifier, hear)
                if known is not None:
                    told = one.become(known.state) or (outdated and one.confirm(known.state))
                    self._depend_on(known.tags)
                    self._note_kept()
            except NotFound as absent:
                self._end(absent)
                return
            except RequestError:
                told, failed = one.lose(heard), True
            except Exception as error:  # noqa: BLE001 - it may go better next time
                failed = True
                log_error("unexpected error", "app", error)
        self._task = None
        whole = not failed and one.etag is not None
        retry = self._pace.end(self._hub.clock(), need, told=told, whole=whole)
        if told:
            self._tell_all()
        if retry is not None:
            self._retry_later(retry)
        self._ask(Need.NOTHING)

    def _depend_on(self, tags: Sequence[str]) -> None:
        before, now, cache, told = {*self._names}, {*tags}, self._hub.cache, self._told_outdated  # bound once for all
        for name in now - before:
            cache.watch(name, told)
        for name in before - now:
            cache.unwatch(name, told)
        self._names = (*now,)

    def _note_kept(self) -> Kept | None:
        kept = self._hub.reading.peek(self._identifier)
        self._current_until = 0.0 if kept is None else kept.fresh_until
        return kept

    def _retry_later(self, seconds: float) -> None:
        if self._retry is None and not self._pace.busy:
            seconds *= 1 + _SPREAD * self._hub.draw()
            self._retry = asyncio.get_running_loop().call_later(seconds, self._ask, Need.LOAD)

    def _tell_all(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
        self._tell_some([*self._one.streams])

    def _tell_some(self, streams: Sequence[LiveStream]) -> None:
        rest = self._one.tell_some(streams)
        self._telling = asyncio.get_running_loop().call_soon(self._tell_some, rest) if rest else None

    def _end(self, absent: NotFound) -> None:
        path = self._hub.reading.path(self._identifier)
        for stream in [*self._one.streams]:
            current_trace.set(stream.exchange.trace)  # in this task's own context: the problem names the request
            stream.close("problem", end_with(problems.describe(absent, path).body))

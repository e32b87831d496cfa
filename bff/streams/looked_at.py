"""One aggregate that live streams look at: what changes in it is written once for each form, and told to all.

Of what all of them have been told only digests are kept.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from bff.streams import events
from bff.streams.state import State, Told
from shared.http.streams.event import Event, Wire
from shared.http.streams.live import LiveStream
from shared.http.streams.stream import count

_SLICE: Final = 200
"""So many clients are told of a change in one turn of the event loop."""


class LookedAt:
    """What the streams of one aggregate have been told, by version.

    Attributes:
        streams: those that look at it.
        etag: of the newest state; None where that is not whole.
        version: of that state.
    """

    __slots__ = ("_digests", "_news", "_since", "_written", "etag", "streams", "version")

    def __init__(self, state: State) -> None:
        self.streams: dict[LiveStream, None] = {}
        self.etag = state.etag
        self.version = 1
        self._digests = {name: told.digest for name, told in state.parts.items()}
        self._since = dict.fromkeys(state.parts, 1)
        self._news: State | None = None
        self._written: dict[tuple[int, Wire], tuple[bytes, Sequence[Event]]] = {}

    def become(self, state: State) -> bool:
        """It is in another ``state`` now; returns whether there is anything to tell."""
        changed = self._changed(state.parts)
        if not changed and state.etag == self.etag:
            return False
        self._set(state, changed)
        return True

    def confirm(self, state: State) -> bool:
        """It was outdated and is the same again, which clients are told; not while nobody knows the whole of it."""
        if state.etag is not None:
            self._set(state, ())
        return state.etag is not None

    def lose(self, parts: Mapping[str, Told]) -> bool:
        """The whole cannot be had, and of these ``parts`` this is known; returns whether there is anything to tell."""
        changed = self._changed(parts)
        if changed:
            known = {} if self._news is None else self._news.parts
            self._set(State({**known, **{name: parts[name] for name in changed}}, b"", None), changed)
        return bool(changed)

    def tell(self, stream: LiveStream) -> None:
        """Tell one client what has changed since it was told last, if it has read that."""
        self.tell_some([stream])

    def tell_some(self, streams: Sequence[LiveStream]) -> Sequence[LiveStream]:
        """Tell as many of these as one turn of the loop has time for; the rest."""
        version, written = self.version, self._written
        told: Counter[tuple[int, Wire]] = Counter()
        for stream in streams[:_SLICE]:
            since = stream.version
            if since == version or stream.is_behind or stream.ended:
                continue
            key = since, stream.wire
            data, news = written.get(key) or self._write(key)
            stream.version = version
            stream.write(data, len(news))
            told[key] += 1
        for key, clients in told.items():
            count(written[key][1], clients)
        rest = streams[_SLICE:]
        if not rest and all(stream.version == version for stream in self.streams):
            self._news = None
            written.clear()
        return rest

    def _changed(self, parts: Mapping[str, Told]) -> Sequence[str]:
        return [name for name, told in parts.items() if self._digests.get(name) != told.digest]

    def _set(self, state: State, changed: Sequence[str]) -> None:
        self.etag = state.etag
        self.version += 1
        self._digests |= {name: state.parts[name].digest for name in changed}
        self._since |= dict.fromkeys(changed, self.version)
        self._news = state
        self._written.clear()

    def _write(self, key: tuple[int, Wire]) -> tuple[bytes, Sequence[Event]]:
        """What has changed since a version, as it goes over a wire."""
        since, wire = key
        news = self._news
        if news is None:
            raise AssertionError("there is no news for whoever knows everything")
        told = [events.part(name, one) for name, one in news.parts.items() if self._since[name] > since]
        is_same = not told
        if not is_same:
            told[0] = told[0]._replace(forgets=True)
        if news.metadata:
            told.append(events.complete(news, unchanged=is_same))
        written = self._written[key] = wire.framed(wire.format.encode(told)), told
        return written

"""What a hit does: the key, the look into memory, the entry, the client's tag; and what Redis' answer costs to read."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks.micro.piece import Piece
from benchmarks.speed import people
from bff.answer import StoredAnswer
from bff.cache_status import CacheStatus
from shared.cache.build import build_cache
from shared.cache.cache import Cache, Value
from shared.cache.entry import NO_STAMP, Entry, StoredEntry
from shared.conditional import matches

_ENTRIES: Final = 10_000
_TAG: Final = 'W/"35ffc29f0722a01ec0e18adf"'
_LIFE: Final = 86_400.0


def _cache() -> Cache:
    cache = build_cache("", _ENTRIES, longest_life=_LIFE, owned=["profile"])
    stored, key = _stored(), cache.keys.entry
    cache.put(cache.begin(), [Value(key("profile", f"user{number}"), stored, _LIFE) for number in range(_ENTRIES)])
    return cache


def _stored() -> bytes:
    return StoredAnswer(200, _TAG, people.profile("user1")).to_bytes()


def _entry() -> Entry:
    return Entry.made(_stored(), time.monotonic(), _LIFE)


def _key() -> Callable[[], object]:
    return partial(_cache().keys.entry, "profile", "user1")


def _near() -> Callable[[], object]:
    cache = _cache()
    return partial(cache.look_near, cache.keys.entry("profile", "user1"))


def _absent() -> Callable[[], object]:
    cache = _cache()
    return partial(cache.look_near, cache.keys.entry("profile", "nobody"))


def _header() -> Callable[[], object]:
    data = StoredEntry.of(_entry(), time.monotonic(), NO_STAMP, NO_STAMP).to_bytes()
    return partial(StoredEntry.from_bytes, data)


def _first_reader() -> Callable[[], object]:
    entry = _entry()

    def read() -> StoredAnswer | None:
        entry.form = None
        return StoredAnswer.of(entry)

    return read


def _next_reader() -> Callable[[], object]:
    entry = _entry()
    return partial(StoredAnswer.of, entry)


def _status() -> Callable[[], object]:
    cache, entry = _cache(), _entry()
    return lambda: CacheStatus(cache).hit_in_memory(entry)


PIECES: Final = (
    Piece("key of an entry", _key),
    Piece("look into memory, found", _near),
    Piece("look into memory, not there", _absent),
    Piece("entry as Redis has it, decoded", _header),
    Piece("stored answer, decoded for its first reader", _first_reader),
    Piece("stored answer, for the next", _next_reader),
    Piece("Cache-Status of a hit", _status),
    Piece("ETag, one that matches", lambda: partial(matches, _TAG, _TAG)),
    Piece("ETag, none of three", lambda: partial(matches, '"a", "b", W/"c"', _TAG)),
)

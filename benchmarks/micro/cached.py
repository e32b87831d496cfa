"""What a hit does: the key, the look into memory, the entry, the client's tag; and what Redis' answer costs to read."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks.common import people
from benchmarks.micro.piece import Piece
from bff.aggregates import AGGREGATES
from bff.aggregates.profile import PROFILE
from bff.answer import Answer, compose, read_answer
from bff.app import gateway_cache
from bff.cache_status import CacheStatus
from bff.parts.by_id import by_id_json
from bff.parts.part import Aggregate, Part
from bff.representation import Representation
from bff.settings import GatewaySettings
from bff.sources.orders import ORDERS, Order
from bff.sources.products import PRODUCTS, Product
from bff.sources.users import USER, User
from shared import codec
from shared.cache.cache import Cache, Value
from shared.cache.entry import NO_STAMP, Entry, StoredEntry
from shared.deadline import since_boot
from shared.http.conditional import matches
from shared.http.early_routes import ReadyResponse
from shared.settings.loading import load

_ENTRIES: Final = 10_000
_TAG: Final = 'W/"35ffc29f0722a01ec0e18adf"'
_LIFE: Final = 86_400.0
_KIND: Final = Representation(PROFILE).cache_kind


def _cache() -> Cache:
    cache = gateway_cache(load(GatewaySettings, {"CACHE_MEMORY_ENTRIES": str(_ENTRIES)}), AGGREGATES)
    body, key = _answer().cached_body, cache.keys.entry
    names, now = (key(_KIND, f"user{number}") for number in range(_ENTRIES)), cache.clock()
    cache.put(cache.issue_token(), [Value(name, body, now, _LIFE, decoded=ReadyResponse(_TAG, body)) for name in names])
    return cache


def _answer() -> Answer:
    parts: dict[str, Part[object]] = {
        "user": Part(None, "fresh", USER.codec.encode(codec.decoder(User)(people.user("user1")))),
        "orders": Part(None, "fresh", ORDERS.codec.encode(codec.decoder(list[Order])(people.orders("user1")))),
        "products": Part(None, "fresh", by_id_json((one.id, PRODUCTS.codec.encode(one)) for one in _products())),
    }
    facts = {"user_id": "user1", "orders_count": 3, "products_count": len(_products())}
    return compose(Aggregate(parts), facts, ttl=30, duration=0.0123, now=time.time())


def _products() -> list[Product]:
    return codec.decoder(list[Product])(people.products(list(people.products_of("user1"))))


def _entry() -> Entry:
    return Entry.made(_answer().cached_body, since_boot(), _LIFE)


def _key() -> Callable[[], object]:
    return partial(_cache().keys.entry, _KIND, "user1")


def _near() -> Callable[[], object]:
    cache = _cache()
    return partial(cache.lookup_near, cache.keys.entry(_KIND, "user1"))


def _absent() -> Callable[[], object]:
    cache = _cache()
    return partial(cache.lookup_near, cache.keys.entry(_KIND, "nobody"))


def _header() -> Callable[[], object]:
    key = _cache().keys.entry(_KIND, "user1")
    data = StoredEntry.of(_entry(), since_boot(), 0, NO_STAMP, NO_STAMP).to_bytes(key)
    return partial(StoredEntry.from_bytes, data, key)


def _first_reader() -> Callable[[], object]:
    return partial(read_answer, Representation(PROFILE), "user1", _answer().cached_body)


def _status() -> Callable[[], object]:
    cache = _cache()
    return lambda: CacheStatus(cache).hit_in_memory(29)


PIECES: Final = (
    Piece("key of an entry", _key),
    Piece("look into memory, found", _near),
    Piece("look into memory, not there", _absent),
    Piece("entry as Redis has it, decoded", _header),
    Piece("answer out of Redis, checked whole", _first_reader),
    Piece("Cache-Status of a hit", _status),
    Piece("ETag, one that matches", lambda: partial(matches, _TAG, _TAG)),
    Piece("ETag, none of three", lambda: partial(matches, '"a", "b", W/"c"', _TAG)),
)

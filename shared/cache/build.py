"""Builds the cache, memory and Redis, from its settings."""

import math
import sys
from collections.abc import Iterable
from functools import partial

from shared.cache.address import parse
from shared.cache.cache import Cache
from shared.cache.keys import Keys
from shared.cache.kind import Kind
from shared.cache.memory import MemoryStore
from shared.cache.named import NAMED
from shared.cache.near import NearTier
from shared.cache.redis import RedisTier
from shared.cache.spans import SpannedRedisTier
from shared.cache.topology import topology
from shared.deadline import Clock, since_boot
from shared.observing.telemetry.spans import Spans


def build_cache(
    redis_url: str,
    memory_entries: int,
    memory_bytes: int = sys.maxsize,
    *,
    kinds: Iterable[Kind],
    longest_life: float,
    alone: float = math.inf,
    namespace: str = "bff",
    clock: Clock = since_boot,
    spans: Spans | None = None,
) -> Cache:
    """A cache over Redis at ``redis_url`` with memory before and behind it; memory alone when the address is empty.

    ``kinds`` are all that there are of entries, none of which is kept longer than ``longest_life`` seconds; memory
    holds so many, and as many as fit into ``memory_bytes``. Cut off from Redis, it serves what it had for ``alone``
    seconds. ``spans`` takes a span of each lookup in Redis.
    """
    keys = Keys(namespace, (*kinds, NAMED))
    near = NearTier(MemoryStore(memory_entries, memory_bytes), keys, clock)
    tier = RedisTier if spans is None else partial(SpannedRedisTier, spans=spans)
    redis = tier(topology(parse(redis_url)), near, keys, clock, alone=alone) if redis_url else None
    return Cache(near, redis, keys, longest_life=longest_life, clock=clock)

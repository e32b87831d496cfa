"""Puts the two tiers together as the settings say."""

from shared.cache.cache import Cache
from shared.cache.connection import connect
from shared.cache.redis import RedisTier
from shared.cache.stores import MemoryStore


def build_cache(redis_url: str, memory_entries: int) -> Cache:
    """A cache over Redis at ``redis_url`` with memory behind it; memory alone when the address is empty."""
    return Cache(MemoryStore(memory_entries), RedisTier(connect(redis_url)) if redis_url else None)

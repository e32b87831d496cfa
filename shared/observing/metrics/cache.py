"""Metrics of both tiers of the cache, and of loads."""

from typing import Final

from shared.observing.metrics.prometheus import QuickCounter, highest_gauge, lowest_gauge, total_gauge

cache_hits: Final = QuickCounter("cache_hits_total", "Lookups that found a fresh entry.", ["cache_type"])
cache_misses: Final = QuickCounter("cache_misses_total", "Lookups that did not.", ["cache_type"])
cache_tier_up: Final = lowest_gauge(
    "cache_tier_up", "1 while the tier takes reads and writes, 0 while it is bypassed.", ["cache_type"]
)
cache_memory_entries: Final = total_gauge("cache_memory_entries", "Entries in the memory tier.")
cache_memory_bytes: Final = total_gauge("cache_memory_bytes", "Bytes that the entries in the memory tier take.")
cache_coherent: Final = lowest_gauge(
    "cache_coherent", "1 while Redis tells of every change, so that the memory tier may answer first."
)
cache_invalidations: Final = QuickCounter("cache_invalidations_total", "Changes of keys that Redis has announced.")
cache_redis_lag: Final = highest_gauge(
    "cache_redis_lag_seconds", "Round trip of the last heartbeat on the connection that tells of changes."
)
cache_coalesced: Final = QuickCounter(
    "cache_coalesced_total", "Lookups that waited for a load that somebody else had begun.", ["scope"]
)
cache_early_refreshes: Final = QuickCounter("cache_early_refreshes_total", "Loads begun before an entry had expired.")
cache_unreadable: Final = QuickCounter("cache_unreadable_total", "Things in Redis that are no entry of this version.")

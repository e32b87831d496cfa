"""The ``Cache-Status`` header (RFC 9211): one member a tier that was asked, the one nearest the origin first."""

from typing import Any

from shared.cache.cache import Cache
from shared.cache.entry import Entry
from shared.cache.loader import Outcome
from shared.cache.near import Trust

_ASKED = (Trust.COHERENT, Trust.ALONE)


class CacheStatus:
    """Words for one request; made before the tiers are asked, because that may change how far memory is believed."""

    __slots__ = ("_cache", "_memory_asked")

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._memory_asked = cache.trust in _ASKED

    def hit_in_memory(self, entry: Entry) -> str:
        """Memory had it."""
        return f"memory; hit; ttl={self._left(entry)}"

    def hit_in_redis(self, entry: Entry) -> str:
        """Redis had it."""
        missed = ", memory; fwd=uri-miss" if self._memory_asked else ""
        return f"redis; hit; ttl={self._left(entry)}{missed}"

    def missed(self, outcome: Outcome[Any], left: int) -> str:
        """No tier had it; ``left`` is for how many seconds it is kept now."""
        stored = f"; stored; ttl={left}" if outcome.stored else ""
        collapsed = "; collapsed" if outcome.joined else ""
        tiers = [*(["redis"] if outcome.asked_redis else []), *(["memory"] if self._memory_asked else [])]
        if not tiers:
            return f"memory; fwd=bypass{stored}{collapsed}"
        return ", ".join(f"{tier}; fwd=uri-miss{stored}{collapsed}" for tier in tiers)

    def _left(self, entry: Entry) -> int:
        return max(0, int(entry.fresh_until - self._cache.clock()))

"""The ``Cache-Status`` header (RFC 9211): one member per tier that was asked, the one nearest the origin first."""

from functools import lru_cache
from typing import Any

from shared.cache.cache import Cache
from shared.cache.loader import Outcome
from shared.cache.near import Trust

_ASKED = (Trust.COHERENT, Trust.ALONE)


class CacheStatus:
    """Builds the header for one request; made before the tiers are asked, which may change the trust in memory."""

    __slots__ = ("_memory_asked",)

    def __init__(self, cache: Cache) -> None:
        self._memory_asked = cache.trust in _ASKED

    @staticmethod
    def hit_in_memory(left: int) -> str:
        """Memory had it, and has it for so many seconds."""
        return f"memory; hit; ttl={left}"

    def hit_in_redis(self, left: int) -> str:
        """Redis had it."""
        missed = ", memory; fwd=uri-miss" if self._memory_asked else ""
        return f"redis; hit; ttl={left}{missed}"

    def missed(self, outcome: Outcome[Any], left: int) -> str:
        """No tier had it; ``left`` is for how many seconds it is kept now."""
        return _missed(outcome.asked_redis, self._memory_asked, outcome.joined, left if outcome.stored else None)


@lru_cache(1_000)  # nearly all are kept for the same time
def _missed(redis: bool, memory: bool, joined: bool, kept: int | None) -> str:
    how = ("" if kept is None else f"; stored; ttl={kept}") + ("; collapsed" if joined else "")
    asked = [tier for tier, is_asked in (("redis", redis), ("memory", memory)) if is_asked]
    return ", ".join(f"{tier}; fwd=uri-miss{how}" for tier in asked) or f"memory; fwd=bypass{how}"

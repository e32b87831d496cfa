"""What ``GET /api/cache/stats`` tells of the cache."""

from typing import Final, Literal

import msgspec


class MemoryFigures(msgspec.Struct, frozen=True):
    """Of the memory tiers of all workers, since they were started."""

    state: Literal["coherent", "blind", "alone"]
    entries: int
    bytes: int
    hits: int
    misses: int
    hit_ratio: float | None
    coalesced: int
    early_refreshes: int
    stale_parts_served: int
    invalidations: int


class RedisFigures(msgspec.Struct, frozen=True):
    """Of Redis, as all workers have met it; what it would have to be asked for is null while it is away."""

    state: Literal["up", "down", "disabled"]
    entries: int | None
    bytes: int | None
    hits: int
    misses: int
    hit_ratio: float | None
    coalesced: int
    unreadable: int
    lag_ms: float | None


class Tiers(msgspec.Struct, frozen=True):
    """Both tiers of the cache."""

    memory: MemoryFigures
    redis: RedisFigures


class CacheFigures(msgspec.Struct, frozen=True):
    """The cache in figures."""

    tiers: Tiers


EXAMPLE: Final = CacheFigures(
    Tiers(
        MemoryFigures(
            state="coherent",
            entries=5_120,
            bytes=18_350_080,
            hits=90_000,
            misses=10_000,
            hit_ratio=0.9,
            coalesced=700,
            early_refreshes=1_200,
            stale_parts_served=3,
            invalidations=4_100,
        ),
        RedisFigures(
            state="up",
            entries=5_300,
            bytes=21_000_000,
            hits=4_000,
            misses=6_000,
            hit_ratio=0.4,
            coalesced=12,
            unreadable=0,
            lag_ms=0.214,
        ),
    )
)

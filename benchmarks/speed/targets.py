"""The servers that are measured: the gateway in several settings, and the floors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Target:
    """A program (``python -m …``) and its settings beyond addresses."""

    command: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1


_LASTING: Final = {"CACHE_TTL_SECONDS": "300"}
"""Nothing that was put into the cache for a measurement may run out while it lasts."""

GATEWAY: Final = Target(("bff",), _LASTING)
NOT_EARLY: Final = Target(("bff",), {**_LASTING, "EARLY_ANSWERS": "false"})
TWO_WORKERS: Final = Target(("bff",), {**_LASTING, "WORKERS": "2"}, workers=2)
DEGRADED: Final = Target(
    ("bff",),
    {
        "CACHE_TTL_SECONDS": "1",  # everything is over soon, and stale parts stand in
        "CACHE_MEMORY_ENTRIES": "50000",
        "BREAKER_WINDOW_SECONDS": "1",  # what went well before does not keep it closed
        "BREAKER_OPEN_SECONDS": "60",
    },
)

OBSERVED: Final = Target(("bff",), {**_LASTING, "LOG_LEVEL": "info"})
"""As it is; a process of its own, so that it has done just what those have done that it is compared with."""
WITHOUT_METRICS: Final = Target(("benchmarks.speed.without", "metrics"), _LASTING)
WITHOUT_LOG: Final = Target(("bff",), {**_LASTING, "LOG_LEVEL": "warning"})
WITHOUT_TRACE: Final = Target(("benchmarks.speed.without", "trace"), _LASTING)

BARE: Final = Target(("benchmarks.speed.floors.bare",))
CALLS: Final = Target(("benchmarks.speed.floors.calls",))

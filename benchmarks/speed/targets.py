"""The servers that are measured: the gateway in several settings, and the floors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from benchmarks.common import issuer
from benchmarks.common.ports import LOCAL


@dataclass(frozen=True)
class Target:
    """A program (``python -m …``) and its settings beyond addresses; it runs once ``question`` has an answer of 200."""

    command: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    question: str = "/api/profile/user1"


_LASTING: Final = {"CACHE_TTL_SECONDS": "300"}
"""Nothing that was put into the cache for a measurement may run out while it lasts."""


def workers(number: int) -> Target:
    """The gateway with so many of them."""
    return Target(("bff",), {**_LASTING, "WORKERS": str(number)}, workers=number)


GATEWAY: Final = Target(("bff",), _LASTING)
NOT_EARLY: Final = Target(("bff",), {**_LASTING, "EARLY_ANSWERS": "false"})
PATIENT: Final = Target(("bff",), {**_LASTING, "REQUEST_BUDGET_SECONDS": "20", "ATTEMPT_TIMEOUT_SECONDS": "10"})
"""A machine that stands still is no service that does not answer."""
TWO_WORKERS: Final = workers(2)
DEGRADED: Final = Target(
    ("bff",),
    {
        "CACHE_TTL_SECONDS": "1",  # everything is over soon, and stale parts stand in
        "CACHE_MEMORY_ENTRIES": "50000",
        "BREAKER_WINDOW_SECONDS": "1",  # what went well before does not keep it closed
        "BREAKER_OPEN_SECONDS": "60",
    },
)

ORIGIN: Final = "https://app.invalid"
"""Whose scripts may read answers of those below."""
_GUARDED: Final = {
    **_LASTING,
    **issuer.SETTINGS,
    "CORS_ORIGINS": ORIGIN,
    "TRUSTED_PROXIES": LOCAL,
    "RATE_LIMIT_ADDRESS": "100000000/60",
    "RATE_LIMIT_FAILURES": "100000000/60",
}
GUARDED: Final = Target(
    ("bff",),
    {**_GUARDED, "RATE_LIMIT_USER": "100000000/60"},  # so many that nobody gets near it, and all are counted
    question="/health/ready",
)
REFUSING: Final = Target(("bff",), {**_GUARDED, "RATE_LIMIT_USER": "1/99999"}, question="/health/ready")

OBSERVED: Final = Target(("bff",), {**_LASTING, "LOG_LEVEL": "info"})
"""As it is; a process of its own, so that it has done just what those have done that it is compared with."""
WITHOUT_METRICS: Final = Target(("benchmarks.speed.without", "metrics"), _LASTING)
WITHOUT_LOG: Final = Target(("bff",), {**_LASTING, "LOG_LEVEL": "warning"})
WITHOUT_TRACE: Final = Target(("benchmarks.speed.without", "trace"), _LASTING)

BARE: Final = Target(("benchmarks.speed.floors.bare",))
RAW: Final = Target(("benchmarks.speed.floors.raw",))
RAW_20K: Final = Target(("benchmarks.speed.floors.raw",), {"USER_ID": "20kb-1"})
RAW_200K: Final = Target(("benchmarks.speed.floors.raw",), {"USER_ID": "200kb-1"})
CALLS: Final = Target(("benchmarks.speed.floors.calls",))

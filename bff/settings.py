"""The gateway's settings, each beside its variable and default."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared import values
from shared.cache.address import REDIS_URL
from shared.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(Settings):
    """Everything that may be turned without a change of code; durations in seconds."""

    user_service_url: str = setting(
        "USER_SERVICE_URL", values.BASE_URL, "http://127.0.0.1:8001", "Base address of the user service."
    )
    order_service_url: str = setting(
        "ORDER_SERVICE_URL", values.BASE_URL, "http://127.0.0.1:8002", "Base address of the order service."
    )
    product_service_url: str = setting(
        "PRODUCT_SERVICE_URL", values.BASE_URL, "http://127.0.0.1:8003", "Base address of the product service."
    )
    upstream_health_path: str = setting(
        "UPSTREAM_HEALTH_PATH", values.PATH, "/health", "Path that tells with 200 that a service is healthy."
    )
    redis_url: str = setting(
        "REDIS_URL", REDIS_URL, "", "Redis, the primary cache tier; empty for the memory tier alone."
    )
    cache_ttl: int = setting(
        "CACHE_TTL_SECONDS",
        values.integer(1, 86_400),
        "30",
        "How long an aggregate is served from the cache.",
    )
    cache_stale: int = setting(
        "CACHE_STALE_SECONDS",
        values.integer(0, 604_800),
        "600",
        "How long a last known good part may stand in for one that cannot be had.",
    )
    cache_negative_ttl: int = setting(
        "CACHE_NEGATIVE_TTL_SECONDS",
        values.integer(0, 3_600),
        "5",
        "How long the answer that a user does not exist is served from the cache; 0 for not at all.",
    )
    cache_throttle: float = setting(
        "CACHE_THROTTLE_SECONDS",
        values.seconds(0, 60),
        "1.0",
        "How long a part that could not be had is not asked for again.",
    )
    cache_namespace: str = setting(
        "CACHE_NAMESPACE", values.NAMESPACE, "bff", "Keeps this cache's keys apart from others in the same Redis."
    )
    cache_memory_entries: int = setting(
        "CACHE_MEMORY_ENTRIES", values.integer(1, 10_000_000), "10000", "Most entries that the memory tier holds."
    )
    request_budget: float = setting(
        "REQUEST_BUDGET_SECONDS", values.seconds(0.05, 60), "2.0", "Time for a whole request, all calls included."
    )
    attempt_timeout: float = setting(
        "ATTEMPT_TIMEOUT_SECONDS", values.seconds(0.01, 60), "0.8", "Time for one attempt at one service."
    )
    admin_token: str = setting(
        "ADMIN_TOKEN", values.TOKEN, "", "Bearer token of the admin routes; empty turns them off.", secret=True
    )

    def conflicts(self) -> Iterator[str]:
        """Pairs of values that cannot be used together."""
        if self.attempt_timeout > self.request_budget:
            yield (
                f"ATTEMPT_TIMEOUT_SECONDS={self.attempt_timeout:g}: expected no more than "
                f"REQUEST_BUDGET_SECONDS={self.request_budget:g}"
            )

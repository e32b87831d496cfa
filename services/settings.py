"""The settings that every service has besides those of every app."""

from dataclasses import dataclass

from sqlalchemy.engine import URL

from services.database_url import DATABASE_URL
from shared.cache.address import REDIS_URL
from shared.observing.telemetry.settings import TracedSettings
from shared.settings import values
from shared.settings.declared import setting


@dataclass(frozen=True, kw_only=True)
class ServiceSettings(TracedSettings):
    """Settings of a service; each service has a default port and a default database of its own."""

    database_url: URL = setting("DATABASE_URL", DATABASE_URL, "sqlite:///.data/service.db", "The service's database.")
    database_pool_size: int = setting(
        "DATABASE_POOL_SIZE",
        values.integer(1, 100),
        "5",
        "Connections to the database that each process may hold for reading; changes have two more.",
    )
    database_timeout: float = setting(
        "DATABASE_TIMEOUT_SECONDS",
        values.seconds(0.05, 60),
        "2",
        "How long one statement may take, waiting for a connection included.",
    )
    redis_url: str = setting(
        "REDIS_URL", REDIS_URL, "", "Redis: the primary tier of the read cache, and where events go; empty for neither."
    )
    read_cache_seconds: float = setting(
        "READ_CACHE_SECONDS",
        values.seconds(0, 60),
        "1",
        "How long what is read often from the database is given again without asking it; 0 for not at all. It takes "
        "Redis, or one worker on an SQLite file, for every change to be seen at once.",
    )
    read_cache_entries: int = setting(
        "READ_CACHE_ENTRIES",
        values.integer(1, 10_000_000),
        "10000",
        "Most answers that the read cache holds in memory.",
    )
    read_cache_memory: int = setting(
        "READ_CACHE_MB", values.integer(1, 1_000_000), "16", "Most megabytes (2**20 bytes) that these take."
    )
    read_cache_namespace: str = setting(
        "READ_CACHE_NAMESPACE",
        values.NAMESPACE,
        "service",
        "Keeps the read cache's keys apart from others in the same Redis.",
    )
    events_stream: str = setting(
        "EVENTS_STREAM",
        values.REDIS_KEY,
        "bff:events",
        "The Redis stream in which events tell of changes, if Redis is there.",
    )
    events_url: str = setting(
        "EVENTS_URL", values.BASE_URL, "", "Where events are sent by POST, one at a time, instead of to Redis."
    )
    events_token: str = setting("EVENTS_TOKEN", values.TOKEN, "", "The bearer token that is shown there.", secret=True)
    listing: str = setting(
        "LISTING",
        values.one_of("true", "false"),
        "true",
        "Whether anybody may leaf through all there is, as demos do: GET /users and GET /products.",
    )

    @property
    def lists(self) -> bool:
        """Whether there are lists of everything."""
        return self.listing == "true"

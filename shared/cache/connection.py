"""The Redis client: short timeouts, one retry for a connection that went stale in the pool, a bounded pool."""

from typing import Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

CONNECTIONS: Final = 32
READ_SECONDS: Final = 0.15
WRITE_SECONDS: Final = 0.5


def connect(url: str) -> Redis:
    """A client for ``url`` (redis:// or rediss://); connections are made when first needed."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=READ_SECONDS,
        socket_connect_timeout=READ_SECONDS,
        socket_timeout=WRITE_SECONDS,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        client_name="profile-gateway",
    )
    return Redis.from_pool(pool)

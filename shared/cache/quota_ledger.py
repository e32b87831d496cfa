"""What all processes take out of quotas, in Redis: one number for each subject, limit and window.

Whoever takes adds to it and then sees what it had been before (``INCRBY``): no two can take the same, and whoever asks
for more than is left does no harm by that. A ledger of rate limits (``shared.edge.ledger``).
"""

from math import ceil
from typing import Final

from shared.cache.answers import NotPermitted
from shared.cache.keys import Keys
from shared.cache.redis_client import RedisClient, TierDown
from shared.deadline import Clock, since_boot
from shared.edge.ledger import LedgerAway
from shared.observing.logs import log

_GRACE_SECONDS: Final = 10.0
"""How much longer than its window a number is kept: clocks differ."""
_REFUSED_SECONDS: Final = 60.0
"""After a refusal it is tried again: permissions may be mended."""


class QuotaLedger:
    """Numbers in Redis; none of its faults is anybody's error."""

    def __init__(self, redis: RedisClient, keys: Keys, clock: Clock = since_boot) -> None:
        self._redis = redis
        self._keys = keys
        self._clock = clock
        self._refused_until = 0.0
        self._is_refused = False
        self.remembers = redis.remembers

    @property
    def is_up(self) -> bool:
        """Whether Redis is up, and has not refused to count just now."""
        return self._redis.up and self._clock() >= self._refused_until

    async def take(self, key: str, amount: int, seconds: float) -> int:
        """Write down that ``amount`` more is taken; how much that makes together. Kept for at least ``seconds``.

        Raises:
            LedgerAway: Redis does not tell.
        """
        try:
            taken = await self._redis.increase(
                self._keys.quota(key), amount, ceil(1000 * (max(0.0, seconds) + _GRACE_SECONDS))
            )
        except TierDown as error:
            raise LedgerAway from error
        except NotPermitted as error:
            self._refused_until = self._clock() + _REFUSED_SECONDS
            if not self._is_refused:
                log("warning", "quotas are not shared", "cache", error=str(error))
            self._is_refused = True
            raise LedgerAway from error
        self._is_refused = False
        if taken is None:
            raise LedgerAway
        return taken

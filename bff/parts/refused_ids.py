"""Ids that a service does not take, and that no cache keeps: for a while they count as not existing."""

from collections.abc import Iterable
from typing import Final

from shared.cache.cache import Cache
from shared.cache.throttle import Throttle
from shared.cache.token import Token

_MAX_IDS: Final = 10_000


class RefusedIds(Throttle[tuple[float, Token]]):
    """Those of one part, by the keys they would be kept by; bounded.

    Each until when it counts, and with the token by which it shows whether it has been purged since.
    """

    def __init__(self, cache: Cache, tag: str | None, ttl: float) -> None:
        """``tag`` is the name of the one that an item carries; what was refused counts for ``ttl`` seconds."""
        super().__init__(ttl, _MAX_IDS, cache.clock)
        self._cache = cache
        self._tag = tag
        self._ttl = ttl

    def add(self, keys: Iterable[str], asked_at: float) -> None:
        """The service was asked at ``asked_at`` for what would be kept under these keys, and did not take it."""
        refusal = asked_at + self._ttl, self._cache.issue_token()
        for key in keys:
            self.failed(key, refusal)

    def until(self, key: str, item_id: str) -> float | None:
        """Until when there counts as no such item; None where the service is to be asked for it."""
        refusal = self.reason(key)
        if refusal is None or self._cache.was_purged(f"{self._tag}:{item_id}", refusal[1]):
            return None
        return refusal[0] if self._cache.clock() < refusal[0] else None

"""The Redis tier with a span round each lookup."""

import time
from collections.abc import Sequence
from typing import Any, Final

from shared.cache.entry import Entry
from shared.cache.keys import Keys
from shared.cache.near import NearTier, Token
from shared.cache.redis import RedisTier
from shared.cache.replies import Command
from shared.cache.topology import Topology
from shared.deadline import Clock
from shared.telemetry.spans import Spans, Value, spanning

_REDIS: Final[dict[str, Value]] = {"db.system.name": "redis", "db.operation.name": "GET"}


class SpannedRedisTier(RedisTier):
    """Looks up as its base does, and tells how many entries it was asked for and found; keys hold identifiers."""

    def __init__(
        self, topology: Topology, near: NearTier, keys: Keys, clock: Clock = time.monotonic, *, spans: Spans
    ) -> None:
        super().__init__(topology, near, keys, clock)
        self._spans = spans

    async def look(self, key: str, token: Token, wish: Command) -> tuple[Entry | None, Any]:
        """The entry under a key, and what the wish is answered."""
        with spanning(self._spans, "redis lookup", "client", {**_REDIS, "cache.wanted": 1}) as span:
            entry, answer = await super().look(key, token, wish)
            span.tell("cache.found", int(entry is not None))
        return entry, answer

    async def read(self, tokens: Sequence[tuple[str, Token]]) -> list[Entry | None]:
        """The entry under each key."""
        attributes: dict[str, Any] = {**_REDIS, "cache.wanted": len(tokens)}
        with spanning(self._spans, "redis lookup", "client", attributes) as span:
            entries = await super().read(tokens)
            span.tell("cache.found", sum(entry is not None for entry in entries))
        return entries

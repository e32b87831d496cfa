"""The Redis tier with a span round each lookup."""

from collections.abc import Sequence
from typing import Any, Final

from shared.cache.entry import Entry
from shared.cache.keys import Keys
from shared.cache.lookup import Lookup
from shared.cache.near import NearTier
from shared.cache.redis import RedisTier
from shared.cache.replies import Command
from shared.cache.token import Token
from shared.cache.topology import Topology
from shared.deadline import Clock
from shared.observing.telemetry.spans import Spans, Value, spanning

_REDIS: Final[dict[str, Value]] = {"db.system.name": "redis", "db.operation.name": "GET"}


class SpannedRedisTier(RedisTier):
    """Looks up as its base does, and tells how many entries it was asked for and found; keys hold identifiers."""

    def __init__(
        self, topology: Topology, near: NearTier, keys: Keys, clock: Clock, *, alone: float, spans: Spans
    ) -> None:
        super().__init__(topology, near, keys, clock, alone=alone)
        self._spans = spans

    async def lookup(self, key: str, token: Token, lease_command: Command | None = None) -> Lookup:
        """The entry under a key, and the result of the command that asks for a lease."""
        with spanning(self._spans, "redis lookup", "client", {**_REDIS, "cache.wanted": 1}) as span:
            lookup = await super().lookup(key, token, lease_command)
            span.set_attribute("cache.found", int(lookup.entry is not None))
        return lookup

    async def read(self, keys: Sequence[str], token: Token) -> list[Entry | None]:
        """The entry under each key."""
        attributes: dict[str, Any] = {**_REDIS, "cache.wanted": len(keys)}
        with spanning(self._spans, "redis lookup", "client", attributes) as span:
            entries = await super().read(keys, token)
            span.set_attribute("cache.found", sum(entry is not None for entry in entries))
        return entries

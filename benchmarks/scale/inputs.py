"""What the model is given: the traffic, which is assumed, the gateway's settings, and what things cost, as measured."""

from dataclasses import Field, dataclass, field, fields
from typing import Any, Final

DAY_SECONDS: Final = 86_400


def _given(default: float, says: str, least: float = 0, most: float = 1_000_000_000) -> Any:
    return field(default=default, metadata={"says": says, "least": least, "most": most})


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Assumptions, each an option on the command line; durations in seconds, shares from 0 to 1."""

    users: int = _given(1_000_000, "users a day", least=1)
    sessions: float = _given(3.0, "sessions of a user and day", least=0.01, most=1_000)
    requests: float = _given(10.0, "requests of a session, on average", least=1, most=1_000)
    gap: float = _given(15.0, "seconds between two of them, on average", least=0.1, most=3_600)
    peak: float = _given(4.0, "the busiest hour, as a multiple of the day's mean", least=1, most=24)
    personal: float = _given(0.9, "share of requests for the profile of who asks", most=1)
    subjects: int = _given(10_000, "profiles that the other requests are for", least=1, most=1_000_000)
    exponent: float = _given(0.9, "of Zipf's law, by which these and the products are popular", most=3)
    products: int = _given(5_000, "products of the catalogue; 0: nobody shares one with others", most=1_000_000)
    basket: int = _given(8, "products in a profile", most=100)
    writes: float = _given(1.0, "writes of a user and day, each of which purges the profile", most=1_000)
    affinity: float = _given(0.0, "share of sessions that a balancer keeps on one process", most=1)
    ttl: float = _given(30.0, "`CACHE_TTL_SECONDS`", least=1, most=3_600)
    products_ttl: float = _given(
        0.0, "`ttl=` in the declaration of the products; 0: they have none of their own", most=3_600
    )
    stale: float = _given(600.0, "`CACHE_STALE_SECONDS`", most=604_800)
    entries: int = _given(10_000, "`CACHE_MEMORY_ENTRIES`", least=1)
    memory_mb: float = _given(128.0, "`CACHE_MEMORY_MB`", least=1)
    load: float = _given(0.6, "share of its processor that a process may use in the busiest hour", least=0.01, most=1)
    per_host: int = _given(4, "processes of a host, one a processor", least=1, most=1_000)
    live: float = _given(0.2, "share of sessions that keep a stream open (there are none yet)", most=1)

    @property
    def rate(self) -> float:
        """Requests a second in the busiest hour."""
        return self.users * self.sessions * self.requests * self.peak / DAY_SECONDS

    @property
    def session_rate(self) -> float:
        """Sessions that begin in a second of the busiest hour, of users who ask for themselves."""
        return self.rate * self.personal / self.requests

    @property
    def write_share(self) -> float:
        """Writes for each request for one's own profile."""
        return self.writes / (self.sessions * self.requests * self.personal) if self.personal else 0.0

    @property
    def product_life(self) -> float:
        """Seconds for which a product counts as current."""
        return self.products_ttl or self.ttl

    @property
    def capacity(self) -> int:
        """Entries that fit into the memory of a process."""
        return max(1, min(self.entries, int(self.memory_mb * 2**20 / COSTS.memory_entry)))


def assumptions() -> tuple[Field[Any], ...]:
    """All fields of :class:`Inputs`; ``metadata`` says what each means, and between what it may be."""
    return fields(Inputs)


def _cost(value: float, says: str, source: str) -> Any:
    return field(default=value, metadata={"says": says, "source": source})


_SPEED: Final = "[performance.md](performance.md#figures)"
_EDGE: Final = "[performance.md](performance.md#what-the-edge-costs)"
_CHECK: Final = "`--check`"


@dataclass(frozen=True)
class Costs:
    """Measured: processor time in µs, sizes in bytes."""

    hit: float = _cost(19.3, "µs of a process for a hit in memory", f"{_EDGE}, `hit-proxied`")
    look: float = _cost(140.0, "µs more when it is in Redis", _CHECK)
    reload: float = _cost(217.0, "µs of a process for a load that asks for user and orders", f"{_SPEED}, `cold-shared`")
    batch: float = _cost(237.0, "µs more when it asks for products", f"{_SPEED}, `cold` less `cold-shared`")
    announcement: float = _cost(2.7, "µs of each process for a key that has changed", _CHECK)
    command: float = _cost(4.0, "µs of Redis for a command", _CHECK)
    telling: float = _cost(0.13, "µs of Redis for telling one process of a key", _CHECK)
    announced: float = _cost(50.0, "bytes to each process for a key that has changed", _CHECK)
    aggregate: float = _cost(3_430.0, "bytes in Redis of an aggregate", _CHECK)
    user: float = _cost(333.0, "bytes in Redis of a user", _CHECK)
    orders: float = _cost(987.0, "bytes in Redis of a user's orders", _CHECK)
    product: float = _cost(360.0, "bytes in Redis of a product", _CHECK)
    memory_entry: float = _cost(
        2_400.0, "bytes in a process of an entry", "[cache.md](cache.md#what-each-setting-trades)"
    )


COSTS: Final = Costs()


def costs() -> tuple[Field[Any], ...]:
    """All fields of :class:`Costs`; ``metadata`` says what each is and where it was measured."""
    return fields(Costs)

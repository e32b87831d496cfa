"""The gateway's settings, each beside its variable and default."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, make_dataclass
from typing import ClassVar, Final, Literal

from bff.aggregates import AGGREGATES
from bff.catalogue import Catalogue, catalogue
from bff.commands import COMMANDS
from bff.parts.keyed import KeyedPart
from shared.cache.address import REDIS_URL
from shared.cache.entry import LONGEST_LOAD_SECONDS, LONGEST_SECONDS
from shared.edge.settings import EdgeSettings
from shared.observing.telemetry.settings import TracedSettings
from shared.settings import values
from shared.settings.declared import Variable, changing_secret, group, prefixed, setting
from shared.settings.secret import Secret
from shared.upstream.service import ServiceSettings
from shared.upstream.settings import UpstreamSettings

DECLARED: Final = catalogue(AGGREGATES, COMMANDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class PartSettings:
    """What may be set of a part that is made of things by id."""

    max_ids: int = setting("MAX", values.integer(1, 100_000), "1000", "{} that one answer has at most; the first ones.")


def _services(declared: Catalogue) -> Mapping[str, Mapping[str, Variable]]:
    return {name: service.variables() for name, service in declared.services.items()}


def _parts(declared: Catalogue) -> Mapping[str, Mapping[str, Variable]]:
    keyed = [name for name, part in declared.parts.items() if isinstance(part, KeyedPart)]
    return {name: prefixed(PartSettings, name.upper(), name.replace("_", " ").capitalize(), {}) for name in keyed}


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(UpstreamSettings, EdgeSettings, TracedSettings):
    """Everything that may be turned without a change of code; durations in seconds."""

    declared: ClassVar[Catalogue] = DECLARED
    services: Mapping[str, ServiceSettings] = group(ServiceSettings, _services(DECLARED))
    parts: Mapping[str, PartSettings] = group(PartSettings, _parts(DECLARED))
    redis_url: str = setting(
        "REDIS_URL", REDIS_URL, "", "Redis, the primary cache tier; empty for the memory tier alone."
    )
    events_stream: str = setting(
        "EVENTS_STREAM", values.REDIS_KEY, "bff:events", "Stream in Redis in which services tell what has changed."
    )
    events_token: Secret = changing_secret(
        "EVENTS_TOKEN", values.TOKEN, "Bearer token with which services post to /api/events what has changed."
    )
    events_hmac_key: Secret = changing_secret(
        "EVENTS_HMAC_KEY", values.TOKEN, "Key with which they sign it (X-Hub-Signature-256), in place of a token."
    )
    cache_ttl: int = setting(
        "CACHE_TTL_SECONDS", values.integer(1, 86_400), "30", "How long an aggregate is served from the cache."
    )
    cache_stale: int = setting(
        "CACHE_STALE_SECONDS",
        values.integer(0, LONGEST_SECONDS),
        "600",
        "How long a last known good part may stand in for one that cannot be had.",
    )
    cache_alone: float | Literal[""] = setting(
        "CACHE_ALONE_SECONDS",
        values.seconds(0, LONGEST_SECONDS),
        "",
        "How long a process that has lost Redis serves what it had; as long as CACHE_TTL_SECONDS by default.",
    )
    cache_negative_ttl: int = setting(
        "CACHE_NEGATIVE_TTL_SECONDS",
        values.integer(0, 3_600),
        "5",
        "How long the answer that something does not exist is served from the cache; 0 for not at all.",
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
    warm_from_redis: str = setting(
        "WARM_FROM_REDIS",
        values.one_of("true", "false"),
        "false",
        "Whether a process that starts takes the hottest entries out of Redis before it serves.",
    )
    cache_memory_entries: int = setting(
        "CACHE_MEMORY_ENTRIES", values.integer(1, 10_000_000), "10000", "Most entries that the memory tier holds."
    )
    cache_memory: int = setting(
        "CACHE_MEMORY_MB", values.integer(1, 1_000_000), "128", "Most megabytes (2**20 bytes) that these take."
    )
    request_budget: float = setting(
        "REQUEST_BUDGET_SECONDS",
        values.seconds(0.05, LONGEST_LOAD_SECONDS),
        "2.0",
        "Time for a whole request, all calls included.",
    )
    max_in_flight: int = setting(
        "MAX_REQUESTS_IN_FLIGHT",
        values.integer(1, 1_000_000),
        "1000",
        "Requests that are not in memory and are being answered at once, in each process; more are shed.",
    )
    streams_max: int = setting(
        "STREAMS_MAX", values.integer(0, 1_000_000), "1000", "Live streams at once, in each process; more are refused."
    )
    streams_per_subject: int = setting(
        "STREAMS_PER_SUBJECT",
        values.integer(1, 1_000_000),
        "4",
        "Live streams at once of one principal, or of one address where nobody is known, in each process.",
    )
    stream_seconds: float = setting(
        "STREAM_SECONDS",
        values.seconds(1, 86_400),
        "600",
        "How long a live stream stays open, a fifth more or less; its client comes back by itself.",
    )
    log_hits: int = setting(
        "LOG_HITS_PERCENT",
        values.integer(0, 100),
        "100",
        "How many of the answers out of memory leave a line in the log; all are counted.",
    )
    early_answers: str = setting(
        "EARLY_ANSWERS",
        values.one_of("true", "false"),
        "true",
        "Whether plain requests are answered before Sanic makes an object of them.",
    )
    admin_token: Secret = changing_secret(
        "ADMIN_TOKEN", values.TOKEN, "Bearer token of the admin routes; empty turns them off."
    )

    def conflicts(self) -> Iterator[str]:
        """Pairs of values that cannot be used together."""
        yield from super().conflicts()
        timeouts = {"": self.attempt_timeout} | {
            f"{name.upper()}_": own.attempt_timeout for name, own in self.services.items()
        }
        for prefix, seconds in timeouts.items():
            if seconds != "" and seconds > self.request_budget:
                yield (
                    f"{prefix}ATTEMPT_TIMEOUT_SECONDS={seconds:g}: expected no more than "
                    f"REQUEST_BUDGET_SECONDS={self.request_budget:g}"
                )
        own = f"{self.cache_namespace}:"
        if self.events_stream.startswith(own) and self.events_stream != f"{own}events":
            yield (
                f"EVENTS_STREAM={self.events_stream}: expected {own}events, or what does not begin with "
                f"CACHE_NAMESPACE={self.cache_namespace} and a colon"
            )

    def overview(self) -> Iterator[str]:
        """The services with their addresses, the aggregates with their parts, and the commands."""
        urls = {name: own.url for name, own in self.services.items()}
        yield from self.declared.overview(urls, asks=self.auth != "off")

    @property
    def alone(self) -> float:
        """Seconds for which memory serves what it had when Redis was lost."""
        return self.cache_ttl if self.cache_alone == "" else self.cache_alone


def settings_for(declared: Catalogue) -> type[GatewaySettings]:
    """The settings of a gateway that is declared like this."""
    fields = [
        ("services", Mapping[str, ServiceSettings], group(ServiceSettings, _services(declared))),
        ("parts", Mapping[str, PartSettings], group(PartSettings, _parts(declared))),
    ]
    return make_dataclass(
        "GatewaySettings", fields, bases=(GatewaySettings,), namespace={"declared": declared}, frozen=True, kw_only=True
    )

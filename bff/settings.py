"""The gateway's settings, each beside its variable and default."""

import ssl
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
from shared.settings import pem, values
from shared.settings.declared import Variable, changing_secret, group, prefixed, setting
from shared.settings.secret import Secret
from shared.upstream import tls
from shared.upstream.breaker import BreakerRules
from shared.upstream.logical import Policies
from shared.upstream.retry import RetryRules
from shared.upstream.service import ServiceSettings

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
class GatewaySettings(EdgeSettings, TracedSettings):
    """Everything that may be turned without a change of code; durations in seconds."""

    declared: ClassVar[Catalogue] = DECLARED
    services: Mapping[str, ServiceSettings] = group(ServiceSettings, _services(DECLARED))
    parts: Mapping[str, PartSettings] = group(PartSettings, _parts(DECLARED))
    upstream_health_path: str = setting(
        "UPSTREAM_HEALTH_PATH", values.PATH, "/health", "Path that tells with 200 that a service is healthy."
    )
    upstream_ca_file: str = setting(
        "UPSTREAM_CA_FILE",
        pem.CERTIFICATES,
        "",
        "Certificates (PEM) of authorities that services are trusted by, beside those that the system trusts.",
    )
    upstream_client_cert_file: str = setting(
        "UPSTREAM_CLIENT_CERT_FILE", pem.CERTIFICATES, "", "Certificate (PEM) that services are shown."
    )
    upstream_client_key_file: str = setting(
        "UPSTREAM_CLIENT_KEY_FILE", pem.KEY, "", "Its key (PEM, without a password), if that is in another file."
    )
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
        "CACHE_TTL_SECONDS",
        values.integer(1, 86_400),
        "30",
        "How long an aggregate is served from the cache.",
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
    attempt_timeout: float = setting(
        "ATTEMPT_TIMEOUT_SECONDS", values.seconds(0.01, 60), "0.8", "Time for one attempt at one service."
    )
    retries: int = setting("RETRIES", values.integer(0, 5), "1", "Further attempts at a service that may do better.")
    retry_budget: int = setting(
        "RETRY_BUDGET_PERCENT",
        values.integer(0, 100),
        "20",
        "How many of the calls to a service in flight may be retries; three always may.",
    )
    breaker_failures: int = setting(
        "BREAKER_FAILURE_PERCENT", values.integer(1, 100), "50", "Share of failing calls that opens a breaker."
    )
    breaker_calls: int = setting(
        "BREAKER_MIN_CALLS", values.integer(1, 100_000), "20", "With fewer calls in the window a breaker stays closed."
    )
    breaker_window: float = setting(
        "BREAKER_WINDOW_SECONDS", values.seconds(1, 600), "10", "The window in which a breaker counts."
    )
    breaker_open: float = setting(
        "BREAKER_OPEN_SECONDS",
        values.seconds(0.1, 600),
        "5",
        "How long a breaker stays open; doubled while the service stays sick.",
    )
    breaker_longest: float = setting(
        "BREAKER_OPEN_MAX_SECONDS", values.seconds(0.1, 3600), "60", "How long a breaker stays open at most."
    )
    upstream_concurrency: int = setting(
        "UPSTREAM_CONCURRENCY", values.integer(1, 100_000), "200", "Calls to one service at once, in each process."
    )
    upstream_limit: str = setting(
        "UPSTREAM_LIMIT",
        values.one_of("static", "aimd"),
        "static",
        "Whether that number is fixed, or shrinks and grows with how the service copes (aimd).",
    )
    upstream_connection: float = setting(
        "UPSTREAM_CONNECTION_SECONDS",
        values.seconds(1, 86_400),
        "300",
        "How long a connection to a service is used at most, so that load balancers in between get new ones.",
    )
    upstream_hedge: str = setting(
        "UPSTREAM_HEDGE",
        values.one_of("p95", "off"),
        "p95",
        "Whether a read that takes longer than 95 % of them is sent to another instance too, where there are several.",
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
        yield from pem.pair_conflicts("UPSTREAM_CLIENT_", self.upstream_client_cert_file, self.upstream_client_key_file)
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
        if self.breaker_open > self.breaker_longest:
            yield (
                f"BREAKER_OPEN_SECONDS={self.breaker_open:g}: expected no more than "
                f"BREAKER_OPEN_MAX_SECONDS={self.breaker_longest:g}"
            )

    def overview(self) -> Iterator[str]:
        """The services with their addresses, the aggregates with their parts, and the commands."""
        urls = {name: own.url for name, own in self.services.items()}
        yield from self.declared.overview(urls, asks=self.auth != "off")

    @property
    def alone(self) -> float:
        """Seconds for which memory serves what it had when Redis was lost."""
        return self.cache_ttl if self.cache_alone == "" else self.cache_alone

    def service_tls(self, name: str) -> ssl.SSLContext | None:
        """What handshakes with this service are made with; None for the usual."""
        ca_file = self.services[name].ca_file or self.upstream_ca_file
        return tls.client_context(ca_file, self.upstream_client_cert_file, self.upstream_client_key_file)

    def health_path(self, name: str) -> str:
        """What tells that this service is healthy."""
        return self.services[name].health_path or self.upstream_health_path

    def policies(self, name: str) -> Policies:
        """How carefully this service is called."""
        own = self.services[name]
        return Policies(
            timeout=self.attempt_timeout if own.attempt_timeout == "" else own.attempt_timeout,
            concurrency=self.upstream_concurrency if own.concurrency == "" else own.concurrency,
            adaptive=self.upstream_limit == "aimd",
            retry=RetryRules(retries=self.retries, budget_share=self.retry_budget / 100),
            breaker=BreakerRules(
                failure_share=self.breaker_failures / 100,
                min_calls=self.breaker_calls,
                window=self.breaker_window,
                first_open=self.breaker_open,
                max_open=self.breaker_longest,
            ),
        )


def settings_for(declared: Catalogue) -> type[GatewaySettings]:
    """The settings of a gateway that is declared like this."""
    fields = [
        ("services", Mapping[str, ServiceSettings], group(ServiceSettings, _services(declared))),
        ("parts", Mapping[str, PartSettings], group(PartSettings, _parts(declared))),
    ]
    return make_dataclass(
        "GatewaySettings", fields, bases=(GatewaySettings,), namespace={"declared": declared}, frozen=True, kw_only=True
    )

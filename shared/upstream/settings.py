"""The settings of calls to services: those that hold for all, each beside its variable and default."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.settings import pem, values
from shared.settings.declared import Settings, group, setting
from shared.upstream import tls
from shared.upstream.breaker import BreakerRules
from shared.upstream.logical import Policies
from shared.upstream.retry import RetryRules
from shared.upstream.service import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class UpstreamSettings(Settings):
    """How services are called; ``services`` has what is set of each, by name. Durations in seconds."""

    services: Mapping[str, ServiceSettings] = group(ServiceSettings, {})
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

    def conflicts(self) -> Iterator[str]:
        """Values that cannot be used together."""
        yield from super().conflicts()
        yield from pem.pair_conflicts("UPSTREAM_CLIENT_", self.upstream_client_cert_file, self.upstream_client_key_file)
        if self.breaker_open > self.breaker_longest:
            yield (
                f"BREAKER_OPEN_SECONDS={self.breaker_open:g}: expected no more than "
                f"BREAKER_OPEN_MAX_SECONDS={self.breaker_longest:g}"
            )

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

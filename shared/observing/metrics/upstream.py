"""Metrics of calls to services: as callers see them, and attempt by attempt."""

from typing import Final, NamedTuple

from shared.observing.metrics.prometheus import BatchHistogram, PassingGauge, QuickCounter, highest_gauge, total_gauge

CALL_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 1.0, 2.0, 5.0)


class Observed(NamedTuple):
    """What is recorded of things that end one way or another, by service."""

    outcomes: QuickCounter
    duration: BatchHistogram


service_errors: Final = QuickCounter(
    "service_errors_total", "Calls that gave nothing usable: services and Redis.", ["service_name"]
)
upstream_calls: Final = QuickCounter(
    "upstream_calls_total",
    "Calls to a service as their callers see them, all attempts together.",
    ["service_name", "outcome"],
)
upstream_call_duration: Final = BatchHistogram(
    "upstream_call_duration_seconds",
    "One call to a service, all attempts and waiting included.",
    ["service_name"],
    buckets=CALL_BUCKETS,
)
upstream_attempts: Final = QuickCounter(
    "upstream_attempts_total", "Attempts at a service.", ["service_name", "outcome"]
)
upstream_attempt_duration: Final = BatchHistogram(
    "upstream_attempt_duration_seconds", "One attempt at a service.", ["service_name"], buckets=CALL_BUCKETS
)
calls: Final = Observed(upstream_calls, upstream_call_duration)
attempts: Final = Observed(upstream_attempts, upstream_attempt_duration)
upstream_retries: Final = QuickCounter(
    "upstream_retries_total", "Retries, done or denied by the budget.", ["service_name", "outcome"]
)
breaker_state: Final = highest_gauge("upstream_breaker_state", "0 closed, 1 half-open, 2 open.", ["service_name"])
breaker_changes: Final = QuickCounter(
    "upstream_breaker_changes_total", "Changes of the breaker's state.", ["service_name", "state"]
)
upstream_lookups: Final = QuickCounter(
    "upstream_lookups_total", "Look-ups of what a service's address names.", ["service_name", "outcome"]
)
upstream_essential: Final = highest_gauge(
    "upstream_essential", "1 for a service that is declared essential, 0 for one that is not.", ["service_name"]
)
upstream_in_flight: Final = total_gauge("upstream_in_flight", "Calls to a service in flight.", ["service_name"])
upstream_limit: Final = total_gauge(
    "upstream_concurrency_limit", "Calls to a service that may be in flight.", ["service_name"]
)
upstream_instances: Final = highest_gauge(
    "upstream_instances",
    "Instances of a service, as the worker that knows most of them in this state sees it.",
    ["service_name", "state"],
)
upstream_instance_latency: Final = PassingGauge(
    "upstream_instance_latency_seconds",
    "How long an instance takes lately, peaks and failures first, when it was last asked; the slowest worker's view.",
    ["service_name", "address"],
    multiprocess_mode="livemax",
)
upstream_ejections: Final = QuickCounter(
    "upstream_ejections_total", "Instances kept out for a while because they kept failing.", ["service_name"]
)
upstream_hedges: Final = QuickCounter(
    "upstream_hedges_total",
    "Second attempts beside one that was late: sent, won, or denied by the budget or for too much to do.",
    ["service_name", "outcome"],
)

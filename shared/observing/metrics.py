"""Every metric and its labels, and the one module that imports prometheus_client.

With one process the default registry is exported as it is. With several, ``PROMETHEUS_MULTIPROC_DIR`` must be in
the environment before this module is imported; then whichever worker answers adds up the files of all of them
(`shared.observing.metric_values`, `shared.observing.metric_files`).
"""

import logging
import os
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    values,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from shared.observing import metric_files
from shared.observing.metric_values import LocalValue, SharedValues

disable_created_metrics()  # a time of creation for each series doubles many of them, and nobody reads it

MULTIPROC_DIR: Final = "PROMETHEUS_MULTIPROC_DIR"

_logger = logging.getLogger("metrics")
_shared: Final = SharedValues(Path(os.environ[MULTIPROC_DIR])) if MULTIPROC_DIR in os.environ else None
# The library's own place for it, looked up when a metric is made.
values.ValueClass = LocalValue if _shared is None else _shared.value

_REQUEST_BUCKETS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_CALL_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 1.0, 2.0, 5.0)

_GONE: Final = -1.0
"""What stands in the files of a worker for a gauge that is none any more, until they are made anew."""
_DECIMALS: Final = 6
"""Floats added up in another order, once another worker has ended, differ in their last digits; Prometheus would take
a total that is less by so little for a restart."""


class QuickCounter(Counter):
    """A counter without the library's checks, which take longer than counting: no amount here is negative."""

    def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:  # noqa: ARG002 - there are none
        """Count ``amount`` more."""
        self._value.inc(amount)


class _QuickGauge(Gauge):
    """A gauge without the library's checks."""

    def inc(self, amount: float = 1) -> None:
        self._value.inc(amount)

    def dec(self, amount: float = 1) -> None:
        self._value.inc(-amount)


class PassingGauge(Gauge):
    """A gauge that is there for a while with some labels, and then no more; never negative."""

    def forget(self, *labels: str) -> None:
        """Take what has these labels out of the picture, until it is set again."""
        self.labels(*labels).drop()
        with self._lock:
            self._metrics.pop(labels, None)  # the library's own way warns that it does not do this for all workers

    def drop(self) -> None:
        """Be no more in what all workers show."""
        if _shared is not None:
            self._value.set(_GONE)
            self._value.drop()


class BatchHistogram(Histogram):
    """A histogram without the library's checks, that takes many values at once as well."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Put ``amount`` into its bucket; an ``exemplar`` leads from there to a trace."""
        self._sum.inc(amount)
        bucket = self._buckets[bisect_left(self._upper_bounds, amount)]
        bucket.inc(1)
        if exemplar is not None:
            bucket.set_exemplar(Exemplar(exemplar, amount, time.time()))

    def observe_all(self, amounts: Sequence[float]) -> None:
        """What ``observe`` does for each of ``amounts``, in one go."""
        self._sum.inc(sum(amounts))
        counts: dict[int, int] = {}
        for amount in amounts:
            place = bisect_left(self._upper_bounds, amount)
            counts[place] = counts.get(place, 0) + 1
        for place, count in counts.items():
            self._buckets[place].inc(count)


requests: Final = QuickCounter("http_requests_total", "Requests answered.", ["method", "endpoint", "status"])
request_duration: Final = BatchHistogram(
    "http_request_duration_seconds",
    "From the parsed request to the last byte of the answer handed over.",
    ["method", "endpoint"],
    buckets=_REQUEST_BUCKETS,
)
active_requests: Final = _QuickGauge("http_active_requests", "Requests being answered.", multiprocess_mode="livesum")
connections: Final = Gauge("http_connections", "Connections of clients.", multiprocess_mode="livesum")
connections_ended: Final = QuickCounter(
    "http_connections_ended_total", "Idle connections that were ended to make room for new ones."
)
connections_refused: Final = QuickCounter(
    "http_connections_refused_total", "Connections that were refused because all were taken and busy."
)
streams_open: Final = Gauge(
    "http_streams_open", "Answers that are being sent event by event.", multiprocess_mode="livesum"
)
streams_ended: Final = QuickCounter("http_streams_ended_total", "Streams that have ended, by why.", ["reason"])
STREAM_ENDS: Final = ("done", "problem", "left", "stuck", "expired", "revoked", "limit", "drain")
"""Why streams end."""
stream_events: Final = QuickCounter("http_stream_events_total", "Events that clients were sent.", ["event"])
stream_first_part: Final = BatchHistogram(
    "http_stream_first_part_seconds", "From the request to the first part of its stream.", buckets=_REQUEST_BUCKETS
)
cache_hits: Final = QuickCounter("cache_hits_total", "Lookups that found a fresh entry.", ["cache_type"])
cache_misses: Final = QuickCounter("cache_misses_total", "Lookups that did not.", ["cache_type"])
cache_tier_up: Final = Gauge(
    "cache_tier_up",
    "1 while the tier takes reads and writes, 0 while it is bypassed.",
    ["cache_type"],
    multiprocess_mode="livemin",
)
cache_memory_entries: Final = Gauge("cache_memory_entries", "Entries in the memory tier.", multiprocess_mode="livesum")
cache_memory_bytes: Final = Gauge(
    "cache_memory_bytes", "Bytes that the entries in the memory tier take.", multiprocess_mode="livesum"
)
cache_coherent: Final = Gauge(
    "cache_coherent",
    "1 while Redis tells of every change, so that the memory tier may answer first.",
    multiprocess_mode="livemin",
)
cache_invalidations: Final = QuickCounter("cache_invalidations_total", "Changes of keys that Redis has announced.")
cache_redis_lag: Final = Gauge(
    "cache_redis_lag_seconds",
    "Round trip of the last heartbeat on the connection that tells of changes.",
    multiprocess_mode="livemax",
)
cache_coalesced: Final = QuickCounter(
    "cache_coalesced_total", "Lookups that waited for a load that somebody else had begun.", ["scope"]
)
cache_early_refreshes: Final = QuickCounter("cache_early_refreshes_total", "Loads begun before an entry had expired.")
cache_unreadable: Final = QuickCounter("cache_unreadable_total", "Things in Redis that are no entry of this version.")
auth_revocations_known: Final = Gauge(
    "auth_revocations_known",
    "Revocations that the worker which knows most of them knows of.",
    ["kind"],
    multiprocess_mode="livemax",
)
auth_revocations: Final = QuickCounter(
    "auth_revocations_total",
    "Revocations of tokens that a worker has come to know of, or had no room for.",
    ["kind", "outcome"],
)
events: Final = QuickCounter(
    "events_total",
    "Events by which services tell what has changed, as each worker has come by them.",
    ["type", "outcome"],
)
EVENT_OUTCOMES: Final = ("taken", "repeated", "ignored", "malformed", "failed")
"""What becomes of an event."""
event_delay: Final = BatchHistogram(
    "event_delay_seconds",
    "From the time that an event has to when a worker had outdated what it tells of.",
    ["type"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
events_readable: Final = Gauge(
    "events_readable",
    "1 while every worker reads the stream of events, as far as Redis is there, 0 while one does not.",
    multiprocess_mode="livemin",
)
aggregation_duration: Final = BatchHistogram(
    "aggregation_duration_seconds", "Putting one aggregate together, cache apart.", buckets=_CALL_BUCKETS
)
aggregate_parts: Final = QuickCounter(
    "aggregate_parts_total", "Parts delivered in aggregates.", ["endpoint", "part", "status"]
)
part_sources: Final = QuickCounter(
    "part_sources_total",
    "Where parts came from: cache, service, or a call that another request had begun.",
    ["part", "source"],
)
commands: Final = QuickCounter(
    "commands_total", "Commands that were passed on to a service, by what came of them.", ["command", "outcome"]
)
commands_untold: Final = QuickCounter(
    "commands_untold_total", "Commands whose changes could not be told to every process at once.", ["command"]
)
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
    buckets=_CALL_BUCKETS,
)
upstream_attempts: Final = QuickCounter(
    "upstream_attempts_total", "Attempts at a service.", ["service_name", "outcome"]
)
upstream_attempt_duration: Final = BatchHistogram(
    "upstream_attempt_duration_seconds", "One attempt at a service.", ["service_name"], buckets=_CALL_BUCKETS
)
upstream_retries: Final = QuickCounter(
    "upstream_retries_total", "Retries, done or denied by the budget.", ["service_name", "outcome"]
)
breaker_state: Final = Gauge(
    "upstream_breaker_state",
    "0 closed, 1 half-open, 2 open.",
    ["service_name"],
    multiprocess_mode="livemax",
)
breaker_changes: Final = QuickCounter(
    "upstream_breaker_changes_total", "Changes of the breaker's state.", ["service_name", "state"]
)
upstream_lookups: Final = QuickCounter(
    "upstream_lookups_total", "Look-ups of what a service's address names.", ["service_name", "outcome"]
)
upstream_essential: Final = Gauge(
    "upstream_essential",
    "1 for a service that is declared essential, 0 for one that is not.",
    ["service_name"],
    multiprocess_mode="livemax",
)
upstream_in_flight: Final = _QuickGauge(
    "upstream_in_flight", "Calls to a service in flight.", ["service_name"], multiprocess_mode="livesum"
)
upstream_limit: Final = Gauge(
    "upstream_concurrency_limit",
    "Calls to a service that may be in flight.",
    ["service_name"],
    multiprocess_mode="livesum",
)
upstream_instances: Final = Gauge(
    "upstream_instances",
    "Instances of a service, as the worker that knows most of them in this state sees it.",
    ["service_name", "state"],
    multiprocess_mode="livemax",
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
requests_shed: Final = QuickCounter("requests_shed_total", "Requests refused because too many were in flight.")
rate_limited: Final = QuickCounter("rate_limited_total", "Requests refused because a quota was used up.", ["policy"])
rate_limit_leases: Final = QuickCounter(
    "rate_limit_leases_total", "Leases of quotas that were asked for in Redis.", ["policy", "outcome"]
)
LEASE_OUTCOMES: Final = ("granted", "exhausted", "unavailable")
"""What becomes of the question for a lease."""
rate_limit_subjects: Final = Gauge(
    "rate_limit_subjects", "Subjects that have spent something of a quota.", ["policy"], multiprocess_mode="livesum"
)
auth_refused: Final = QuickCounter(
    "auth_refused_total", "Requests refused because of their access token, or the lack of one.", ["reason"]
)
auth_keys: Final = Gauge(
    "auth_keys",
    "Keys that tokens can be verified with, by where they come from.",
    ["source"],
    multiprocess_mode="livemin",
)
auth_keys_fetched: Final = Gauge(
    "auth_keys_fetched_timestamp_seconds",
    "When these keys were last read from there, in seconds since the epoch.",
    ["source"],
    multiprocess_mode="livemin",
)
auth_key_fetches: Final = QuickCounter(
    "auth_key_fetches_total", "Attempts to read these keys from there.", ["source", "outcome"]
)
tls_certificate_expires: Final = Gauge(
    "tls_certificate_expires_timestamp_seconds",
    "When the certificate that clients are shown ends, in seconds since the epoch.",
    ["certificate"],
    multiprocess_mode="livemin",
)
outbox_events: Final = Gauge(
    "outbox_events", "Events of changes that nobody has been told of yet.", multiprocess_mode="livemax"
)
outbox_age: Final = Gauge(
    "outbox_oldest_seconds", "How long the oldest of them has waited.", multiprocess_mode="livemax"
)
outbox_published: Final = QuickCounter(
    "outbox_published_total",
    "Events of changes: taken by whoever is told, not taken (and tried again), or dropped as nobody is to be told.",
    ["outcome"],
)
OUTBOX_OUTCOMES: Final = ("published", "failed", "dropped")
"""What becomes of an event each time that it is told."""
event_loop_lag: Final = BatchHistogram(
    "event_loop_lag_seconds",
    "How much later than asked for the event loop came back.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
worker_cpu: Final = QuickCounter("worker_cpu_seconds_total", "CPU time used, all workers together.")
worker_memory: Final = Gauge(
    "worker_resident_memory_bytes", "Resident memory, all workers together.", multiprocess_mode="livesum"
)
worker_descriptors: Final = Gauge(
    "worker_open_descriptors", "Open file descriptors, all workers together.", multiprocess_mode="livesum"
)
log_lines_dropped: Final = QuickCounter("log_lines_dropped_total", "Log lines lost because nobody read them in time.")
build_info: Final = Gauge(
    "build_info", "Always 1; the labels tell what runs.", ["service", "version"], multiprocess_mode="livemax"
)


class Observed(NamedTuple):
    """What is recorded of things that end one way or another, by service."""

    outcomes: Counter
    duration: Histogram


calls: Final = Observed(upstream_calls, upstream_call_duration)
attempts: Final = Observed(upstream_attempts, upstream_attempt_duration)


_ALL = (
    requests, request_duration, active_requests, connections, connections_ended, connections_refused, cache_hits,
    cache_misses, cache_tier_up, cache_memory_entries, cache_memory_bytes, cache_coherent, cache_invalidations,
    cache_redis_lag, cache_coalesced, cache_early_refreshes, cache_unreadable, events, event_delay, events_readable,
    aggregation_duration, aggregate_parts,
    part_sources, commands, commands_untold, service_errors, upstream_calls, upstream_call_duration, upstream_attempts,
    streams_open, streams_ended, stream_events, stream_first_part,
    upstream_attempt_duration, upstream_retries, breaker_state, breaker_changes, upstream_lookups, upstream_essential,
    upstream_in_flight, upstream_limit, upstream_instances, upstream_instance_latency, upstream_ejections,
    upstream_hedges, requests_shed, rate_limited, rate_limit_leases, rate_limit_subjects, auth_refused, auth_keys,
    auth_keys_fetched, auth_key_fetches, auth_revocations_known, auth_revocations, tls_certificate_expires,
    outbox_events, outbox_age, outbox_published, event_loop_lag, worker_cpu, worker_memory, worker_descriptors,
    log_lines_dropped, build_info,
)  # fmt: skip


def names() -> frozenset[str]:
    """The sample names that are exported, ``_total``, ``_bucket``, ``_sum`` and ``_count`` included."""
    exported: set[str] = set()
    for metric in _ALL:
        for family in metric.describe():
            ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
            exported.update(family.name + end for end in ends)
    return frozenset(exported)


@dataclass(frozen=True, slots=True)
class Format:
    """One of the forms in which Prometheus takes metrics."""

    content_type: str
    encode: Callable[[CollectorRegistry], bytes] = field(compare=False)


def format_for(accept: str) -> Format:
    """The format that ``accept`` asks for."""
    try:
        encode, content_type = choose_encoder(accept)
    except ValueError:  # a version or an escaping that does not exist
        encode, content_type = choose_encoder("")
    return Format(content_type, encode)


def exposition(wanted: Format) -> bytes:
    """The whole picture of all workers."""
    return wanted.encode(_registry())


@contextmanager
def uncounted() -> Iterator[None]:
    """Do not count the current request as active meanwhile: a scrape of an idle system reads zero."""
    active_requests.dec()
    try:
        yield
    finally:
        active_requests.inc()


def totals(label_of: Mapping[str, str]) -> Mapping[tuple[str, str], float]:
    """Values of all workers together, by sample name and the value of one of its labels.

    ``label_of`` names the samples that are wanted, each with that label ('' for all of a sample in one sum).
    """
    found: dict[tuple[str, str], float] = defaultdict(float)
    for family in _registry().collect():
        for sample in family.samples:
            label = label_of.get(sample.name)
            if label is not None:
                found[sample.name, sample.labels.get(label, "")] += sample.value
    return found


def worker_ended(pid: int) -> bool:
    """Take the gauges of a worker that has ended out of the picture; its totals stay.

    Tells whether that is done; if not, it can be tried again.
    """
    directory = os.environ.get(MULTIPROC_DIR)
    return directory is None or metric_files.worker_ended(Path(directory), pid)


def repair_files() -> None:
    """Make this process's metric files again where they are missing or damaged."""
    if _shared is not None:
        _shared.repair_files()


def _registry() -> CollectorRegistry:
    directory = os.environ.get(MULTIPROC_DIR)
    if directory is None:
        return REGISTRY
    registry = CollectorRegistry()
    registry.register(_AllWorkers(Path(directory)))
    return registry


class _AllWorkers(Collector):
    """What all workers have counted, those that have ended included, and what those that live measure."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        with metric_files.read(self._directory) as paths:
            merged = _merged(paths)
        for metric in merged:
            if metric.type != "gauge":
                metric.samples = [sample._replace(value=round(sample.value, _DECIMALS)) for sample in metric.samples]
            elif metric.name == "upstream_instance_latency_seconds":
                metric.samples = [sample for sample in metric.samples if sample.value != _GONE]
        return merged


def _merged(paths: list[str]) -> list[Metric]:
    """Those in all of the files that the library can read."""
    try:
        return list(MultiProcessCollector.merge(paths))
    except Exception as error:
        _logger.warning("metrics cannot be added up", exc_info=error)
    try:
        return list(MultiProcessCollector.merge([path for path in paths if metric_files.is_readable(path)]))
    except Exception as error:
        _logger.warning("metrics cannot be added up", exc_info=error)
        return []

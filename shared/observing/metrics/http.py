"""Metrics of requests, connections and streams, as this server sees them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.observing.metrics.prometheus import BatchHistogram, QuickCounter, total_gauge

_BUCKETS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip

requests: Final = QuickCounter("http_requests_total", "Requests answered.", ["method", "endpoint", "status"])
request_duration: Final = BatchHistogram(
    "http_request_duration_seconds",
    "From the parsed request to the last byte of the answer handed over.",
    ["method", "endpoint"],
    buckets=_BUCKETS,
)
active_requests: Final = total_gauge("http_active_requests", "Requests being answered.")
requests_shed: Final = QuickCounter("requests_shed_total", "Requests refused because too many were in flight.")
connections: Final = total_gauge("http_connections", "Connections of clients.")
connections_ended: Final = QuickCounter(
    "http_connections_ended_total", "Idle connections that were ended to make room for new ones."
)
connections_refused: Final = QuickCounter(
    "http_connections_refused_total", "Connections that were refused because all were taken and busy."
)
streams_open: Final = total_gauge("http_streams_open", "Answers that are being sent event by event.")
streams_ended: Final = QuickCounter("http_streams_ended_total", "Streams that have ended, by why.", ["reason"])
STREAM_ENDS: Final = ("done", "problem", "left", "stuck", "expired", "revoked", "limit", "drain")
"""Why streams end."""
stream_events: Final = QuickCounter("http_stream_events_total", "Events that clients were sent.", ["event"])
stream_first_part: Final = BatchHistogram(
    "http_stream_first_part_seconds", "From the request to the first part of its stream.", buckets=_BUCKETS
)


@contextmanager
def uncounted() -> Iterator[None]:
    """Do not count the current request as active meanwhile: a scrape of an idle system reads zero."""
    active_requests.dec()
    try:
        yield
    finally:
        active_requests.inc()

"""Metrics of events: those that are read, and those of a service's own changes that it tells of."""

from typing import Final

from shared.observing.metrics.prometheus import BatchHistogram, QuickCounter, highest_gauge, lowest_gauge

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
events_readable: Final = lowest_gauge(
    "events_readable",
    "1 while every worker reads the stream of events, as far as Redis is there, 0 while one does not.",
)
outbox_events: Final = highest_gauge("outbox_events", "Events of changes that nobody has been told of yet.")
outbox_age: Final = highest_gauge("outbox_oldest_seconds", "How long the oldest of them has waited.")
outbox_published: Final = QuickCounter(
    "outbox_published_total",
    "Events of changes: taken by whoever is told, not taken (and tried again), or dropped as nobody is to be told.",
    ["outcome"],
)
OUTBOX_OUTCOMES: Final = ("published", "failed", "dropped")
"""What becomes of an event each time that it is told."""

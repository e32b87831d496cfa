"""Metrics of what is put together of parts, and of commands."""

from typing import Final

from shared.observing.metrics.prometheus import BatchHistogram, QuickCounter
from shared.observing.metrics.upstream import CALL_BUCKETS

aggregation_duration: Final = BatchHistogram(
    "aggregation_duration_seconds", "Putting one aggregate together, cache apart.", buckets=CALL_BUCKETS
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

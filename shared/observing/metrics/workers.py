"""Metrics of the processes themselves."""

from typing import Final

from shared.observing.metrics.prometheus import BatchHistogram, QuickCounter, highest_gauge, total_gauge

event_loop_lag: Final = BatchHistogram(
    "event_loop_lag_seconds",
    "How much later than asked for the event loop came back.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
worker_cpu: Final = QuickCounter("worker_cpu_seconds_total", "CPU time used, all workers together.")
worker_memory: Final = total_gauge("worker_resident_memory_bytes", "Resident memory, all workers together.")
worker_descriptors: Final = total_gauge("worker_open_descriptors", "Open file descriptors, all workers together.")
log_lines_dropped: Final = QuickCounter("log_lines_dropped_total", "Log lines lost because nobody read them in time.")
build_info: Final = highest_gauge("build_info", "Always 1; the labels tell what runs.", ["service", "version"])

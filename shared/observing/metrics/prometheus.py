"""The kinds of metrics, and what all workers show of them: the one module that imports prometheus_client.

With one process the default registry is exported as it is. With several, ``PROMETHEUS_MULTIPROC_DIR`` must be in
the environment before this module is imported; then whichever worker answers adds up the files of all of them
(`shared.observing.metric_values`, `shared.observing.metric_files`).
"""

import logging
import os
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

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

_GONE: Final = -1.0
"""What stands in the files of a worker for a gauge that is none any more, until they are made anew."""
_DECIMALS: Final = 6
"""Floats added up in another order, once another worker has ended, differ in their last digits; Prometheus would take
a total that is less by so little for a restart."""


class QuickCounter(Counter):
    """A counter without the library's checks, which take longer than counting: no amount here is negative."""

    def _metric_init(self) -> None:
        super()._metric_init()
        self.inc = self._value.inc  # type: ignore[method-assign]


class QuickGauge(Gauge):
    """A gauge without the library's checks."""

    def _metric_init(self) -> None:
        super()._metric_init()
        self.inc = self._value.inc  # type: ignore[method-assign]

    def dec(self, amount: float = 1) -> None:
        """Be ``amount`` less."""
        self._value.inc(-amount)


total_gauge: Final = partial(QuickGauge, multiprocess_mode="livesum")
highest_gauge: Final = partial(QuickGauge, multiprocess_mode="livemax")
lowest_gauge: Final = partial(QuickGauge, multiprocess_mode="livemin")
"""Gauges of which all workers that live show the total, the highest value or the lowest."""


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
    for files in (paths, filter(metric_files.is_readable, paths)):
        try:
            return list(MultiProcessCollector.merge(files))
        except Exception as error:
            _logger.warning("metrics cannot be added up", exc_info=error)
    return []

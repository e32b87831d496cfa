"""Many values told to a histogram at once count as if told one by one, in one process and in several."""

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from shared.observing.metrics import MULTIPROC_DIR, BatchHistogram
from tests.fixtures.processes import ROOT

_PROGRAM = """
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
from shared.observing.metrics import BatchHistogram

one = BatchHistogram("once", "One by one.", ["label"], buckets=(0.25, 0.5, 1.0)).labels("x")
many = BatchHistogram("many", "At once.", ["label"], buckets=(0.25, 0.5, 1.0)).labels("x")
amounts = [0.0, 0.25, 0.5, 0.375, 1.0, 2.0, 2.0]
for amount in amounts:
    one.observe(amount)
many.observe_all(amounts)
registry = CollectorRegistry()
MultiProcessCollector(registry)
samples = {family.name: family.samples for family in registry.collect()}
for name in ("once", "many"):
    print([(s.name.removeprefix(name), sorted(s.labels.items()), s.value) for s in samples[name]])
"""


@given(st.lists(st.floats(0, 4, width=16)))
@example([])
@example([0.25, 0.5, 1.0])
def test_at_once_is_as_one_by_one(amounts: list[float]) -> None:
    """Buckets (their bounds belong to them), count and sum; with labels, as it is used."""
    registry = CollectorRegistry()
    one = BatchHistogram("once", "One by one.", ["label"], buckets=(0.25, 0.5, 1.0), registry=registry)
    many = BatchHistogram("many", "At once.", ["label"], buckets=(0.25, 0.5, 1.0), registry=registry)
    apart = one.labels("x")
    for amount in amounts:
        apart.observe(amount)
    many.labels("x").observe_all(amounts)
    first, second = ([(s.name[4:], s.labels, s.value) for s in family.samples] for family in registry.collect())
    assert first == second


def test_at_once_is_as_one_by_one_in_several_processes(tmp_path: Path) -> None:
    """The files of workers hold the same."""
    environment = {"PATH": os.environ["PATH"], MULTIPROC_DIR: str(tmp_path)}
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    one, many = done.stdout.splitlines()
    assert one == many
    assert "('le', '0.5')], 4.0" in one

"""Gauges whose labels come and go, in a process whose metrics others add up."""

import os
import subprocess
import sys
from pathlib import Path

from tests.fixtures.processes import ROOT

CHURN = """
from shared.observing import metrics

gauge = metrics.upstream_instance_latency
for number in range(2000):
    gauge.labels("user_service", f"10.0.{number}.1:8001").set(number)
    if number:
        gauge.forget("user_service", f"10.0.{number - 1}.1:8001")
    if number % 100 == 0:
        metrics.repair_files()
for time in (1, 2, 3):
    gauge.labels("user_service", "10.0.1.2:8001").set(time)
    gauge.forget("user_service", "10.0.1.2:8001")
gauge.labels("user_service", "10.0.1.2:8001").set(4)
shown = metrics.exposition(metrics.format_for("")).decode()
print(*(line for line in shown.splitlines() if line.startswith("upstream_instance_latency_seconds{")), sep="\\n")
"""


def test_what_is_forgotten_is_shown_by_nobody_and_takes_no_room(tmp_path: Path) -> None:
    """Those that are there are shown, also where they were gone for a while."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", CHURN],
        cwd=ROOT,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == [
        'upstream_instance_latency_seconds{address="10.0.1.2:8001",service_name="user_service"} 4.0',
        'upstream_instance_latency_seconds{address="10.0.1999.1:8001",service_name="user_service"} 1999.0',
    ]
    assert all(file.stat().st_size <= 1 << 17 for file in tmp_path.glob("gauge_*.db"))

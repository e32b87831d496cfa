"""What every app tells of itself: its loop's lag and what it costs."""

import asyncio
import re
import threading
from typing import Any

from tests.kit.wire import Doors, small_app


def _samples(text: str) -> dict[str, float]:
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


async def test_a_loop_that_is_held_up_shows_as_lag(loop: object, sanic_client: Any) -> None:
    """A callback that blocks for half a second makes some timer that much late; memory and CPU are told too."""
    client = await sanic_client(small_app(Doors()), verify=False)
    late = 'event_loop_lag_seconds_bucket{le="0.1"}'
    before = _samples((await client.get("/metrics")).text)
    async with asyncio.timeout(20):
        while True:
            threading.Event().wait(0.5)
            samples = _samples((await client.get("/metrics")).text)
            counted = samples["event_loop_lag_seconds_count"] - before["event_loop_lag_seconds_count"]
            if counted > samples[late] - before[late]:
                break
    assert samples["worker_cpu_seconds_total"] > 0
    assert samples["worker_resident_memory_bytes"] > 1_000_000
    assert samples["worker_open_descriptors"] > 3


async def test_a_slow_request_carries_its_trace_as_an_exemplar(loop: object, sanic_client: Any) -> None:
    """In OpenMetrics a bucket of the latency histogram names the trace of one that fell into it."""
    doors = Doors()
    client = await sanic_client(small_app(doors), verify=False)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    slow = asyncio.ensure_future(client.get("/slow", headers=headers))
    await doors.entered.wait()
    threading.Event().wait(0.02)
    doors.open.set()
    await slow
    answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert re.search(
        rf'http_request_duration_seconds_bucket{{[^}}]*/slow[^}}]*}} [0-9.]+ # {{trace_id="{trace}"}}', answer.text
    )
    assert answer.text.endswith("# EOF\n")

"""Process metrics of a worker, measured by itself: event loop lag, CPU time, memory, descriptors.

With several workers the ordinary process metrics would tell of whichever answers; these add up.
"""

import asyncio
import os
import time
from contextvars import Context
from pathlib import Path
from typing import Final, Self

from shared.cancellation import cancel_and_wait
from shared.observing import metrics
from shared.observing.background import keep_running

_STEP_SECONDS: Final = 0.25
_STEPS_PER_RECORD: Final = 4
_TASK: Final = "process-metrics"
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STATM: Final = Path("/proc/self/statm")
_DESCRIPTORS: Final = Path("/proc/self/fd")


class ProcessMetrics:
    """Measures while it is entered; a resource of every app."""

    def __init__(self) -> None:
        self._used = 0.0

    async def __aenter__(self) -> Self:
        """Begin."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(keep_running(self._measure, _TASK), name=_TASK, context=Context())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""
        await cancel_and_wait(self._task)

    async def _measure(self) -> None:
        loop, step = asyncio.get_running_loop(), 0
        while True:
            if step % _STEPS_PER_RECORD == 0:
                self._record_usage()
            step += 1
            due = loop.time() + _STEP_SECONDS
            await asyncio.sleep(_STEP_SECONDS)
            metrics.event_loop_lag.observe(max(0.0, loop.time() - due))

    def _record_usage(self) -> None:
        """Record what is used by now; of the CPU time only what has been added is counted."""
        metrics.repair_files()
        before, self._used = self._used, time.process_time()
        metrics.worker_cpu.inc(self._used - before)
        if _STATM.exists():
            metrics.worker_memory.set(int(_STATM.read_text().split()[1]) * _PAGE_BYTES)
            metrics.worker_descriptors.set(sum(1 for _ in _DESCRIPTORS.iterdir()))

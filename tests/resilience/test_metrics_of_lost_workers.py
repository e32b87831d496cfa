"""What the metrics say while workers are killed under load, again and again: nothing is lost, nothing lingers."""

import asyncio
import contextlib
import http.client
import os
import random
import signal
import urllib.error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from tests.fixtures.counting_services import CountingServices
from tests.fixtures.exposition import Exposition, Series, scraped
from tests.fixtures.patient_clients import PatientClients
from tests.fixtures.processes import App, StartApp, wait_until
from tests.fixtures.workers import workers_of

_KILLS: Final = int(os.environ.get("KILLS", "12"))
"""Each takes a second or two; ``KILLS=50`` is a whole minute."""
_ANSWERS_BETWEEN: Final = 50
_WORKERS: Final = 3
_ENTRIES: Final = 100
"""Fewer than there are users, so that the memory of each worker fills up."""
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_AT_REST: Final[tuple[tuple[str, dict[str, str], float], ...]] = (
    ("http_active_requests", {}, 0),
    ("upstream_in_flight", {}, 0),
    ("upstream_concurrency_limit", {"service_name": "user_service"}, 200 * _WORKERS),
)
_PROFILE: Final = {"method": "GET", "endpoint": "/api/profile/<user_id>"}


@pytest.fixture
def settings() -> Iterator[Mapping[str, str]]:
    """Settings of a gateway over services that are well."""
    with CountingServices(delay=0.005) as services:
        # However busy the machine is, no service is too slow.
        patience = {"REQUEST_BUDGET_SECONDS": "20", "ATTEMPT_TIMEOUT_SECONDS": "10"}
        yield {**services.environment, **patience, "LOG_LEVEL": "warning", "CACHE_MEMORY_ENTRIES": str(_ENTRIES)}


@dataclass
class Scraper:
    """Scrapes ``app`` without a pause inside the context.

    Attributes:
        last: the last scrape that was answered.
        answered: scrapes.
        cut_off: scrapes whose worker was killed meanwhile.
        shrunk: what had become less from one scrape to the next, or was no longer there.
    """

    app: App
    last: Exposition = field(default_factory=lambda: Exposition({}, {}))
    answered: int = 0
    cut_off: int = 0
    shrunk: list[tuple[Series, float, float | None]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._scrape())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _scrape(self) -> None:
        while True:
            try:
                new = await asyncio.to_thread(scraped, self.app)
            except urllib.error.HTTPError:
                raise  # it was answered, and wrongly
            except (OSError, http.client.HTTPException):
                self.cut_off += 1
                continue
            self.answered += 1
            grown = new.growing()
            for one, before in self.last.growing().items():
                after = grown.get(one)
                if after is None or after < before:
                    self.shrunk.append((one, before, after))
            self.last = new


def _is(app: App, expected: float, name: str, labels: Mapping[str, str]) -> bool:
    return scraped(app).value(name, **labels) == expected


def _resident_bytes(pids: set[int]) -> int:
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES for pid in pids)


@pytest.mark.timeout(300)
async def test_killing_workers_under_load_leaves_totals_and_gauges_true(
    loop: object, start_app: StartApp, settings: Mapping[str, str], tmp_path: Path
) -> None:
    """No total ever shrinks, every answer is counted, and gauges are of those that live, which leave no files."""
    app = start_app("bff", **settings, WORKERS=str(_WORKERS), TMPDIR=str(tmp_path))
    dice = random.Random(_KILLS)
    async with Scraper(app) as scraper:
        async with PatientClients(app.port) as clients:
            for _ in range(_KILLS):
                await clients.answered(_ANSWERS_BETWEEN)
                with contextlib.suppress(ProcessLookupError, IndexError):
                    os.kill(dice.choice(sorted(workers_of(app))), signal.SIGKILL)
            await clients.answered(_ANSWERS_BETWEEN)
        await asyncio.to_thread(wait_until, lambda: len(workers_of(app)) == _WORKERS, "not all are replaced")
        for name, labels, expected in _AT_REST:
            at_rest = partial(_is, app, expected, name, labels)
            await asyncio.to_thread(wait_until, at_rest, f"{name} does not become {expected}")
    assert scraper.shrunk == []
    last = await asyncio.to_thread(scraped, app)
    counted = last.value("http_requests_total", **_PROFILE)
    assert set(clients.statuses) == {200}
    assert clients.statuses.total() <= counted <= clients.sent
    assert 0 < last.value("cache_memory_entries") <= _ENTRIES * _WORKERS
    living = map(str, workers_of(app))
    assert last.value("worker_resident_memory_bytes") < 2 * _resident_bytes(workers_of(app))
    assert {path.stem.rpartition("_")[2] for path in tmp_path.glob("*metrics*/*.db")} == {"ended", *living}

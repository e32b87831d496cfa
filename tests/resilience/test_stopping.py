"""Stopping, and losing workers, under load: no request fails."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping

import pytest

from tests.fixtures.counting_services import CountingServices
from tests.fixtures.patient_clients import PatientClients
from tests.fixtures.processes import StartApp
from tests.fixtures.workers import workers_of

REPETITIONS = 12


@pytest.fixture
def settings() -> Iterator[Mapping[str, str]]:
    """Settings of a gateway over services that are well, half of its answers from the cache."""
    with CountingServices(delay=0.005) as services:
        yield {**services.environment, "LOG_LEVEL": "warning"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_stop_signal_under_load_fails_no_request(
    loop: object, start_app: StartApp, settings: Mapping[str, str], workers: str
) -> None:
    """Over and over: every answer that is begun is finished, every request answered, and the exit status is 0."""
    app = start_app("bff", **settings, WORKERS=workers)
    for repetition in range(REPETITIONS // 2):
        if repetition:
            await asyncio.to_thread(app.start)
        async with PatientClients(app.port) as clients:
            await clients.answered(100)
            stopping = asyncio.create_task(asyncio.to_thread(app.stop))
            await clients.all_refused()
            assert await stopping == 0
        assert (set(clients.statuses), clients.broken) == ({200}, 0)
    assert app.lines() == ""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_worker_that_ends_under_load_fails_no_request(
    loop: object, start_app: StartApp, settings: Mapping[str, str], number: signal.Signals
) -> None:
    """Another takes its place; who was cut off without an answer asks again and gets one."""
    app = start_app("bff", **settings, WORKERS="2")
    async with PatientClients(app.port) as clients:
        for _ in range(REPETITIONS):
            await clients.answered(50)
            known = workers_of(app)
            os.kill(min(known), number)
            while workers_of(app) == known or len(workers_of(app)) < 2:
                await asyncio.sleep(0.005)
        await clients.answered(50)
    assert (set(clients.statuses), clients.refused) == ({200}, False)
    assert clients.broken <= (REPETITIONS if number is signal.SIGKILL else 0)
    assert "Traceback" not in app.lines()

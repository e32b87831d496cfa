"""What thousands of requests that nobody honest sends do to the metrics: they are counted, and no more."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final

import pytest

from bff.app import create_app
from bff.settings import GatewaySettings
from shared.http.routing import UNMATCHED, labels_of_routes
from shared.settings.loading import load
from tests.fixtures.counting_services import CountingServices
from tests.fixtures.exposition import Exposition, scraped
from tests.fixtures.hostile_requests import hostile_requests
from tests.fixtures.processes import App, StartApp, wait_until

_REQUESTS: Final = 2_000
_CONNECTIONS: Final = 16
_SEED: Final = 20261123

_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"}
_STATUSES: Final = {
    "200",
    "204",
    "304",
    "400",
    "401",
    "404",
    "405",
    "408",
    "413",
    "415",
    "417",
    "499",
    "500",
    "503",
    "505",
}
_OF_REQUESTS: Final = ("method", "endpoint", "status")
"""The labels whose values may come up while requests come in; those of all others are known before."""
_TOKEN: Final = "open-sesame"


@pytest.fixture
def app(start_app: StartApp) -> Iterator[App]:
    """A gateway with every route that there is, over services that know every id."""
    with CountingServices() as services:
        yield start_app("bff", **services.environment, ADMIN_TOKEN=_TOKEN)


def _templates() -> set[str]:
    gateway = create_app(load(GatewaySettings, {"ADMIN_TOKEN": _TOKEN}))
    return {endpoint for _, endpoint in labels_of_routes(gateway)}


def _labels(exposition: Exposition) -> set[tuple[str, str, str]]:
    """Every value of every label of every metric."""
    return {(name, label, value) for name, labels in exposition.values for label, value in labels}


def _values(exposition: Exposition, label: str) -> set[str]:
    """The values that a label of requests has."""
    return {dict(labels)[label] for _, labels in exposition.tally("http_requests_total")}


async def _send(port: int, requests: Iterable[bytes]) -> None:
    for request in requests:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            await reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            continue  # it has no answer coming
        finally:
            writer.transport.abort()


async def test_hostile_requests_add_no_label_values(loop: object, app: App) -> None:
    """Whatever the method, path and headers, labels have values of a small closed set, and nothing stays active."""
    before = await asyncio.to_thread(scraped, app)
    requests = hostile_requests(_SEED, _REQUESTS)
    await asyncio.gather(*(_send(app.port, requests) for _ in range(_CONNECTIONS)))

    # One is counted when it ceases to be active.
    await asyncio.to_thread(wait_until, lambda: scraped(app).value("http_active_requests") == 0, "one stays active")
    after = await asyncio.to_thread(scraped, app)
    assert after.value("http_requests_total") >= before.value("http_requests_total") + _REQUESTS
    born = _labels(after) - _labels(before)
    assert {name for name, label, _ in born if label not in {*_OF_REQUESTS, "le"}} == set()
    assert _values(after, "method") <= _METHODS
    assert _values(after, "endpoint") <= _templates() | {UNMATCHED}
    assert _values(after, "status") <= _STATUSES
    assert after.value("http_requests_total", status="500") == 0

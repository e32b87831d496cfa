"""What orchestrators and Prometheus ask every few seconds leaves no line in the log, as long as it is answered."""

from typing import Any

import orjson
import pytest

from shared.errors import Unreachable
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import StartGateway
from tests.fixtures.log_lines import heard
from tests.fixtures.processes import StartApp

POLLED = ("/health", "/health/live", "/health/ready", "/metrics")


async def _lines(client: Any, method: str, path: str) -> tuple[int, list[dict[str, Any]]]:
    """The status of an answer, and the access lines that it leaves."""
    lines: list[bytes] = []
    with heard(lines.append):
        answer = await getattr(client, method.lower())(path)
    documents = [orjson.loads(line) for line in lines]
    return answer.status_code, [one for one in documents if one["logger"] == "access"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", POLLED)
async def test_a_probe_that_is_answered_leaves_no_line(start_gateway: StartGateway, method: str, path: str) -> None:
    """Whatever else is asked does."""
    gateway = await start_gateway()
    assert await _lines(gateway.client, method, path) == (200, [])
    assert len((await _lines(gateway.client, method, "/api/cache/stats"))[1]) == 1


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
async def test_that_it_is_not_well_leaves_none_either(start_gateway: StartGateway, path: str) -> None:
    """It is what was asked for; what is wrong has lines of its own."""
    services = FakeServices.with_profile()
    services.failures = {name: Unreachable("gone") for name in ("users", "orders")}
    gateway = await start_gateway(services)
    await gateway.client._server.server.before_stop()
    assert await _lines(gateway.client, "GET", path) == (503, [])


@pytest.mark.parametrize("path", POLLED)
@pytest.mark.parametrize(("method", "status"), [("POST", 405), ("OPTIONS", 204)])
async def test_what_no_probe_asks_leaves_a_line(
    start_gateway: StartGateway, path: str, method: str, status: int
) -> None:
    """It is somebody else."""
    gateway = await start_gateway()
    answered, lines = await _lines(gateway.client, method, path)
    assert (answered, [(line["level"], line["status"]) for line in lines]) == (status, [("info", status)])


async def test_a_probe_that_is_refused_leaves_a_line(start_gateway: StartGateway) -> None:
    """Whoever scrapes has lost its token, say."""
    gateway = await start_gateway(AUTH="off", OPS_PUBLIC="false", RATE_LIMIT_ADDRESS="1/3600")
    assert (await gateway.get("/metrics")).status_code == 200
    status, lines = await _lines(gateway.client, "GET", "/metrics")
    assert (status, [line["status"] for line in lines]) == (429, [429])


def test_at_debug_it_is_there(start_app: StartApp) -> None:
    """A process that is looked into tells of everything that it is asked."""
    app = start_app("bff", LOG_LEVEL="debug")
    assert app.stop() == 0
    lines = [one for one in map(orjson.loads, app.lines().splitlines()) if one["logger"] == "access"]
    assert {(one["level"], one["route"], one["status"]) for one in lines} == {("debug", "/health/ready", 200)}

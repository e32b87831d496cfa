"""A service that is sick for a while, and many who ask meanwhile."""

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from tests.fixtures.closing import reset
from tests.fixtures.faulty_services import FAULTS, SERVICES, FaultyServices, says
from tests.fixtures.load import Connection
from tests.kit.wire import active
from tests.resilience.conftest import StartOver

BEHAVE = {fault.name: fault.behave for fault in FAULTS}


@dataclass(frozen=True)
class Answer:
    """An answer and its JSON."""

    status: int
    document: Any

    @property
    def parts(self) -> Any:
        """Provenance of each part."""
        return self.document["metadata"]["parts"]


async def _profile(port: int, name: str) -> Answer:
    async with Connection(port) as connection:
        got = await connection.get(f"/api/profile/{name}")
    return Answer(got.status, orjson.loads(got.body))


async def _profiles(gateway: Any, name: str, count: int) -> list[Answer]:
    return list(await asyncio.gather(*(_profile(gateway.port, f"{name}{number}") for number in range(count))))


async def _reason(gateway: Any) -> str | None:
    """Why the user of a profile is not fresh."""
    reason: str | None = (await gateway.get("/api/profile/known")).json()["metadata"]["parts"]["user"].get("reason")
    return reason


async def _sample(gateway: Any, sample: str) -> float:
    text: str = (await gateway.get("/metrics")).text
    return float(next(line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(sample)))


async def test_two_hundred_callers_of_a_service_that_hangs(services: FaultyServices, gateway_over: StartOver) -> None:
    """All are answered with the other parts fresh; then the breaker answers at once; well again, all is fresh."""
    gateway = await gateway_over(ATTEMPT_TIMEOUT_SECONDS="6", REQUEST_BUDGET_SECONDS="30", BREAKER_OPEN_SECONDS="0.2")
    services.faults["orders"] = BEHAVE["hangs"]
    asking: list[asyncio.Future[Answer]] = []
    for first in range(0, 200, 20):  # were they all to connect at once, a busy machine would be late for the users
        asking += [asyncio.ensure_future(_profile(gateway.port, f"user{first + more}")) for more in range(20)]
        while services.calls["users"] < len(asking):
            await asyncio.sleep(0.001)
    for answer in await asyncio.gather(*asking):
        assert answer.status == 200
        assert answer.parts["user"] == {"status": "fresh"}
        assert answer.parts["orders"]["status"] == "missing"
        assert answer.parts["orders"]["reason"] in {"timeout", "circuit_open"}
    assert await _sample(gateway, 'upstream_breaker_state{service_name="order_service"}') == 2
    calls = services.calls["orders"]
    for answer in await _profiles(gateway, "other", 50):
        assert answer.parts["orders"]["reason"] in {"circuit_open", "timeout"}
    assert services.calls["orders"] - calls <= 5
    services.faults.clear()
    async with asyncio.timeout(10):
        while (await gateway.get("/api/profile/well")).json()["metadata"]["partial"]:
            await asyncio.sleep(0.01)
    assert active() == 0


async def test_a_breaker_opens_also_where_an_attempt_may_take_as_long_as_the_request(
    services: FaultyServices, gateway_over: StartOver
) -> None:
    """A service that hangs is found out, though each of its timeouts comes with the request's own deadline."""
    times = {"ATTEMPT_TIMEOUT_SECONDS": "0.5", "REQUEST_BUDGET_SECONDS": "0.5", "CACHE_THROTTLE_SECONDS": "0"}
    gateway = await gateway_over(**times, BREAKER_MIN_CALLS="2", BREAKER_OPEN_SECONDS="60")
    services.faults["users"] = BEHAVE["hangs"]
    async with asyncio.timeout(60):
        while await _reason(gateway) != "circuit_open":
            pass  # a timeout that this process was late to notice counts for nothing
    calls = services.calls["users"]
    assert await _reason(gateway) == "circuit_open"
    assert services.calls["users"] == calls


async def test_a_total_outage_is_not_made_worse(services: FaultyServices, gateway_over: StartOver) -> None:
    """At high concurrency retries are few: at most 1.3 calls to a service for each request."""
    gateway = await gateway_over(BREAKER_MIN_CALLS="100000")
    services.faults = dict.fromkeys(SERVICES, BEHAVE["status 503"])
    answers = await _profiles(gateway, "user", 100)
    assert {answer.status for answer in answers} == {503}
    for service in ("users", "orders"):
        assert services.calls[service] <= 130
    assert services.calls["products"] == 0


async def test_a_pooled_connection_that_the_service_closed_is_no_fault(
    services: FaultyServices, gateway_over: StartOver
) -> None:
    """The call is made again on another connection, and the client learns nothing of it."""
    gateway = await gateway_over(CACHE_NEGATIVE_TTL_SECONDS="0")
    for number in range(30):
        services.faults.clear()
        answer = await gateway.get(f"/api/profile/user{number}")
        assert answer.json()["metadata"]["partial"] is False
        services.faults["users"] = _closes_after(services)
    assert await _sample(gateway, 'upstream_breaker_state{service_name="user_service"}') == 0


def _closes_after(services: FaultyServices) -> Any:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del services.faults["users"]  # the next connection is a good one
        writer.transport.abort()

    return behave


async def test_with_last_known_good_in_memory_an_open_breaker_costs_nothing(
    services: FaultyServices, gateway_over: StartOver
) -> None:
    """While the service is left alone its part is stale, with the reason that nobody asked."""
    gateway = await gateway_over(CACHE_TTL_SECONDS="1", CACHE_THROTTLE_SECONDS="0", BREAKER_OPEN_SECONDS="60")
    assert (await gateway.get("/api/profile/known")).status_code == 200
    services.faults["users"] = BEHAVE["status 500"]
    await _profiles(gateway, "user", 30)
    async with asyncio.timeout(10):
        while await _reason(gateway) != "circuit_open":  # not yet stale, or the breaker wants more failures
            await asyncio.sleep(0.01)
    calls = services.calls["users"]
    part = (await gateway.get("/api/profile/known")).json()["metadata"]["parts"]["user"]
    assert (part["status"], part["reason"]) == ("stale", "circuit_open")
    assert services.calls["users"] == calls


async def test_clients_that_leave_leave_nothing_behind(services: FaultyServices, gateway_over: StartOver) -> None:
    """Five hundred disconnect in the middle: no task, no call and no count of theirs is left."""
    gateway = await gateway_over(ATTEMPT_TIMEOUT_SECONDS="60", REQUEST_BUDGET_SECONDS="60", UPSTREAM_CONCURRENCY="100")
    services.faults = dict.fromkeys(SERVICES, BEHAVE["hangs"])
    tasks = len(asyncio.all_tasks())
    writers: list[asyncio.StreamWriter] = []
    for number in range(500):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(f"GET /api/profile/user{number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        writers.append(writer)
    while active() < 500:
        await asyncio.sleep(0.001)
    for writer in writers:
        reset(writer)
    async with asyncio.timeout(20):
        while active() > 0 or services.connections > 0 or len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.001)
    services.faults.clear()
    assert (await gateway.get("/api/profile/user1")).status_code == 200


@pytest.mark.parametrize("most", [1, 5])
async def test_past_the_bound_requests_are_shed_and_hits_served(
    services: FaultyServices, gateway_over: StartOver, most: int
) -> None:
    """503 overloaded with Retry-After for what would cost work; memory answers all the same."""
    gateway = await gateway_over(MAX_REQUESTS_IN_FLIGHT=str(most), RETRIES="0")
    assert (await gateway.get("/api/profile/known")).status_code == 200
    over = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    services.faults["users"] = hang
    hanging = [asyncio.ensure_future(gateway.get(f"/api/profile/slow{number}")) for number in range(most)]
    while services.calls["users"] < most + 1:
        await asyncio.sleep(0.001)
    shed = await gateway.get("/api/profile/other")
    assert (shed.status_code, shed.json()["type"]) == (503, "urn:problem:overloaded")
    assert int(shed.headers["retry-after"]) > 0
    assert (await gateway.get("/api/profile/known")).json()["metadata"]["cached"] is True
    assert (await gateway.get("/health/ready")).status_code == 200
    over.set()
    assert {answer.status_code for answer in await asyncio.gather(*hanging)} == {200}


async def test_a_retry_finds_a_service_that_was_away_for_a_moment(
    services: FaultyServices, gateway_over: StartOver
) -> None:
    """One 503 is no reason to give less than everything."""
    gateway = await gateway_over()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del services.faults["users"]
        await says(b"{}", status="503 Later")(reader, writer)

    services.faults["users"] = once
    assert (await gateway.get("/api/profile/user1")).json()["metadata"]["partial"] is False
    assert services.calls["users"] == 2

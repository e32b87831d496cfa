"""Whatever a service does, the gateway answers in time, truthfully, and within bounded memory."""

import re
import resource
from pathlib import Path

import pytest

from tests.fixtures.faulty_services import FAULTS, SERVICES, Fault, FaultyServices
from tests.fixtures.processes import ROOT
from tests.kit.wire import active
from tests.resilience.conftest import StartOver

PARTS_OF = {"users": ["user"], "orders": ["orders", "products"], "products": ["products"]}
BUDGET_SECONDS = 10
TIMES = {
    "timeout": {"ATTEMPT_TIMEOUT_SECONDS": "2"},
    # Whatever else goes wrong is noticed without a wait, so that even a machine that is very busy is in time.
    "other": {"ATTEMPT_TIMEOUT_SECONDS": "5"},
}
MEMORY_MEBIBYTES = 64


def _times(fault: Fault) -> dict[str, str]:
    times = TIMES.get(fault.reason, TIMES["other"])
    return times | {"REQUEST_BUDGET_SECONDS": str(BUDGET_SECONDS), "CACHE_THROTTLE_SECONDS": "0"}


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
@pytest.mark.parametrize("service", SERVICES)
async def test_each_fault_costs_its_part_and_no_more(
    services: FaultyServices, gateway_over: StartOver, service: str, fault: Fault
) -> None:
    """200; the part marked with its reason, the others fresh; stale where something was known; well again at once."""
    gateway = await gateway_over(**_times(fault), CACHE_TTL_SECONDS="1")
    before = _peak_mebibytes()
    services.faults[service] = fault.behave
    answer = await gateway.get("/api/profile/user1")
    document = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    for name, part in document["metadata"]["parts"].items():
        if name in PARTS_OF[service]:
            assert part == {"status": "missing", "reason": fault.reason}
            assert document[name] is None
        else:
            assert part == {"status": "fresh"}
    assert document["metadata"]["aggregation_time_ms"] < 1_000 * BUDGET_SECONDS
    assert _peak_mebibytes() - before < MEMORY_MEBIBYTES
    services.faults.clear()
    assert (await gateway.get("/api/profile/user1")).json()["metadata"]["partial"] is False
    assert active() == 0


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
async def test_with_every_service_at_fault_there_is_an_honest_503(
    services: FaultyServices, gateway_over: StartOver, fault: Fault
) -> None:
    """A problem document with Retry-After, in time."""
    gateway = await gateway_over(**_times(fault))
    services.faults = dict.fromkeys(SERVICES, fault.behave)
    answer = await gateway.get("/api/profile/user1")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:problem:service-unavailable"
    assert int(answer.headers["retry-after"]) > 0


def test_the_table_of_faults_is_true() -> None:
    """docs/resilience.md names each fault, with the reason that it is tested for."""
    rows: dict[str, str] = {}
    for line in Path(ROOT, "docs", "resilience.md").read_text().splitlines():
        if match := re.match(r"\| ([^|]+) \| `(\w+)`", line):
            rows |= dict.fromkeys(match[1].split(", "), match[2])
    assert {fault.name: fault.reason for fault in FAULTS}.items() <= rows.items()

"""A call for products that several requests wait for knows until when it is wanted."""

import asyncio
from typing import Any

from shared.upstream.call import Call
from tests.fixtures.fake_services import FakeServices, order, user
from tests.fixtures.gateway import StartGateway


async def test_a_batch_is_wanted_until_the_last_of_those_who_wait_gives_up(start_gateway: StartGateway) -> None:
    """Whoever joins it later has more time; other calls are nobody's but their own."""
    services = FakeServices.with_profile()
    services.users["user2"] = user("user2")
    services.orders["user2"] = [order("o3", "user2", "p1")]
    calls: list[Call[Any]] = []
    wanted: list[float] = []

    def note(call: Call[Any]) -> None:
        calls.append(call)
        if call.wanted_until is not None:
            wanted.append(call.wanted_until())

    services.replies |= dict.fromkeys(("users", "orders", "products"), note)
    services.gates["products"] = asyncio.Event()
    gateway = await start_gateway(services, REQUEST_BUDGET_SECONDS="30", ATTEMPT_TIMEOUT_SECONDS="30")
    asked = [asyncio.ensure_future(gateway.get("/api/profile/user1"))]
    while len(services.calls) < 3:
        await asyncio.sleep(0)
    asked.append(asyncio.ensure_future(gateway.get("/api/profile/user2")))
    while len(services.calls) < 5:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    services.gates["products"].set()
    assert [(await one).status_code for one in asked] == [200, 200]
    batch = calls[-1]
    assert batch.path == "/products/batch"
    assert [call.wanted_until for call in calls if call is not batch] == [None] * 4
    assert wanted[0] > batch.deadline.at
    assert len(services.batches) == 1

"""``GET /api/storefront/{user_id}``: a profile with the user's reviews."""

import asyncio
from collections.abc import Mapping

import pytest

from shared.errors import Unreachable
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import Clock, StartGateway
from tests.fixtures.issuer import Issuer

STOREFRONT = "/api/storefront/user1"
REVIEW = {
    "id": "review1",
    "user_id": "user1",
    "product_id": "p1",
    "stars": 5,
    "text": "Holds.",
    "created_at": "2026-01-02T03:04:05Z",
}


@pytest.fixture
def services() -> FakeServices:
    """The samples, and a review service beside them."""
    services = FakeServices.with_profile()
    services.documents["review_service"] = {"/reviews/user/user1": [REVIEW]}
    return services


async def test_a_storefront_has_reviews(start_gateway: StartGateway, services: FakeServices) -> None:
    """Beside everything that a profile has."""
    gateway = await start_gateway(services)
    document = (await gateway.get(STOREFRONT)).json()
    assert list(document) == ["user", "orders", "products", "reviews", "metadata"]
    assert document["reviews"] == [REVIEW]
    assert document["metadata"]["reviews_count"] == 1
    assert document["metadata"]["partial"] is False


async def test_without_reviews_there_is_still_a_storefront(start_gateway: StartGateway, services: FakeServices) -> None:
    """They are null, for unknown is not empty; and the gateway is degraded, not unhealthy."""
    services.failures["review_service"] = Unreachable("down")
    gateway = await start_gateway(services)
    answer = await gateway.get(STOREFRONT)
    assert (answer.status_code, answer.json()["reviews"]) == (200, None)
    assert answer.json()["metadata"]["parts"]["reviews"] == {"status": "missing", "reason": "unavailable"}
    health = await gateway.get("/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert health.json()["services"]["review_service"] == "unhealthy"


async def test_last_known_reviews_stand_in(start_gateway: StartGateway, services: FakeServices) -> None:
    """Told as stale, with their age."""
    clock = Clock()
    gateway = await start_gateway(services, clock=clock)
    await gateway.get(STOREFRONT)
    clock.now += 40
    services.failures["review_service"] = Unreachable("down")
    document = (await gateway.get(STOREFRONT)).json()
    assert document["reviews"] == [REVIEW]
    assert document["metadata"]["parts"]["reviews"] == {"status": "stale", "age": 40.0, "reason": "unavailable"}


async def test_a_purge_drops_reviews_too(start_gateway: StartGateway, services: FakeServices) -> None:
    """They belong to the user, so they are asked for again."""
    gateway = await start_gateway(services, ADMIN_TOKEN="open-sesame")
    await gateway.get(STOREFRONT)
    purged = await gateway.client.delete("/api/cache/storefront/user1", headers={"Authorization": "Bearer open-sesame"})
    assert purged.status_code == 204
    services.failures["review_service"] = Unreachable("down")
    assert (await gateway.get(STOREFRONT)).json()["reviews"] is None


async def test_a_storefront_is_for_whom_it_is_about(
    start_gateway: StartGateway, services: FakeServices, issuer: Issuer, asks_for_tokens: Mapping[str, str]
) -> None:
    """And for those who may see any."""
    gateway = await start_gateway(services, **asks_for_tokens)
    shown = [("user1", "storefront:read"), ("user2", "storefront:read"), ("shop", "storefront:read:any")]
    tokens = [issuer.token(subject, scope=scope) for subject, scope in shown]
    answers = [await gateway.get(STOREFRONT, Authorization=f"Bearer {token}") for token in tokens]
    assert [answer.status_code for answer in answers] == [200, 403, 200]
    assert (await gateway.get(STOREFRONT)).status_code == 401


async def test_reviews_that_hang_cost_their_own_time(start_gateway: StartGateway, services: FakeServices) -> None:
    """Three tenths of a second, whatever others may take."""
    services.gates["review_service"] = asyncio.Event()
    gateway = await start_gateway(services, REQUEST_BUDGET_SECONDS="30", ATTEMPT_TIMEOUT_SECONDS="30", RETRIES="0")
    document = (await gateway.get(STOREFRONT)).json()
    assert document["metadata"]["parts"]["reviews"] == {"status": "missing", "reason": "timeout"}

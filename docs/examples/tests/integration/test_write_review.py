"""``POST /api/storefront/{user_id}/reviews``: the review stands in the storefront that its writer sees next."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from shared.upstream.call import Call, Reply
from tests.fixtures.fake_services import JSON, FakeServices
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.issuer import Issuer

STOREFRONT = "/api/storefront/user1"
NEW = {"product_id": "p1", "stars": 5, "text": "Holds."}


@pytest.fixture
def services() -> FakeServices:
    """The samples, and a review service that takes reviews of each product once."""
    services, written = FakeServices.with_profile(), list[dict[str, object]]()

    def answer(call: Call[Any]) -> Reply:
        if call.change is None:
            return Reply(200, JSON, orjson.dumps(written))
        if written:
            return Reply(409, JSON, b"{}")
        review = {
            "id": "r1",
            "user_id": "user1",
            **orjson.loads(call.body or b""),
            "created_at": "2026-01-02T03:04:05Z",
        }
        written.append(review)
        return Reply(201, JSON, orjson.dumps(review))

    services.documents["review_service"] = {}
    services.replies["review_service"] = answer
    return services


async def _write(gateway: Gateway, body: object, **headers: str) -> Any:
    fields = {"Content-Type": "application/json", "Idempotency-Key": "a-key-of-mine", **headers}
    return await gateway.client.post(f"{STOREFRONT}/reviews", content=orjson.dumps(body), headers=fields)


async def test_a_review_is_seen_by_the_next_read(start_gateway: StartGateway, services: FakeServices) -> None:
    """Though the storefront without it was in memory; a second one of the same product is refused."""
    gateway = await start_gateway(services)
    assert (await gateway.get(STOREFRONT)).json()["reviews"] == []
    written = await _write(gateway, NEW)
    assert (written.status_code, written.json()["user_id"]) == (201, "user1")
    assert (await gateway.get(STOREFRONT)).json()["reviews"] == [written.json()]
    again = await _write(gateway, NEW)
    assert (again.status_code, again.json()["detail"]) == (409, "There is a review of this product already.")


@pytest.mark.parametrize("changed", [{"stars": 6}, {"text": ""}, {"product_id": "p 1"}, {"user_id": "user2"}])
async def test_what_is_no_review_reaches_nobody(
    start_gateway: StartGateway, services: FakeServices, changed: Mapping[str, object]
) -> None:
    """Least of all one in the name of somebody else."""
    gateway = await start_gateway(services)
    assert (await _write(gateway, {**NEW, **changed})).status_code == 422
    assert services.calls == []


async def test_a_review_is_written_by_whose_it_is(
    start_gateway: StartGateway, services: FakeServices, issuer: Issuer, asks_for_tokens: Mapping[str, str]
) -> None:
    """With a token for that."""
    gateway = await start_gateway(services, **asks_for_tokens)
    shown = [("user2", "reviews:write"), ("user1", "storefront:read"), ("user1", "reviews:write")]
    tokens = [issuer.token(subject, scope=scope) for subject, scope in shown]
    answers = [await _write(gateway, NEW, Authorization=f"Bearer {token}") for token in tokens]
    assert [answer.status_code for answer in answers] == [403, 403, 201]

"""``GET /api/profile/{user_id}`` over fake services: the answer, its status and its headers."""

import asyncio
import re

import pytest

from shared.errors import AttemptTimeout, BadResponse, Unreachable
from tests.fixtures.fake_services import FakeServices, order, product
from tests.fixtures.gateway import StartGateway
from tests.fixtures.log_lines import heard

PROFILE = "/api/profile/user1"


async def test_a_profile_has_all_three_parts(start_gateway: StartGateway) -> None:
    """User, orders and products come in one document, with the facts about it."""
    gateway = await start_gateway()
    answer = await gateway.get(PROFILE)
    document = answer.json()
    assert answer.status_code == 200
    assert list(document) == ["user", "orders", "products", "metadata"]
    assert document["user"]["id"] == "user1"
    assert [one["id"] for one in document["orders"]] == ["o2", "o1"]
    assert set(document["products"]) == {"p1", "p2", "p3"}
    metadata = document["metadata"]
    assert (metadata["orders_count"], metadata["products_count"]) == (2, 3)
    assert (metadata["cached"], metadata["partial"], metadata["cache_ttl"]) == (False, False, 30)
    assert metadata["parts"] == {name: {"status": "fresh"} for name in ("user", "orders", "products")}


async def test_fields_outside_the_contract_are_dropped(start_gateway: StartGateway) -> None:
    """What a service sends by mistake is not published."""
    gateway = await start_gateway()
    answer = await gateway.get(PROFILE)
    assert "password_hash" not in answer.text


async def test_money_keeps_its_digits(start_gateway: StartGateway) -> None:
    """A price passes through exactly as the service wrote it."""
    services = FakeServices.with_profile()
    services.products["p1"]["price"] = 0.1
    answer = await (await start_gateway(services)).get(PROFILE)
    assert '"price":0.1,' in answer.text


async def test_a_miss_says_how_it_was_made(start_gateway: StartGateway) -> None:
    """The headers of a miss name the cache, the lifetime, the tag and the time of each part."""
    answer = await (await start_gateway()).get(PROFILE)
    assert re.fullmatch(r"memory; fwd=uri-miss; stored; ttl=(29|30)", answer.headers["cache-status"])
    assert re.fullmatch(r"private, max-age=(29|30)", answer.headers["cache-control"])
    assert answer.headers["etag"].startswith('W/"')
    assert [entry.partition(";")[0] for entry in answer.headers["server-timing"].split(", ")] == [
        "user",
        "orders",
        "products",
        "total",
    ]


async def test_a_hit_differs_in_cached_alone_and_calls_nobody(start_gateway: StartGateway) -> None:
    """The second answer comes from the cache, byte for byte but for one word."""
    gateway = await start_gateway()
    first = await gateway.get(PROFILE)
    calls = len(gateway.services.calls)
    second = await gateway.get(PROFILE)
    assert second.text == first.text.replace('"cached":false', '"cached":true')
    assert len(gateway.services.calls) == calls == 3
    assert second.headers["cache-status"].startswith("memory; hit; ttl=")
    assert int(second.headers["age"]) >= 0
    assert second.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("cached", [False, True])
async def test_a_known_tag_gets_304_without_a_body(start_gateway: StartGateway, cached: bool) -> None:
    """If-None-Match saves the body, on a hit and on a miss."""
    gateway = await start_gateway()
    tag = (await gateway.get(PROFILE)).headers["etag"]
    other = gateway if cached else await start_gateway()
    answer = await other.get(PROFILE, If_None_Match=tag)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    assert "cache-control" in answer.headers


async def test_head_is_get_without_the_body(start_gateway: StartGateway) -> None:
    """HEAD tells the length and the headers of the same answer."""
    gateway = await start_gateway()
    await gateway.get(PROFILE)
    plain = {"Accept-Encoding": "identity"}
    got, head = await gateway.get(PROFILE, **plain), await gateway.client.head(PROFILE, headers=plain)
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.headers["etag"] == got.headers["etag"]


@pytest.mark.parametrize("service", ["users", "orders", "products"])
async def test_a_missing_part_is_null_with_a_reason(start_gateway: StartGateway, service: str) -> None:
    """One dead service costs its part (and what depends on it), not the answer."""
    services = FakeServices.with_profile()
    services.failures[service] = Unreachable("gone")
    gateway = await start_gateway(services)
    answer = await gateway.get(PROFILE)
    document = answer.json()
    missing = {"users": ["user"], "orders": ["orders", "products"], "products": ["products"]}[service]
    assert answer.status_code == 200
    assert [name for name in ("user", "orders", "products") if document[name] is None] == missing
    assert document["metadata"]["partial"] is True
    for name in missing:
        assert document["metadata"]["parts"][name] == {"status": "missing", "reason": "unavailable"}
        assert document["metadata"].get(f"{name}_count") is None
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


async def test_a_partial_answer_is_not_kept(start_gateway: StartGateway) -> None:
    """As soon as the service is back, and the throttle lets it be asked, the answer is complete."""
    services = FakeServices.with_profile()
    services.failures["orders"] = AttemptTimeout("slow")
    gateway = await start_gateway(services, CACHE_THROTTLE_SECONDS="0")
    assert (await gateway.get(PROFILE)).json()["metadata"]["parts"]["orders"]["reason"] == "timeout"
    services.failures.clear()
    assert (await gateway.get(PROFILE)).json()["metadata"]["partial"] is False


async def test_nothing_to_give_is_503_with_retry_after(start_gateway: StartGateway) -> None:
    """Without user and orders there is no profile, and the client learns when to ask again."""
    services = FakeServices.with_profile()
    services.failures = {name: Unreachable("gone") for name in ("users", "orders", "products")}
    answer = await (await start_gateway(services)).get(PROFILE)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"


async def test_products_alone_failing_with_a_dead_user_is_still_an_answer(start_gateway: StartGateway) -> None:
    """Orders without user and products are worth having."""
    services = FakeServices.with_profile()
    services.failures = {"users": Unreachable("gone"), "products": BadResponse("odd")}
    answer = await (await start_gateway(services)).get(PROFILE)
    assert answer.status_code == 200
    assert answer.json()["metadata"]["parts"]["products"]["reason"] == "bad_response"


async def test_a_user_who_does_not_exist_is_404_and_remembered(start_gateway: StartGateway) -> None:
    """Only the user service's own word makes a 404; it is kept for a short while."""
    gateway = await start_gateway()
    first = await gateway.get("/api/profile/nobody")
    calls = len(gateway.services.calls)
    second = await gateway.get("/api/profile/nobody")
    assert (first.status_code, second.status_code) == (404, 404)
    assert first.headers["cache-status"] == "memory; fwd=uri-miss; stored; ttl=4"
    assert second.headers["cache-status"].startswith("memory; hit")
    assert len(gateway.services.calls) == calls
    assert second.json()["detail"] == first.json()["detail"]


async def test_an_unknown_user_is_not_remembered_when_that_is_turned_off(start_gateway: StartGateway) -> None:
    """CACHE_NEGATIVE_TTL_SECONDS=0 asks the service each time."""
    gateway = await start_gateway(CACHE_NEGATIVE_TTL_SECONDS="0")
    await gateway.get("/api/profile/nobody")
    answer = await gateway.get("/api/profile/nobody")
    assert answer.headers["cache-status"] == "memory; fwd=uri-miss"


async def test_an_unknown_user_does_not_wait_for_slow_orders(start_gateway: StartGateway) -> None:
    """The 404 goes out as soon as the user service has spoken."""
    services = FakeServices.with_profile()
    services.gates["orders"] = asyncio.Event()
    answer = await (await start_gateway(services)).get("/api/profile/nobody")
    assert answer.status_code == 404


async def test_a_user_without_orders_has_empty_parts(start_gateway: StartGateway) -> None:
    """Known to be empty is not unknown: a list, a map, and no call for products."""
    services = FakeServices.with_profile()
    services.orders.clear()
    gateway = await start_gateway(services)
    document = (await gateway.get(PROFILE)).json()
    assert (document["orders"], document["products"]) == ([], {})
    assert document["metadata"]["partial"] is False
    assert [service for service, _ in gateway.services.calls if service == "products"] == []


async def test_products_the_service_does_not_know_are_absent(start_gateway: StartGateway) -> None:
    """An unknown product id is no failure."""
    services = FakeServices.with_profile()
    del services.products["p3"]
    document = (await (await start_gateway(services)).get(PROFILE)).json()
    assert set(document["products"]) == {"p1", "p2"}
    assert document["metadata"]["partial"] is False


async def test_user_and_orders_are_asked_at_once(start_gateway: StartGateway) -> None:
    """The first wave is parallel: orders are asked while the user is still awaited."""
    services = FakeServices.with_profile()
    services.gates["users"] = asyncio.Event()
    gateway = await start_gateway(services)
    asked = asyncio.ensure_future(gateway.get(PROFILE))
    while len(services.calls) < 3:
        await asyncio.sleep(0)
    services.gates["users"].set()
    assert (await asked).status_code == 200


async def test_many_products_cost_several_batches_at_once(start_gateway: StartGateway) -> None:
    """More than 100 distinct products are asked in parallel calls of at most 100, each id once."""
    names = [f"p{number}" for number in range(250)]
    services = FakeServices.with_profile()
    services.orders["user1"] = [order("o1", "user1", *names), order("o2", "user1", *names[:50])]
    services.products = {name: product(name) for name in names}
    services.gates["products"] = asyncio.Event()
    gateway = await start_gateway(services)
    asked = asyncio.ensure_future(gateway.get(PROFILE))
    while len(services.batches) < 3:
        await asyncio.sleep(0)
    services.gates["products"].set()
    document = (await asked).json()
    assert [len(batch) for batch in services.batches] == [100, 100, 50]
    assert sorted(name for batch in services.batches for name in batch) == sorted(names)
    assert document["metadata"]["products_count"] == 250


async def test_one_failing_batch_makes_the_products_missing(start_gateway: StartGateway) -> None:
    """Half a map of products would pass unknown for unknown-to-the-service."""
    names = [f"p{number}" for number in range(150)]
    services = FakeServices.with_profile()
    services.orders["user1"] = [order("o1", "user1", *names)]
    services.failures["products"] = AttemptTimeout("slow")
    document = (await (await start_gateway(services)).get(PROFILE)).json()
    assert document["products"] is None
    assert document["metadata"]["parts"]["products"] == {"status": "missing", "reason": "timeout"}


@pytest.mark.parametrize(
    "user_id",
    ["a.b", "%20", "a%20b", "a%2Fb", "%00", "%FF", "%C3%A9", "x" * 65, "a@example.com", "a;b", "*", "%0Ax", "a%0A"],
)
async def test_a_bad_user_id_is_400_and_reaches_no_service(start_gateway: StartGateway, user_id: str) -> None:
    """What is no identifier is refused at the door, with the rule in the answer."""
    gateway = await start_gateway()
    answer = await gateway.get(f"/api/profile/{user_id}")
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:problem:invalid-input"
    assert "1 to 64 characters" in answer.json()["detail"]
    assert gateway.services.calls == []


@pytest.mark.parametrize("user_id", ["a", "x" * 64, "A-Z_0-9", "user%31"])
async def test_every_identifier_of_the_contract_is_taken(start_gateway: StartGateway, user_id: str) -> None:
    """The bounds are inclusive, and percent-encoding of a plain character is the character."""
    gateway = await start_gateway()
    assert (await gateway.get(f"/api/profile/{user_id}")).status_code in {200, 404}
    assert gateway.services.calls


async def test_a_slow_service_costs_no_more_than_the_budget(start_gateway: StartGateway) -> None:
    """Parts that do not come within their time are missing with reason timeout."""
    services = FakeServices.with_profile()
    services.gates["orders"] = asyncio.Event()
    gateway = await start_gateway(services, ATTEMPT_TIMEOUT_SECONDS="0.5")
    document = (await gateway.get(PROFILE)).json()
    assert document["orders"] is None
    assert document["metadata"]["parts"]["orders"] == {"status": "missing", "reason": "timeout"}


@pytest.mark.parametrize(("percent", "lines"), [("0", 1), ("100", 11)])
async def test_hits_are_written_down_as_often_as_wanted(start_gateway: StartGateway, percent: str, lines: int) -> None:
    """The log has a line for the miss in any case; metrics count all."""
    gateway = await start_gateway(LOG_HITS_PERCENT=percent)
    written: list[bytes] = []
    with heard(written.append):
        for _ in range(11):
            await gateway.get(PROFILE)
    assert len([line for line in written if b'"logger":"access"' in line]) == lines

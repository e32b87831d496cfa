"""An answer about somebody else than was asked for is none, whatever it says, and is noticed."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
import pytest
from prometheus_client import REGISTRY

from shared.upstream.call import Call, Reply
from tests.fixtures.fake_services import JSON, FakeServices, order, product, user
from tests.fixtures.gateway import Clock, StartGateway
from tests.fixtures.log_lines import heard

PROFILE: Final = "/api/profile/user1"
_OTHERS: Final = (
    "user2",
    "USER1",
    "User1",
    "user1 ",
    " user1",
    "user",
    "user11",
    "",
    "us\u0435r1",
    "user1\u0000",
    "user1/../user2",
)
_SERVICES: Final = {"users": "user_service", "orders": "order_service", "products": "product_service"}
_PARTS: Final = {"users": ("user",), "orders": ("orders", "products")}


def _counts(service: str, outcome: str) -> tuple[float, float]:
    labels = {"service_name": _SERVICES[service], "outcome": outcome}
    attempts = REGISTRY.get_sample_value("upstream_attempts_total", labels)
    calls = REGISTRY.get_sample_value("upstream_calls_total", labels)
    assert attempts is not None  # counted from zero
    assert calls is not None
    return attempts, calls


def _says(document: object) -> Callable[[Call[Any]], Reply]:
    return lambda _call: Reply(200, JSON, orjson.dumps(document))


def _about(service: str, other: str) -> Mapping[str, Callable[[Call[Any]], Reply]]:
    if service == "users":
        return {"users": _says(user(other))}
    return {"orders": _says([order("o1", "user1", "p1"), order("o2", other, "p2"), order("o3", "user1")])}


@pytest.mark.parametrize("other", _OTHERS)
@pytest.mark.parametrize("service", ["users", "orders"])
async def test_an_answer_about_another_user_is_a_bad_response(
    start_gateway: StartGateway, service: str, other: str
) -> None:
    """Exactly the id that was asked for, or the part is missing; it is counted by itself, not tried again, not kept."""
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, CACHE_THROTTLE_SECONDS="0")
    services.replies |= _about(service, other)
    before = _counts(service, "wrong_subject"), _counts(service, "bad_response")
    answer = await gateway.get(PROFILE)
    parts = answer.json()["metadata"]["parts"]
    assert answer.headers["cache-control"] == "no-store"
    for name, part in parts.items():
        if name in _PARTS[service]:
            assert part == {"status": "missing", "reason": "bad_response"}
            assert answer.json()[name] is None
        else:
            assert part == {"status": "fresh"}
    (attempts, calls), bad = before
    assert _counts(service, "wrong_subject") == (attempts + 1, calls + 1)
    assert _counts(service, "bad_response") == bad
    services.replies.clear()
    assert (await gateway.get(PROFILE)).json()["metadata"]["partial"] is False


@pytest.mark.parametrize("service", ["users", "orders"])
async def test_what_was_last_known_good_outlives_it(start_gateway: StartGateway, service: str) -> None:
    """The older, right answer stands in, marked stale."""
    clock = Clock()
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, clock=clock)
    good = (await gateway.get(PROFILE)).json()
    services.replies |= _about(service, "user2")
    clock.now += 40
    document = (await gateway.get(PROFILE)).json()
    part = _PARTS[service][0]
    assert document[part] == good[part]
    assert document["metadata"]["parts"][part] == {
        "status": "stale",
        "age": pytest.approx(40),
        "reason": "bad_response",
    }


@pytest.mark.parametrize("service", ["users", "orders"])
async def test_the_breaker_hears_of_it(start_gateway: StartGateway, service: str) -> None:
    """A service that answers for the wrong person again and again is left alone."""
    services = FakeServices.with_profile()
    services.replies |= _about(service, "somebody-else")
    services.users |= {f"person{number}": user(f"person{number}") for number in range(10)}
    gateway = await start_gateway(services, BREAKER_MIN_CALLS="5")
    for number in range(5):
        await gateway.get(f"/api/profile/person{number}")
    parts = (await gateway.get("/api/profile/person9")).json()["metadata"]["parts"]
    assert parts[_PARTS[service][0]]["reason"] == "circuit_open"


async def test_an_empty_list_is_about_nobody_and_right(start_gateway: StartGateway) -> None:
    """A user without orders is no wrong answer."""
    services = FakeServices.with_profile()
    services.replies["orders"] = _says([])
    document = (await (await start_gateway(services)).get(PROFILE)).json()
    assert (document["orders"], document["metadata"]["partial"]) == ([], False)


@pytest.mark.parametrize("other", ["p9", "P1", "p1 ", "", "p11"])
async def test_a_wrong_product_costs_what_it_stands_for(start_gateway: StartGateway, other: str) -> None:
    """The product without a record is absent, the part says so, and the others are given and kept; counted once."""
    services = FakeServices.with_profile()
    services.replies["products"] = _says([product(other), product("p2"), product("p3")])
    gateway = await start_gateway(services, CACHE_THROTTLE_SECONDS="0")
    before = _counts("products", "wrong_subject")
    answer = await gateway.get(PROFILE)
    document = answer.json()
    assert set(document["products"]) == {"p2", "p3"}
    assert document["metadata"]["products_count"] == 2
    assert document["metadata"]["parts"]["products"] == {"status": "partial", "reason": "bad_response"}
    assert document["metadata"]["partial"] is True
    assert answer.headers["cache-control"] == "no-store"
    assert _counts("products", "wrong_subject") == (before[0] + 1, before[1] + 1)
    services.replies.clear()
    assert (await gateway.get(PROFILE)).json()["metadata"]["partial"] is False
    assert services.batches == [["p1", "p3", "p2"], ["p1"]]


async def test_only_wrong_products_are_no_answer(start_gateway: StartGateway) -> None:
    """The answer to another batch: nothing of it is taken."""
    services = FakeServices.with_profile()
    services.replies["products"] = _says([product("p7"), product("p8")])
    document = (await (await start_gateway(services)).get(PROFILE)).json()
    assert document["products"] is None
    assert document["metadata"]["parts"]["products"] == {"status": "missing", "reason": "bad_response"}


async def test_wrong_products_do_not_open_the_breaker_for_the_others(start_gateway: StartGateway) -> None:
    """One product that is always wrong costs no other product anything."""
    services = FakeServices.with_profile()
    services.products["p1"]["id"] = "p7"
    for number in range(20):
        services.users[f"person{number}"] = user(f"person{number}")
        services.orders[f"person{number}"] = [order("o", f"person{number}", "p1", f"q{number}")]
        services.products[f"q{number}"] = product(f"q{number}")
    gateway = await start_gateway(services, BREAKER_MIN_CALLS="5", CACHE_THROTTLE_SECONDS="0")
    for number in range(20):
        document = (await gateway.get(f"/api/profile/person{number}")).json()
        assert list(document["products"]) == [f"q{number}"]


async def test_a_flood_of_them_is_told_in_few_lines_without_an_id(start_gateway: StartGateway) -> None:
    """Errors that say which service and path, how many were not told of, and nobody's name."""
    services = FakeServices.with_profile()
    services.replies |= {**_about("users", "mallory"), **_about("orders", "mallory")}
    gateway = await start_gateway(services, CACHE_THROTTLE_SECONDS="0", BREAKER_MIN_CALLS="100000")
    written: list[bytes] = []
    with heard(written.append):
        for _ in range(30):
            await gateway.get(PROFILE)
    told = [orjson.loads(line) for line in written if b"upstream answer about wrong subject" in line]
    paths = {"user_service": "/users/{user_id}", "order_service": "/orders/user/{user_id}"}
    for service, path in paths.items():
        lines = [line for line in told if line["upstream"] == service]
        assert len(lines) == 5
        assert {(line["level"], line["path"]) for line in lines} == {("error", path)}
    assert not any(b"mallory" in line or b"user1" in line for line in written)
    assert not any(b"upstream failed" in line for line in written)

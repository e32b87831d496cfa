"""Whatever services say, every body that leaves the gateway can be read by a strict reader of JSON."""

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson
import pytest

from tests.fixtures.fake_services import FakeServices, order, product, user
from tests.fixtures.gateway import StartGateway

_PLENTY: Final = {"BREAKER_MIN_CALLS": "100000", "CACHE_THROTTLE_SECONDS": "0"}

_NUMBERS: Final = (
    "0", "-0", "1.50", "1e5", "1E-300", "1e300", "-1e300", "1e309", "1e999999999999", "-1e999999999999", "0e9999",
    "9007199254740991", "9007199254740992", "18446744073709551616", "9" * 40, "9" * 41, "9" * 400, "0." + "9" * 400,
    "01", "+1", ".5", "1.", "NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity", "0x10", "1_000.5", " 12 ",
    "\u0661\u0662",
)  # fmt: skip
_MOMENTS: Final = (
    "2026-01-02T03:04:05.123456789Z", "2026-01-02 03:04:05z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
    "2026-01-02T03:04:05", "2026-01-02T23:59:60Z", "2026-02-30T00:00:00Z", "+12026-01-02T03:04:05Z",
)  # fmt: skip
_OTHERS: Final = (
    "null", "true", "[]", "{}", '""', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\u2028</script>"', '"\\""',
    '"\t"', '"\xff"', '"' + "x" * 100_000 + '"', "[" * 2_000 + "]" * 2_000,
)  # fmt: skip
_FRAGMENTS: Final = tuple(
    dict.fromkeys((*_NUMBERS, *(f'"{text}"' for text in (*_NUMBERS, *_MOMENTS)), *_OTHERS, '"\udce9"'))
)


_PLACES: Final = (
    *(("user", name) for name in user("u") if name != "password_hash"),
    *(("order", name) for name in order("o", "u")),
    *(("item", name) for name in ("product_id", "quantity", "price")),
    *(("product", name) for name in product("p")),
)


def _constant(name: str) -> float:
    raise ValueError(name)


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def _strictly(body: bytes) -> Any:
    """As strict a reading as two readers together give: no constants, no lone surrogates, no name twice."""
    orjson.loads(body)
    return json.loads(body.decode("utf-8"), parse_constant=_constant, object_pairs_hook=_pairs)


def _written(fragment: str) -> orjson.Fragment:
    return orjson.Fragment(fragment.encode("utf-8", "surrogateescape"))


def _services(place: str, name: str, fragments: Mapping[str, str]) -> FakeServices:
    """Users, each of whom has one fragment of JSON in that place."""
    services = FakeServices()
    for user_id, fragment in fragments.items():
        things = {
            "user": user(user_id),
            "order": order("o", user_id, f"p-{user_id}"),
            "product": product(f"p-{user_id}"),
        }
        item: Any = things["order"]["items"]
        things["item"] = item[0]
        things[place][name] = _written(fragment)
        services.users[user_id] = things["user"]
        services.orders[user_id] = [things["order"]]
        services.products[f"p-{user_id}"] = things["product"]
    return services


@pytest.mark.parametrize(("place", "name"), _PLACES)
async def test_whatever_a_service_writes_what_leaves_is_json(
    start_gateway: StartGateway, place: str, name: str
) -> None:
    """Each field in turn is each of many odd things; the answer, new and cached, can be read strictly, and is whole."""
    fragments = {f"user{number}": fragment for number, fragment in enumerate(_FRAGMENTS)}
    gateway = await start_gateway(_services(place, name, fragments), **_PLENTY)
    for user_id in fragments:
        answer = await gateway.get(f"/api/profile/{user_id}")
        document = _strictly(answer.content)
        assert answer.status_code == 200
        assert document["metadata"]["user_id"] == user_id
        statuses = {part["status"] for part in document["metadata"]["parts"].values()}
        assert document["metadata"]["partial"] is (statuses != {"fresh"})
        if not document["metadata"]["partial"]:
            kept = _strictly((await gateway.get(f"/api/profile/{user_id}")).content)
            assert kept == document | {"metadata": document["metadata"] | {"cached": True}}


@pytest.mark.parametrize("fragment", _NUMBERS)
async def test_what_is_no_amount_of_money_is_a_bad_response(start_gateway: StartGateway, fragment: str) -> None:
    """An amount in a string is a number in the answer; what is none costs the orders, and is not kept."""
    services = _services("item", "price", {"user1": f'"{fragment}"'})
    gateway = await start_gateway(services, **_PLENTY)
    document = _strictly((await gateway.get("/api/profile/user1")).content)
    try:
        taken = abs(_strictly(fragment.encode())) < 1e300 and len(fragment) <= 40 and fragment.strip() == fragment
    except ValueError:
        taken = False
    if taken:
        assert document["orders"][0]["items"][0]["price"] == _strictly(fragment.encode())
    else:
        assert document["metadata"]["parts"]["orders"] == {"status": "missing", "reason": "bad_response"}
    again = await gateway.get("/api/profile/user1")
    assert ("hit" in again.headers["cache-status"]) is taken

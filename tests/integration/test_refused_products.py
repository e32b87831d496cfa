"""Product ids that the product service refuses, and records that are none: each costs itself and nothing else."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import orjson
import pytest

from shared.errors import AttemptTimeout
from shared.ids import is_id
from shared.upstream.call import Call, Reply
from tests.fixtures.fake_services import JSON, FakeServices, order, product, user
from tests.fixtures.gateway import Clock, Gateway, StartGateway

PROFILE: Final = "/api/profile/user1"
_GOOD: Final = ("p1", "p2", "p3", "p4", "p5")
_HTML: Final = {"content-type": "text/html"}
_ODD: Final = ("", "a b", "p1/..", "\u0661", "x" * 65, "y" * 5_000, "{p1}", "p1\n")


def _asked(call: Call[Any]) -> list[str]:
    assert call.body is not None
    wanted: list[str] = orjson.loads(call.body)["product_ids"]
    return wanted


def _refusing(bad: Collection[str], status: int = 422) -> Callable[[Call[Any]], Reply | None]:
    """Refuses the whole of a batch with one of these."""
    return lambda call: Reply(status, JSON, b'{"title":"no"}') if set(bad) & set(_asked(call)) else None


def _services(*orders: Sequence[str]) -> FakeServices:
    """As many users, user1 and so on, with one order of these products each; the good ones exist."""
    services = FakeServices(products={name: product(name) for name in _GOOD})
    for number, names in enumerate(orders, start=1):
        services.users[f"user{number}"] = user(f"user{number}")
        services.orders[f"user{number}"] = [order("o1", f"user{number}", *names)]
    return services


async def _products(gateway: Gateway, user_id: str = "user1") -> tuple[set[str] | None, Mapping[str, object]]:
    document = (await gateway.get(f"/api/profile/{user_id}")).json()
    products = document["products"]
    return None if products is None else set(products), document["metadata"]["parts"]["products"]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
@pytest.mark.parametrize("place", range(6))
async def test_a_refused_id_is_absent_and_the_part_fresh(start_gateway: StartGateway, place: int, status: int) -> None:
    """Wherever it stands among the others, and with whatever status the service refuses."""
    names = [*_GOOD[:place], "bad", *_GOOD[place:]]
    services = _services(names)
    services.replies["products"] = _refusing({"bad"}, status)
    assert await _products(await start_gateway(services)) == (set(_GOOD), {"status": "fresh"})


@pytest.mark.parametrize("odd", _ODD)
async def test_an_id_that_is_none_is_asked_for_apart(start_gateway: StartGateway, odd: str) -> None:
    """The good ones never see it; where it is refused it is not asked for again for a while, and then it is."""
    clock = Clock()
    services = _services([*_GOOD, odd], [odd], ["p1", odd])
    services.replies["products"] = _refusing({odd})
    gateway = await start_gateway(services, clock=clock)
    assert await _products(gateway) == (set(_GOOD), {"status": "fresh"})
    assert services.batches[:2] == [list(_GOOD), [odd]]
    calls = len(services.batches)
    assert await _products(gateway, "user2") == (set(), {"status": "fresh"})
    assert await _products(gateway, "user3") == ({"p1"}, {"status": "fresh"})
    assert len(services.batches) == calls
    clock.now += 31
    assert await _products(gateway, "user2") == (set(), {"status": "fresh"})
    assert [odd] in services.batches[calls:]


async def test_an_id_that_is_none_may_exist_all_the_same(start_gateway: StartGateway) -> None:
    """Where the service takes it, it is given."""
    services = _services([*_GOOD, "a b"])
    services.products["a b"] = product("a b")
    assert await _products(await start_gateway(services)) == ({*_GOOD, "a b"}, {"status": "fresh"})
    assert services.batches == [list(_GOOD), ["a b"]]


async def test_a_refused_id_is_remembered_and_nothing_else_is_throttled(start_gateway: StartGateway) -> None:
    """Others who want the good ones get them from memory, and nobody asks for the refused one again."""
    services = _services([*_GOOD, "bad"], ["p1", "bad"], ["bad", "p6"])
    services.products["p6"] = product("p6")
    services.replies["products"] = _refusing({"bad"})
    gateway = await start_gateway(services)
    await gateway.get(PROFILE)
    del services.batches[:]
    assert await _products(gateway, "user2") == ({"p1"}, {"status": "fresh"})
    assert await _products(gateway, "user3") == ({"p6"}, {"status": "fresh"})
    assert services.batches == [["p6"]]


async def test_whoever_joins_the_batch_gets_the_same(start_gateway: StartGateway) -> None:
    """A second user who wants one of the good ones waits for the splitting, and gets it."""
    services = _services([*_GOOD, "bad"], ["p5"], ["bad", "p1"])
    services.replies["products"] = _refusing({"bad"})
    services.gates["products"] = asyncio.Event()
    gateway = await start_gateway(services)
    first = asyncio.ensure_future(_products(gateway))
    while not services.batches:
        await asyncio.sleep(0)
    others = [asyncio.ensure_future(_products(gateway, name)) for name in ("user2", "user3")]
    while len([1 for service, _ in services.calls if service != "products"]) < 6:
        await asyncio.sleep(0)
    services.gates["products"].set()
    assert await first == (set(_GOOD), {"status": "fresh"})
    assert [await other for other in others] == [({"p5"}, {"status": "fresh"}), ({"p1"}, {"status": "fresh"})]
    assert sum("bad" in batch for batch in services.batches) <= 4


async def test_a_service_that_refuses_everything_complains_of_something_else(start_gateway: StartGateway) -> None:
    """Unknown is not refused: the products are missing, and what was last known good stands in."""
    clock = Clock()
    services = _services(_GOOD, ["p1", "p6"], ["p6"])
    services.replies["products"] = lambda _call: Reply(422, JSON, b"{}")
    gateway = await start_gateway(services, clock=clock)
    assert await _products(gateway) == (None, {"status": "missing", "reason": "bad_response"})
    services.replies.clear()
    clock.now += 2
    assert await _products(gateway) == (set(_GOOD), {"status": "fresh"})
    services.replies["products"] = lambda _call: Reply(422, JSON, b"{}")
    clock.now += 40
    del services.batches[:]
    products, part = await _products(gateway)
    assert (products, part["status"], part["reason"]) == (set(_GOOD), "stale", "bad_response")
    assert len(services.batches) <= 32
    assert await _products(gateway, "user3") == (None, {"status": "missing", "reason": "bad_response"})
    products, part = await _products(gateway, "user2")
    assert (products, part["status"], part["reason"]) == ({"p1"}, "partial", "bad_response")
    assert part["age"] == pytest.approx(40, abs=0.2)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, _HTML, b"<html>"), Reply(404, JSON, b""), Reply(404, {}, b"{}"), Reply(401, JSON, b"{}"),
        Reply(403, JSON, b"{}"), Reply(418, JSON, b"{}"), Reply(409, JSON, b"{}"),
    ],
    ids=lambda reply: f"{reply.status} {reply.body.decode()} {reply.headers}",
)  # fmt: skip
async def test_other_statuses_are_no_refusal(start_gateway: StartGateway, reply: Reply) -> None:
    """They are not about the ids, so the batch is not split."""
    services = _services([*_GOOD, "bad"])
    services.replies["products"] = lambda _call: reply
    assert await _products(await start_gateway(services)) == (None, {"status": "missing", "reason": "bad_response"})
    assert len(services.batches) == 1


async def test_many_refused_ids_cost_a_bounded_number_of_calls(start_gateway: StartGateway) -> None:
    """What could not be sifted is not known; the next requests sift on, until all is known."""
    clock = Clock()
    names = [name for number in range(40) for name in (f"good{number}", f"bad{number}")]
    services = _services(names)
    services.products = {name: product(name) for name in names if name.startswith("good")}
    services.replies["products"] = _refusing([name for name in names if name.startswith("bad")])
    gateway = await start_gateway(services, clock=clock, CACHE_TTL_SECONDS="600", REQUEST_BUDGET_SECONDS="30")
    known: set[str] = set()
    for _ in range(10):
        del services.batches[:]
        products, part = await _products(gateway)
        assert len(services.batches) <= 32
        if part == {"status": "fresh"}:
            break
        assert part == {"status": "partial", "reason": "bad_response"}
        assert products is not None
        assert known < products
        known = products
        clock.now += 1.1
    assert await _products(gateway) == ({f"good{number}" for number in range(40)}, {"status": "fresh"})


@pytest.mark.parametrize(
    "record",
    [
        {"price": "NaN"}, {"price": None}, {"stock_quantity": "3"}, {"stock_quantity": 2**60}, {"name": 7},
        {"category": None}, {"description": ["x"]},
    ],
    ids=str,
)  # fmt: skip
async def test_a_record_of_the_wrong_shape_costs_its_product(start_gateway: StartGateway, record: Any) -> None:
    """The others are given, kept, and not asked for again; an unknown one is known to be unknown."""
    clock = Clock()
    services = _services(["p1", "nothing", "p2"])
    services.products["p1"] |= record
    gateway = await start_gateway(services, clock=clock)
    for _ in range(2):  # of which the second is throttled
        assert await _products(gateway) == ({"p2"}, {"status": "partial", "reason": "bad_response"})
    services.products["p1"] = product("p1")
    clock.now += 1.1
    assert await _products(gateway) == ({"p1", "p2"}, {"status": "fresh"})
    assert services.batches == [["p1", "nothing", "p2"], ["p1"]]


@pytest.mark.parametrize("record", [None, 7, "p1", [], {}, {"id": None}, {"id": 1}, {"name": "p1"}], ids=str)
async def test_a_record_without_a_name_may_be_any_that_has_none(start_gateway: StartGateway, record: object) -> None:
    """What has no record is then not known, rather than unknown to the service."""
    services = _services(["p1", "p2", "p3"])
    services.replies["products"] = lambda _call: Reply(200, JSON, orjson.dumps([record, product("p2")]))
    gateway = await start_gateway(services, CACHE_THROTTLE_SECONDS="0")
    assert await _products(gateway) == ({"p2"}, {"status": "partial", "reason": "bad_response"})
    services.replies.clear()
    assert await _products(gateway) == ({"p1", "p2", "p3"}, {"status": "fresh"})
    assert services.batches == [["p1", "p2", "p3"], ["p1", "p3"]]


async def test_a_batch_that_does_not_come_makes_the_products_missing(start_gateway: StartGateway) -> None:
    """Of two calls one times out: the service could not be asked, which is another matter than one wrong record."""
    clock = Clock()
    names = [f"n{number}" for number in range(150)]
    services = _services(names)
    services.products = {name: product(name) for name in names}

    def reply(call: Call[Any]) -> Reply | None:
        if "n149" in _asked(call):
            raise AttemptTimeout("slow")
        return None

    services.replies["products"] = reply
    gateway = await start_gateway(services, clock=clock)
    assert await _products(gateway) == (None, {"status": "missing", "reason": "timeout"})
    services.replies.clear()
    clock.now += 1.1
    assert await _products(gateway) == (set(names), {"status": "fresh"})
    assert [len(batch) for batch in services.batches] == [100, 50, 50]


def test_the_odd_ids_are_none() -> None:
    """What these tests take for no identifier is none."""
    assert not any(is_id(odd) for odd in _ODD)

"""The gateway's OpenAPI document: of every route, and true of every answer."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bff.aggregates.kind import AggregateKind
from bff.parts.part import Aggregate
from bff.parts.single import single
from bff.parts.sources import Sources
from bff.sources.orders import ORDER_SERVICE, Order
from shared.errors import AttemptTimeout, DeclarationError, ServiceUnavailable, Unreachable
from shared.http import routing
from tests.fixtures.edge_on import IS_ON, SHOWN_TEXT
from tests.fixtures.fake_services import FakeServices, product, user
from tests.fixtures.gateway import Clock, Gateway, StartGateway
from tests.fixtures.issuer import Issuer
from tests.fixtures.openapi import Described
from tests.fixtures.redis_server import RedisServer
from tests.kit.wire import Wire

PAGE = Path(__file__).resolve().parents[2] / "docs/openapi.md"
TOKEN = "a-token-of-thirty-two-characters"
PROFILE = "/api/profile/{user_id}"
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "bare": {},
    "admin": {"ADMIN_TOKEN": TOKEN},
    "no early answers": {"EARLY_ANSWERS": "false"},
}
in_all_settings = pytest.mark.parametrize("environment", SETTINGS.values(), ids=SETTINGS.keys())


async def _described(gateway: Gateway) -> Described:
    return Described((await gateway.get("/openapi.json")).json())


@in_all_settings
async def test_it_is_valid_and_its_examples_are(start_gateway: StartGateway, environment: Mapping[str, str]) -> None:
    """By the rules of OpenAPI 3.1, and each example by its schema."""
    described = await _described(await start_gateway(**environment))
    described.assert_valid()
    examples = list(described.examples())
    for where, schema, value in examples:
        described.assert_fits(schema, value, where)
    assert {f"GET {PROFILE} application/json whole", f"GET {PROFILE} application/json partial"} <= {
        where for where, _, _ in examples
    }


@in_all_settings
async def test_every_route_is_in_it(start_gateway: StartGateway, environment: Mapping[str, str]) -> None:
    """Those that there are with these settings, and no others."""
    gateway = await start_gateway(**environment)
    told = {(method, path) for method, path, _ in (await _described(gateway)).operations()}
    routed = {
        (method, "/" + route.path.replace("<", "{").replace(":str>", "}"))
        for route in gateway.client.app.router.routes
        for method in route.methods - {"HEAD", "OPTIONS"}
    }
    assert told == routed
    assert (("DELETE", "/api/cache") in told) == (IS_ON or "ADMIN_TOKEN" in environment)


async def test_the_page_about_it_lists_its_paths(start_gateway: StartGateway) -> None:
    """As they are where nothing is set."""
    described = await _described(await start_gateway(AUTH="off"))
    listed = re.search(r'sep="\\n"\)\'\n(.*?)```', PAGE.read_text(), re.DOTALL)
    assert listed is not None
    assert listed[1].split() == [*described.document["paths"]]


async def test_admin_operations_are_told_apart(start_gateway: StartGateway) -> None:
    """They have a tag, the last one, and the bearer scheme; nothing else has."""
    described = await _described(await start_gateway(ADMIN_TOKEN=TOKEN, AUTH="off"))
    assert [tag["name"] for tag in described.document["tags"]] == [
        "aggregates",
        "commands",
        "operations",
        "pages",
        "admin",
    ]
    for method, path, operation in described.operations():
        is_admin = (path.startswith("/api/cache") and method == "DELETE") or path in {"/api/events", "/api/revocations"}
        assert (operation["tags"] == ["admin"]) == is_admin
        assert operation.get("security") == ([{"admin_token": []}] if is_admin else None)


async def test_it_is_kept_by_whoever_has_it(start_gateway: StartGateway) -> None:
    """Ready bytes with a tag: 304 says that they are still the same."""
    gateway = await start_gateway()
    plain = await gateway.get("/openapi.json", Accept_Encoding="identity")
    gzipped = await gateway.get("/openapi.json", Accept_Encoding="gzip")
    assert plain.headers["cache-control"] == "no-cache"
    described = Described(plain.json())
    same = await gateway.get("/openapi.json", If_None_Match=plain.headers["etag"])
    for answer in (plain, gzipped, same):
        described.assert_tells_of("GET", "/openapi.json", answer)
    assert same.status_code == 304
    head = await gateway.client.head("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert (head.content, head.headers["content-length"]) == (b"", plain.headers["content-length"])
    assert (await gateway.client.options("/openapi.json")).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_the_index_leads_to_it(start_gateway: StartGateway) -> None:
    """Whoever begins at ``/`` finds it."""
    assert (await (await start_gateway()).get("/")).json()["links"]["openapi"] == "/openapi.json"


@pytest.mark.parametrize("early", ["true", "false"])
async def test_it_is_true_of_whole_answers(start_gateway: StartGateway, early: str) -> None:
    """Made now, out of memory, and not sent again; the example has the same members."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    described = await _described(gateway)
    made, hit = await gateway.get("/api/profile/user1"), await gateway.get("/api/profile/user1")
    same = await gateway.get("/api/profile/user1", If_None_Match=hit.headers["etag"])
    assert [answer.status_code for answer in (made, hit, same)] == [200, 200, 304]
    for answer in (made, hit, same):
        described.assert_tells_of("GET", PROFILE, answer)
    found = described.document["paths"][PROFILE]["get"]["responses"]["200"]["content"]["application/json"]
    assert _members(found["examples"]["whole"]["value"]) == _members(made.json())


@pytest.mark.parametrize("early", ["true", "false"])
async def test_it_is_true_of_views(start_gateway: StartGateway, early: str) -> None:
    """Their names are those of the parameter, and each has documents of its own: whole, partial, or refused."""
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    described = await _described(gateway)
    operation = described.document["paths"][PROFILE]["get"]
    (view,) = [parameter["schema"] for parameter in operation["parameters"] if parameter["name"] == "view"]
    assert view["enum"] == ["card"]
    answers = [await gateway.get(f"/api/profile/user1?view={name}") for name in ("card", "card", "other", "")]
    services.failures["orders"] = Unreachable("down")
    services.users["user2"] = user("user2")
    answers.append(await gateway.get("/api/profile/user2?view=card"))
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400, 200]
    for answer in answers:
        described.assert_tells_of("GET", PROFILE, answer)
    examples = operation["responses"]["200"]["content"]["application/json"]["examples"]
    assert {*examples} == {"whole", "partial", "card", "partial card"}
    assert _members(examples["card"]["value"]) == _members(answers[0].json())


def _members(value: Any) -> Any:
    """Names and types of what is in ``value``, of a list or of things by id those of any."""
    if isinstance(value, dict):
        by_id = all(isinstance(one, dict) and one.get("id") == name for name, one in value.items())
        return [_members(next(iter(value.values())))] if by_id else {name: _members(one) for name, one in value.items()}
    return [_members(value[0])] if isinstance(value, list) else type(value).__name__


async def test_it_is_true_of_stale_partial_and_missing_parts(start_gateway: StartGateway) -> None:
    """Each provenance is one of those that it tells of for that part."""
    clock, services = Clock(), FakeServices.with_profile()
    gateway = await start_gateway(services, clock=clock, PRODUCTS_MAX="2")
    described = await _described(gateway)
    partial = await gateway.get("/api/profile/user1")
    clock.now += 60
    services.failures = {"orders": AttemptTimeout("late")}
    stale = await gateway.get("/api/profile/user1")
    services.users["user2"] = user("user2")
    missing = await gateway.get("/api/profile/user2")
    statuses = []
    for answer in (partial, stale, missing):
        described.assert_tells_of("GET", PROFILE, answer)
        statuses.append({name: part["status"] for name, part in answer.json()["metadata"]["parts"].items()})
    assert statuses[0]["products"] == "partial"
    assert (statuses[1]["orders"], statuses[2]["orders"], statuses[2]["products"]) == ("stale", "missing", "missing")


async def test_it_is_true_of_amounts_as_services_write_them(start_gateway: StartGateway) -> None:
    """Text or number, it leaves as a number."""
    services = FakeServices.with_profile()
    services.products["p1"] = product("p1") | {"price": "12345678901234567890.10"}
    gateway = await start_gateway(services)
    answer = await gateway.get("/api/profile/user1")
    assert b'"price":12345678901234567890.10' in answer.content
    (await _described(gateway)).assert_tells_of("GET", PROFILE, answer)


@pytest.mark.parametrize("early", ["true", "false"])
async def test_it_is_true_of_problems(start_gateway: StartGateway, early: str) -> None:
    """Of a bad id, an unknown user, made now and remembered, and of nothing to give."""
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    described = await _described(gateway)
    answers = [await gateway.get(f"/api/profile/{one}") for one in ("a.b", "nobody", "nobody")]
    services.failures = {name: Unreachable("gone") for name in ("users", "orders", "products")}
    answers.append(await gateway.get("/api/profile/user1"))
    answers.append(await gateway.get("/api/profile/user1", If_None_Match="*"))
    assert [answer.status_code for answer in answers] == [400, 404, 404, 503, 503]
    for answer in answers:
        described.assert_tells_of("GET", PROFILE, answer)


@pytest.mark.parametrize("early", ["true", "false"])
async def test_it_is_true_of_requests_that_are_shed(start_gateway: StartGateway, early: str) -> None:
    """503 with Retry-After, while there is too much to do."""
    services, gate = FakeServices.with_profile(), asyncio.Event()
    services.gates["users"] = gate
    gateway = await start_gateway(services, EARLY_ANSWERS=early, MAX_REQUESTS_IN_FLIGHT="1")
    described = await _described(gateway)
    waiting = asyncio.create_task(gateway.get("/api/profile/user1"))
    while not services.calls:
        await asyncio.sleep(0)
    shed = await gateway.get("/api/profile/user2")
    gate.set()
    assert ((await waiting).status_code, shed.status_code) == (200, 503)
    assert shed.json()["type"] == "urn:problem:overloaded"
    described.assert_tells_of("GET", PROFILE, shed)


@dataclass
class _RawAnswer:
    """An answer to a request that no client would send."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The body."""
        return json.loads(self.content)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ("Host: a\r\nHost: b\r\n", 400),
        ("Host: a\r\nContent-Length: 1\r\nExpect: a-miracle\r\n", 417),
        (f"Host: a\r\nX: {'x' * 20_000}\r\n", 431),
        ("Host: a\r\nContent-Length: 100000\r\n", 413),
    ],
)
async def test_it_is_true_of_what_is_refused_before_any_route(
    start_gateway: StartGateway, fields: str, status: int
) -> None:
    """Problems that any request may meet, whatever it is for."""
    gateway = await start_gateway()
    async with Wire(gateway.client.port) as wire:
        wire.send(f"GET /api/profile/user1 HTTP/1.1\r\n{SHOWN_TEXT}{fields}\r\n".encode())
        answer = _RawAnswer(*await wire.answer())
    assert answer.status_code == status
    (await _described(gateway)).assert_tells_of("GET", PROFILE, answer)


async def test_it_is_true_with_redis_and_while_it_is_away(
    start_gateway: StartGateway, redis_server: RedisServer
) -> None:
    """Of hits, figures, health and purges."""
    gateway = await start_gateway(REDIS_URL=redis_server.url, ADMIN_TOKEN=TOKEN)
    described = await _described(gateway)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for is_there in (True, False):
        if not is_there:
            redis_server.kill()
        for path, asked in (
            (PROFILE, "/api/profile/user1"),
            ("/api/cache/stats", "/api/cache/stats"),
            ("/health", "/health"),
        ):
            described.assert_tells_of("GET", path, await gateway.get(asked))
        purged = await gateway.client.delete("/api/cache", headers=bearer)
        assert purged.status_code == (204 if is_there else 503)
        described.assert_tells_of("DELETE", "/api/cache", purged)


@pytest.mark.parametrize("early", ["true", "false"])
async def test_it_is_true_of_what_the_edge_adds(
    start_gateway: StartGateway, asks_for_tokens: Mapping[str, str], issuer: Issuer, early: str
) -> None:
    """To answers, good and bad, and to refusals, for scripts of a known origin, of others, and for no script at all."""
    gateway = await start_gateway(
        EARLY_ANSWERS=early, RATE_LIMIT_USER="9/3600", RATE_LIMIT_ADDRESS="9/3600", RATE_LIMIT_FAILURES="9/3600",
        CORS_ORIGINS="https://app.example.org", ADMIN_TOKEN=TOKEN, **asks_for_tokens,
    )  # fmt: skip
    owner = f"Bearer {issuer.token('user1', scope='profile:read')}"
    described = await _described(gateway)
    described.assert_valid()
    statuses: Counter[int] = Counter()
    for origin in ("https://app.example.org", "https://elsewhere.example.org", ""):
        for template, path in ((PROFILE, "/api/profile/user1"), (PROFILE, "/api/profile/user2"), ("/", "/")):
            for authorization in (owner, "", "Bearer", "Bearer garbage"):
                for tag in ("", "*"):
                    fields = {"Origin": origin, "Authorization": authorization, "If_None_Match": tag}
                    answer = await gateway.get(path, **{name: value for name, value in fields.items() if value})
                    described.assert_tells_of("GET", template, answer)
                    statuses[answer.status_code] += 1
    assert {*statuses} == {200, 304, 400, 401, 403, 429}


async def test_it_is_true_of_operations(start_gateway: StartGateway) -> None:
    """While all is well, and while nothing is."""
    services = FakeServices.with_profile()
    gateway = await start_gateway(services)
    described = await _described(gateway)
    for path in ("/", "/health", "/health/live", "/health/ready", "/metrics", "/api/cache/stats"):
        described.assert_tells_of("GET", path, await gateway.get(path))
    openmetrics = await gateway.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    described.assert_tells_of("GET", "/metrics", openmetrics)
    sick = FakeServices(failures={name: Unreachable("gone") for name in ("users", "orders", "products")})
    unhealthy = await (await start_gateway(sick)).get("/health")
    assert unhealthy.status_code == 503
    described.assert_tells_of("GET", "/health", unhealthy)


async def test_it_is_true_of_purges(start_gateway: StartGateway) -> None:
    """With the token, without it, and of an id that is none."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN, AUTH="off")
    described = await _described(gateway)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    statuses = []
    for path, template in (
        ("/api/cache", "/api/cache"),
        ("/api/cache/profile/user1", "/api/cache/profile/{user_id}"),
        ("/api/cache/profile/a.b", "/api/cache/profile/{user_id}"),
    ):
        for headers in (bearer, {}):
            answer = await gateway.client.delete(path, headers=headers)
            described.assert_tells_of("DELETE", template, answer)
            statuses.append(answer.status_code)
    assert statuses == [204, 401, 204, 401, 400, 401]


async def test_a_further_aggregate_is_in_it_by_itself(start_gateway: StartGateway) -> None:
    """From its declaration alone, without examples where its parts have none; the admin routes of it too."""
    bought = single("bought", ORDER_SERVICE, list[Order], "/orders/{user_id}", owner="user_id", about=_owner)

    async def load(user_id: str, sources: Sources) -> Aggregate:
        part = await sources.take(bought, user_id)
        if part.value is None:
            raise ServiceUnavailable("Not now.", 2)
        return Aggregate({"bought": part})

    kind = AggregateKind("order_history", "/api/history", "user_id", load, parts=(bought,), counted=(bought,))
    gateway = await start_gateway(kinds=[kind], ADMIN_TOKEN=TOKEN)
    described = await _described(gateway)
    described.assert_valid()
    assert "/api/cache/order_history/{user_id}" in described.document["paths"]
    answer = await gateway.get("/api/history/user1")
    described.assert_tells_of("GET", "/api/history/{user_id}", answer)
    assert described.document["components"]["schemas"]["OrderHistoryMetadata"]["required"][1] == "bought_count"
    told = described.document["paths"]["/api/history/{user_id}"]["get"]["responses"]["200"]["content"]
    assert told["application/json"] == {"schema": {"$ref": "#/components/schemas/OrderHistory"}}
    assert {*told} == {"application/json", "text/event-stream", "application/jsonl"}


def _owner(order: Order) -> str:
    return order.user_id


def test_an_example_is_what_the_service_sends() -> None:
    """One that is not of the shape is no declaration."""
    with pytest.raises(DeclarationError, match=r"example.*`id`"):
        single("bought", ORDER_SERVICE, Order, "/orders/{id}", about=_owner, example={"user_id": "user1"})


async def test_no_route_is_without_one(start_gateway: StartGateway) -> None:
    """Whatever is routed went by way of ``shared.http.routing``, which wants an operation."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    named = [route.name.partition(".")[2] for route in gateway.client.app.router.routes if route.methods != {"OPTIONS"}]
    assert sorted(named) == sorted(route.name for route in routing.declared_routes(gateway.client.app))

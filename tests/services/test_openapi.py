"""The OpenAPI document of each service: of every route, and true of every answer."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.fixtures.openapi import Described
from tests.services.conftest import StartService
from tests.services.kinds import ORDERS, PRODUCTS, SERVICES, USERS, Service

each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)

ASKED: Mapping[str, list[tuple[str, str, int]]] = {
    "users": [
        ("/users/{user_id}", "/users/user123", 200),
        ("/users/{user_id}", "/users/nobody", 404),
        ("/users/{user_id}", "/users/a.b", 400),
        ("/users", "/users?limit=2", 200),
        ("/users", "/users?limit=0", 400),
        ("/users", "/users?limit=200&after=zzz", 200),
    ],
    "orders": [
        ("/orders/{order_id}", "/orders/order123", 200),
        ("/orders/{order_id}", "/orders/nothing", 404),
        ("/orders/{order_id}", "/orders/a.b", 400),
        ("/orders/user/{user_id}", "/orders/user/user123", 200),
        ("/orders/user/{user_id}", "/orders/user/nobody", 200),
        ("/orders/user/{user_id}", "/orders/user/a.b", 400),
    ],
    "products": [
        ("/products/{product_id}", "/products/prod1", 200),
        ("/products/{product_id}", "/products/nothing", 404),
        ("/products/{product_id}", "/products/a.b", 400),
        ("/products", "/products?limit=2", 200),
        ("/products", "/products?other=2", 400),
    ],
}


async def _described(client: Any) -> Described:
    return Described((await client.get("/openapi.json")).json())


@each_service
@pytest.mark.parametrize("listing", ["true", "false"])
async def test_it_is_valid_and_tells_of_every_route(
    start_service: StartService, service: Service, listing: str
) -> None:
    """Lists that are switched off are not in it; ``/`` leads to it, and each example is of its schema."""
    client = await start_service(service, LISTING=listing)
    described = await _described(client)
    described.assert_valid()
    for where, schema, value in described.examples():
        described.assert_fits(schema, value, where)
    told = {(method, path) for method, path, _ in described.operations()}
    routed = {
        (method, "/" + route.path.replace("<", "{").replace(">", "}").replace(":str", ""))
        for route in client.app.router.routes
        for method in route.methods - {"HEAD", "OPTIONS"}
    }
    assert told == routed
    assert (("GET", f"/{service.name}") in told) == (listing == "true" and service is not ORDERS)
    assert (await client.get("/")).json()["links"]["openapi"] == "/openapi.json"


@each_service
async def test_it_is_true_of_what_is_read(start_service: StartService, service: Service) -> None:
    """Whatever is asked for, found or not."""
    client = await start_service(service)
    described = await _described(client)
    for template, path, status in ASKED[service.name]:
        answer = await client.get(path)
        assert answer.status_code == status, path
        described.assert_tells_of("GET", template, answer)
    for path in ("/", "/health", "/health/live", "/health/ready", "/metrics", "/openapi.json"):
        described.assert_tells_of("GET", path, await client.get(path))


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"product_ids":["prod1","nothing"]}', 200), (b'{"product_ids":[]}', 422), (b"{", 400), (b" " * 70_000, 413)],
)
async def test_it_is_true_of_batches(start_service: StartService, body: bytes, status: int) -> None:
    """And of what is no batch."""
    client = await start_service(PRODUCTS)
    answer = await client.post("/products/batch", content=body)
    assert answer.status_code == status
    (await _described(client)).assert_tells_of("POST", "/products/batch", answer)


@each_service
async def test_it_is_true_without_a_database(start_at: StartService, service: Service) -> None:
    """503 with a problem of what is read, and with its own document of the health."""
    client = await start_at("postgresql://nobody@127.0.0.1:9/nothing", service)
    described = await _described(client)
    template, path, _ = ASKED[service.name][0]
    for told, asked in ((template, path), ("/health", "/health"), ("/health/ready", "/health/ready")):
        answer = await client.get(asked)
        assert answer.status_code == 503
        described.assert_tells_of("GET", told, answer)


CHANGED: list[tuple[Service, str, str, str, bytes, str, int]] = [
    (one, "PATCH", template, path, body, media_type, status)
    for one, template, path, good in (
        (USERS, "/users/{user_id}", "/users/user123", b'{"is_active":true}'),
        (PRODUCTS, "/products/{product_id}", "/products/prod1", b'{"stock_quantity":50}'),
    )
    for body, media_type, status in (
        (good, "application/merge-patch+json", 200),
        (good, "text/plain", 415),
        (b"{", "application/json", 400),
        (b'{"id":"a"}', "application/json", 422),
    )
] + [
    (ORDERS, "POST", "/orders", "/orders", body, media_type, status)
    for body, media_type, status in (
        (b'{"user_id":"user1","items":[{"product_id":"prod1","quantity":1,"price":1}]}', "application/json", 201),
        (b"{}", "application/json", 422),
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 415),
    )
]


@pytest.mark.parametrize(("service", "method", "template", "path", "body", "media_type", "status"), CHANGED)
async def test_it_is_true_of_changes(  # noqa: PLR0917
    start_service: StartService,
    start_new: StartService,
    service: Service,
    method: str,
    template: str,
    path: str,
    body: bytes,
    media_type: str,
    status: int,
) -> None:
    """And of what is none."""
    client = await (start_new if status == 201 else start_service)(service)
    headers = {"Content-Type": media_type, "Idempotency-Key": "described"}
    answer = await client._request(method, path, content=body, headers=headers)
    assert answer.status_code == status
    (await _described(client)).assert_tells_of(method, template, answer)


@each_service
async def test_examples_are_real_answers(start_new: StartService, service: Service) -> None:
    """Who asks as the examples have it gets what they show, out of the data set that is there at first."""
    client = await start_new(service)
    asked = []
    for method, path, operation in (await _described(client)).operations():
        if operation["tags"] == ["operations"] or not ("{" in path or "requestBody" in operation):
            continue
        status = "201" if "201" in operation["responses"] else "200"
        answered = operation["responses"][status]["content"]["application/json"]["examples"]
        named = {one["name"]: one["example"] for one in operation.get("parameters", []) if "example" in one}
        body = operation.get("requestBody", {"content": {}})["content"].get("application/json")
        content = None if body is None else json.dumps(body["examples"]["example"]["value"])
        headers = {name: value for name, value in named.items() if name == "Idempotency-Key"}
        headers["Content-Type"] = "application/json"
        answer = await client._request(method, path.format(**named), content=content, headers=headers)
        assert str(answer.status_code) == status, answer.text
        example, document = answered["example"]["value"], answer.json()
        if status == "201":
            assert document.keys() == example.keys()
        else:
            assert (example[0] in document) if isinstance(example, list) else (example == document), path
        asked.append(path)
    assert len(asked) == {"users": 2, "orders": 3, "products": 3}[service.name]

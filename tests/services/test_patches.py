"""``PATCH`` of users and products: a merge patch changes what it names, and nothing else can be changed."""

import asyncio
import json
from typing import Any

import pytest

from tests.services.bad_ids import BAD_IDS
from tests.services.conftest import StartService, assert_problem
from tests.services.kinds import PRODUCTS, USERS, Service

MERGE_PATCH = "application/merge-patch+json"
THINGS = [(USERS, "/users/user123"), (PRODUCTS, "/products/prod1")]
LONG = {"READ_CACHE_SECONDS": "60"}

each_thing = pytest.mark.parametrize(("service", "path"), THINGS, ids=["users", "products"])


async def _patch(client: Any, path: str, body: object, media_type: str | None = MERGE_PATCH) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {} if media_type is None else {"Content-Type": media_type}
    return await client._request("PATCH", path, content=content, headers=headers)


@pytest.mark.parametrize(
    ("service", "path", "patches"),
    [
        (USERS, "/users/user123", [{"full_name": "María dos Santos"}, {"email": "m@example.org", "is_active": False}]),
        (PRODUCTS, "/products/prod1", [{"price": 899.9}, {"stock_quantity": 0}, {"price": 0, "stock_quantity": 7}]),
    ],
    ids=["users", "products"],
)
async def test_a_patch_changes_what_it_names(
    start_new: StartService, service: Service, path: str, patches: list[dict[str, object]]
) -> None:
    """The answer is the whole thing as it is now; under either type, and again it is the same."""
    client = await start_new(service)
    wanted = (await client.get(path)).json()
    for patch in patches:
        wanted |= patch
        for media_type in (MERGE_PATCH, "application/json", "Application/JSON; charset=utf-8"):
            answer = await _patch(client, path, patch, media_type)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
            assert answer.json() == wanted
    got = await client.get(path)
    assert got.content == answer.content
    assert got.json() == wanted


async def test_prices_are_exact(start_new: StartService) -> None:
    """Always with two decimals, by the digits that were sent."""
    client = await start_new(PRODUCTS)
    for sent, price in (
        (b"0.1", b"0.10"),
        (b"29.95", b"29.95"),
        (b"1e3", b"1000.00"),
        (b"999999.99", b"999999.99"),
        (b"-0.0", b"0.00"),
    ):
        answer = await _patch(client, "/products/prod1", b'{"price":%b}' % sent)
        assert b'"price":%b,' % price in answer.content


@each_thing
async def test_a_patch_without_members_changes_nothing(start_new: StartService, service: Service, path: str) -> None:
    """The answer is what there is."""
    client = await start_new(service)
    assert (await _patch(client, path, {})).content == (await client.get(path)).content


REFUSED_EVERYWHERE: list[tuple[bytes, int, str]] = [
    (b"", 400, "invalid-input"),
    (b"{", 400, "invalid-input"),
    (b"\xff", 400, "invalid-input"),
    (b"[" * 50_000, 422, "unprocessable"),
    (b"null", 422, "unprocessable"),
    (b"[]", 422, "unprocessable"),
    (b'"id"', 422, "unprocessable"),
    (b'{"id":"other"}', 422, "unprocessable"),
    (b'{"created_at":"2022-04-11T09:26:53Z"}', 422, "unprocessable"),
    (b'{"name":"Other"}', 422, "unprocessable"),
    (b'{"":1}', 422, "unprocessable"),
    (b'{"%b":1}' % (b"x" * 40_000), 422, "unprocessable"),
    (b" " * 70_000, 413, "too-large"),
]
REFUSED_OF_USERS = [
    b'{"full_name":null}', b'{"email":null}', b'{"is_active":null}', b'{"is_active":1}', b'{"is_active":"true"}',
    b'{"full_name":""}', b'{"full_name":7}', b'{"full_name":"a\\u0000b"}', b'{"full_name":"a\\nb"}',
    b'{"full_name":"%b"}' % (b"x" * 201), b'{"email":"nobody"}', b'{"email":"a b@example.com"}',
    b'{"email":"a@example.com\\n"}', b'{"username":"other"}', b'{"full_name":"Other","id":"user123"}',
]  # fmt: skip
REFUSED_OF_PRODUCTS = [
    b'{"price":null}', b'{"stock_quantity":null}', b'{"price":-1}', b'{"price":"9.99"}', b'{"price":9.999}',
    b'{"price":1000000.01}', b'{"price":1e400}', b'{"stock_quantity":-1}', b'{"stock_quantity":1.5}',
    b'{"stock_quantity":true}', b'{"stock_quantity":1000001}', b'{"stock_quantity":99999999999999999999}',
    b'{"price":5,"category":"other"}',
]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "path", "bodies"),
    [(*THINGS[0], REFUSED_OF_USERS), (*THINGS[1], REFUSED_OF_PRODUCTS)],
    ids=["users", "products"],
)
async def test_what_cannot_be_is_refused(
    start_service: StartService, service: Service, path: str, bodies: list[bytes]
) -> None:
    """Nothing has changed then, and nothing that was sent is repeated."""
    client = await start_service(service)
    before = await client.get(path)
    for body, status, word in (*REFUSED_EVERYWHERE, *((body, 422, "unprocessable") for body in bodies)):
        answer = await _patch(client, path, body)
        assert_problem(answer, status, word)
        assert b"other" not in answer.content
        assert len(answer.content) < 500
    assert (await client.get(path)).content == before.content


@each_thing
async def test_another_type_is_refused(start_service: StartService, service: Service, path: str) -> None:
    """415 says which types are taken; none is another one too."""
    client = await start_service(service)
    for media_type in ("text/plain", "application/json-patch+json", "application/x-www-form-urlencoded", ";", "", None):
        answer = await _patch(client, path, {}, media_type)
        assert_problem(answer, 415, "unsupported-media-type", MERGE_PATCH)
        assert answer.headers["accept"] == f"{MERGE_PATCH}, application/json"


@each_thing
async def test_a_coded_body_is_refused(start_service: StartService, service: Service, path: str) -> None:
    """Nobody here would decode it."""
    fields = {"Content-Type": MERGE_PATCH, "Content-Encoding": "gzip"}
    client = await start_service(service)
    assert_problem(await client._request("PATCH", path, content=b"{}", headers=fields), 415, "unsupported-media-type")


@each_thing
async def test_what_there_is_not_cannot_be_changed(start_service: StartService, service: Service, path: str) -> None:
    """404 of a well formed id, 400 of others; a body that cannot be is refused first."""
    client = await start_service(service)
    beginning = path.rpartition("/")[0]
    assert_problem(await _patch(client, f"{beginning}/nothing", {}), 404, "not-found")
    assert_problem(await _patch(client, f"{beginning}/nothing", {"id": "x"}), 422, "unprocessable")
    for one_id in BAD_IDS:
        assert_problem(await _patch(client, f"{beginning}/{one_id}", {}), 400, "invalid-input", "_id")


async def test_changes_at_the_same_time_do_not_undo_each_other(start_new: StartService) -> None:
    """Each changes its own member of what is there then."""
    client = await start_new(PRODUCTS, DATABASE_TIMEOUT_SECONDS="60")
    patches = [{"price": number} for number in range(10)] + [{"stock_quantity": number} for number in range(10)]
    answers = await asyncio.gather(*(_patch(client, "/products/prod1", patch) for patch in patches))
    assert {answer.status_code for answer in answers} == {200}
    last = (await client.get("/products/prod1")).json()
    assert all(any(answer.json()[name] == last[name] for answer in answers) for name in ("price", "stock_quantity"))
    assert (last["price"], last["stock_quantity"]) != (999.99, 50)
    assert last["price"] != 999.99
    assert last["stock_quantity"] != 50


@each_thing
async def test_a_callers_own_next_read_sees_the_change(start_new: StartService, service: Service, path: str) -> None:
    """However long what was read before might be given again."""
    client = await start_new(service, **LONG)
    patch: dict[str, object] = {"full_name": "Another"} if service is USERS else {"price": 1}
    for _ in range(4):
        before = (await client.get(path)).content
    after = (await _patch(client, path, patch)).content
    assert after != before
    for _ in range(4):
        assert (await client.get(path)).content == after


async def test_a_callers_next_batch_sees_the_change(start_new: StartService) -> None:
    """Those beside it may be given again."""
    client = await start_new(PRODUCTS, **LONG)
    wanted = {"product_ids": ["prod1", "prod2"]}
    for _ in range(4):
        await client.post("/products/batch", json=wanted)
    await _patch(client, "/products/prod1", {"price": 1})
    for _ in range(4):
        assert [one["price"] for one in (await client.post("/products/batch", json=wanted)).json()] == [1, 29.95]


@each_thing
async def test_a_caller_without_time_changes_nothing(start_service: StartService, service: Service, path: str) -> None:
    """Nothing is begun for which nobody waits."""
    client = await start_service(service)
    before = (await client.get(path)).content
    headers = {"X-Request-Timeout-Ms": "0", "Content-Type": MERGE_PATCH}
    answer = await client._request("PATCH", path, content=b'{"is_active":false}', headers=headers)
    assert answer.status_code == (503 if service is USERS else 422)
    answer = await client._request("PATCH", path, content=b"{}", headers=headers)
    assert_problem(answer, 503, "service-unavailable", "time")
    assert (await client.get(path)).content == before


@each_thing
async def test_without_a_database_nothing_changes(start_at: StartService, service: Service, path: str) -> None:
    """503, like everything else; what is wrong with the request is told all the same."""
    client = await start_at("postgresql://nobody@127.0.0.1:9/nothing", service)
    assert_problem(await _patch(client, path, {}), 503, "service-unavailable", "database")
    assert_problem(await _patch(client, path, {"id": 1}), 422, "unprocessable")

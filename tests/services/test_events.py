"""Each change is told by an event, in order and never less than once, to a Redis stream or to an address."""

import asyncio
import json
import re
import signal
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from redis import Redis

from services.uuid7 import uuid7
from tests.fixtures.redis_server import RedisServer
from tests.services.conftest import READY_SECONDS, StartService, until_ready
from tests.services.kinds import ORDERS, PRODUCTS, USERS, Databases, execute
from tests.services.receiver import Receiver

STREAM = "bff:events"
TOKEN = "a-token-for-events"
ORDER = {"user_id": "user123", "items": [{"product_id": "prod1", "quantity": 1, "price": 9.99}]}


async def _patch(client: Any, path: str, patch: Mapping[str, object]) -> None:
    """Sent again where the database is taken for away, as on a machine that stands still: it changes nothing twice."""
    async with asyncio.timeout(READY_SECONDS):
        while (answer := await client._request("PATCH", path, json=patch)).status_code == 503:
            await asyncio.sleep(0.01)
    assert answer.status_code == 200, answer.text


async def _place(client: Any, key: str) -> str:
    answer = await client.post("/orders", json=ORDER, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    placed: str = answer.json()["id"]
    return placed


def _told(redis: "Redis", stream: str = STREAM) -> list[Any]:
    """The events in the stream, oldest first."""
    entries: Any = redis.xrange(stream)
    assert all(fields.keys() == {b"event"} for _, fields in entries)
    return [json.loads(fields[b"event"]) for _, fields in entries]


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while not is_so():
            await asyncio.sleep(0.001)


async def _until_empty(address: str) -> None:
    """Events are told before they are forgotten."""
    async with asyncio.timeout(READY_SECONDS):
        while await execute(address, "SELECT count(*) FROM outbox") != [(0,)]:
            await asyncio.sleep(0.001)


async def _metric(client: Any, name: str) -> float:
    text = (await client.get("/metrics")).text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


async def test_a_change_is_told_in_the_stream(
    start_new: StartService, meddler: "Redis", redis_server: RedisServer
) -> None:
    """As a CloudEvent about the thing, which says what has changed and nothing personal; what has not is not told."""
    users, products, orders = [
        await start_new(service, REDIS_URL=redis_server.url) for service in (USERS, PRODUCTS, ORDERS)
    ]
    await _patch(users, "/users/user123", {"full_name": "Another Name", "email": "secret@example.org"})
    await _until(lambda: len(_told(meddler)) == 1)
    await _patch(users, "/users/user123", {"full_name": "Another Name"})
    await _patch(products, "/products/prod2", {"stock_quantity": 3})
    await _until(lambda: len(_told(meddler)) == 2)
    order = await _place(orders, "a")
    assert await _place(orders, "a") == order
    await _until(lambda: len(_told(meddler)) == 3)
    events = _told(meddler)
    for event in events:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("time"))
        assert re.fullmatch(r"[0-9a-f-]{36}", event.pop("id"))
        assert (event.pop("specversion"), event.pop("datacontenttype")) == ("1.0", "application/json")
    assert events == [
        {
            "type": "com.example.user.changed.v1",
            "source": "/user-service",
            "subject": "user123",
            "data": {"changed": ["email", "full_name"]},
        },
        {
            "type": "com.example.product.changed.v1",
            "source": "/product-service",
            "subject": "prod2",
            "data": {"changed": ["stock_quantity"]},
        },
        {
            "type": "com.example.order.placed.v1",
            "source": "/order-service",
            "subject": order,
            "data": {"user_id": "user123"},
        },
    ]


async def test_changes_of_one_thing_are_told_in_their_order(
    databases: Databases, start_at: StartService, meddler: "Redis", redis_server: RedisServer
) -> None:
    """Each once, by two processes that share a database, whoever has made them."""
    address = databases.empty()
    environment = {"REDIS_URL": redis_server.url, "EVENTS_STREAM": "others", "DATABASE_TIMEOUT_SECONDS": "60"}
    clients = [await start_at(address, PRODUCTS, **environment) for _ in range(2)]
    for client in clients:
        await until_ready(client)
    ways = ({"price": 1}, {"stock_quantity": 1}, {"price": 2}, {"stock_quantity": 2})
    for number, patch in enumerate(ways):
        await asyncio.gather(*(_patch(clients[number % 2], f"/products/prod{one}", patch) for one in range(1, 21)))
    await _until(lambda: len(_told(meddler, "others")) >= 80)
    events = _told(meddler, "others")
    assert len({event["id"] for event in events}) == len(events) == 80
    for one in range(1, 21):
        told = [event["data"]["changed"] for event in events if event["subject"] == f"prod{one}"]
        assert told == [["price"], ["stock_quantity"]] * 2
    await _until_empty(address)


async def test_while_redis_is_away_events_wait(
    databases: Databases, start_at: StartService, redis_server: RedisServer
) -> None:
    """Changes are made all the same; what waits is measured, and told in order when Redis is back."""
    address = databases.empty()
    client = await start_at(address, PRODUCTS, REDIS_URL=redis_server.url)
    await until_ready(client)
    redis_server.kill()
    for price in range(1, 6):
        await _patch(client, "/products/prod1", {"price": price})
    assert await execute(address, "SELECT count(*) FROM outbox") == [(5,)]
    async with asyncio.timeout(READY_SECONDS):
        while await _metric(client, "outbox_events") != 5 or not await _metric(client, "outbox_oldest_seconds"):
            await asyncio.sleep(0.01)
    assert await _metric(client, 'outbox_published_total{outcome="failed"}') > 0
    redis_server.start()
    with redis_server.client() as redis:
        await _until(lambda: len(_told(redis)) >= 5)
        assert len({event["id"] for event in _told(redis)}) == 5
    async with asyncio.timeout(READY_SECONDS):
        while await _metric(client, "outbox_events"):
            await asyncio.sleep(0.01)
    await _until_empty(address)


async def test_a_redis_that_hangs_holds_up_no_change(
    start_new: StartService, redis_server: RedisServer, meddler: "Redis"
) -> None:
    """Whoever changes something waits for Redis for a moment at most; nothing is lost."""
    client = await start_new(PRODUCTS, REDIS_URL=redis_server.hasty_url)
    redis_server.signal(signal.SIGSTOP)
    try:
        for price in range(1, 4):
            await _patch(client, "/products/prod1", {"price": price})
    finally:
        redis_server.signal(signal.SIGCONT)
    await _until(lambda: len({event["id"] for event in _told(meddler)}) == 3)


async def test_a_key_of_another_type_is_nobodys_stream(
    start_new: StartService, redis_server: RedisServer, meddler: "Redis"
) -> None:
    """It is not touched, and events wait until it is gone."""
    meddler.set(STREAM, "somebody's")
    client = await start_new(PRODUCTS, REDIS_URL=redis_server.url)
    await _patch(client, "/products/prod1", {"price": 1})
    async with asyncio.timeout(READY_SECONDS):
        while not await _metric(client, 'outbox_published_total{outcome="failed"}'):
            await asyncio.sleep(0.01)
    assert meddler.get(STREAM) == b"somebody's"
    meddler.delete(STREAM)
    await _until(lambda: len(_told(meddler)) == 1)


async def test_a_change_is_told_to_an_address(start_new: StartService) -> None:
    """By POST with the token, one event at a time in their order; the address goes before Redis."""
    async with Receiver() as receiver:
        url = f"{receiver.url}/api/events"
        client = await start_new(PRODUCTS, EVENTS_URL=url, EVENTS_TOKEN=TOKEN, REDIS_URL="redis://127.0.0.1:9")
        for price in range(1, 4):
            await _patch(client, "/products/prod1", {"price": price})
        await _until(lambda: len(receiver.events) == 3)
        assert [event["type"] for event in receiver.events] == ["com.example.product.changed.v1"] * 3
        assert [event["time"] for event in receiver.events] == sorted(event["time"] for event in receiver.events)
        for head in receiver.heads:
            assert head[""] == "POST /api/events HTTP/1.1"
            assert head["content-type"] == "application/cloudevents+json"
            assert head["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [0, 301, 401, 404, 429, 500, 503])
async def test_what_an_address_does_not_take_is_sent_again(
    sqlite_databases: Databases, start_at: StartService, status: int
) -> None:
    """Until it does; the next one is not sent before."""
    async with Receiver() as receiver:
        receiver.status = status
        client = await start_at(sqlite_databases.empty(), PRODUCTS, EVENTS_URL=receiver.url)
        await until_ready(client)
        for price in (1, 2):
            await _patch(client, "/products/prod1", {"price": price})
        await _until(lambda: len(receiver.events) >= 2)
        assert len({event["id"] for event in receiver.events}) == 1
        assert receiver.heads[0][""] == "POST / HTTP/1.1"
        receiver.status = 204
        await _until(lambda: len({event["id"] for event in receiver.events}) == 2)


async def test_where_nobody_is_told_nothing_is_kept(databases: Databases, start_at: StartService) -> None:
    """The outbox is empty again in a moment."""
    address = databases.empty()
    client = await start_at(address, PRODUCTS)
    await until_ready(client)
    dropped = 'outbox_published_total{outcome="dropped"}'
    before = await _metric(client, dropped)
    await _patch(client, "/products/prod1", {"price": 1})
    async with asyncio.timeout(READY_SECONDS):
        while await _metric(client, dropped) != before + 1:
            await asyncio.sleep(0.001)
    await _until_empty(address)


async def test_what_another_process_has_left_behind_is_told(
    databases: Databases, start_at: StartService, redis_server: RedisServer, meddler: "Redis"
) -> None:
    """Nobody need change anything for that."""
    address = databases.empty()
    client = await start_at(address, PRODUCTS, REDIS_URL=redis_server.url)
    await until_ready(client)
    await execute(
        address,
        "INSERT INTO outbox (subject, stored_at, event, outdated) "
        "VALUES ('prod1', '2026-01-01 00:00:00.000000', '{\"id\":\"left\"}', 'product:prod1')",
    )
    await _until(lambda: _told(meddler) == [{"id": "left"}])


def test_ids_sort_by_time() -> None:
    """They are UUIDs of version 7, and no two are the same."""
    made = [uuid7() for _ in range(1000)]
    assert len(set(made)) == len(made)
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    times = [one.int >> 80 for one in made]
    assert times == sorted(times)

"""The read cache of the services: what was read is given again for a moment, and never from a database that is gone."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from services.bootstrap import bootstrap
from services.database_url import DATABASE_URL
from services.frequency import Frequency
from services.read_cache import ReadCache
from services.users.settings import UserSettings
from shared.cache.tiered import caches
from shared.errors import ServiceUnavailable
from shared.settings.loading import load
from tests.fixtures.redis_server import RedisServer
from tests.kit.views import undisturbed
from tests.services.conftest import READY_SECONDS, StartService, until_ready
from tests.services.kinds import ORDERS, PRODUCTS, USERS, Databases, Service, execute
from tests.services.postgres_server import PostgresServer

LONG = {"READ_CACHE_SECONDS": "60"}
ASKED: list[tuple[Service, list[str]]] = [
    (USERS, ["/users/user123", "/users/nobody"]),
    (ORDERS, ["/orders/order123", "/orders/nothing", "/orders/user/user123", "/orders/user/nobody"]),
    (PRODUCTS, ["/products/prod1", "/products/none"]),
]
EMPTY = {
    USERS.name: ["DELETE FROM users"],
    ORDERS.name: ["DELETE FROM order_items", "DELETE FROM orders"],
    PRODUCTS.name: ["DELETE FROM products"],
}
BATCH = ["prod3", "none", "prod1", "prod3", "prod2"]


async def _often(client: Any, *paths: str) -> list[Any]:
    """The last answers of each, asked so often that they are kept."""
    return [[await client.get(path) for _ in range(3)][-1] for path in paths]


async def _batch(client: Any, ids: Sequence[str]) -> Any:
    return await client.post("/products/batch", json={"product_ids": list(ids)})


@pytest.mark.parametrize(("service", "paths"), ASKED)
async def test_an_answer_is_given_again(
    start_at: StartService, sqlite_databases: Databases, service: Service, paths: list[str]
) -> None:
    """Byte for byte, without the database being asked, whether there is such a thing or not, or not at all."""
    address = sqlite_databases.empty()
    kept, turned_off = [await start_at(address, service, READ_CACHE_SECONDS=seconds) for seconds in ("60", "0")]
    await until_ready(kept)
    await until_ready(turned_off)
    told = [await _often(client, *paths) for client in (turned_off, kept)]
    await execute(address, *EMPTY[service.name])
    told += [[await client.get(path) for path in paths] for client in (kept, turned_off)]
    for path, plain, first, second, gone in zip(paths, *told, strict=True):
        assert first.status_code == second.status_code == plain.status_code
        if plain.status_code == 200:
            assert first.content == second.content == plain.content
        assert gone.content == b"[]" if "/user/" in path else gone.status_code == 404


async def test_of_a_batch_each_product_is_kept(start_at: StartService, sqlite_databases: Databases) -> None:
    """Together or one by one; only what is not known is asked for, and what there is not is known too."""
    address = sqlite_databases.empty()
    kept, turned_off = [await start_at(address, PRODUCTS, READ_CACHE_SECONDS=seconds) for seconds in ("60", "0")]
    await until_ready(kept)
    await until_ready(turned_off)
    one = (await _often(kept, "/products/prod2"))[0].content
    plain = (await _batch(turned_off, BATCH)).content
    assert [(await _batch(kept, BATCH)).content for _ in range(3)] == [plain] * 3
    await execute(address, "UPDATE products SET stock_quantity = -1")
    await execute(address, "UPDATE products SET id = 'none' WHERE id = 'prod7'")
    assert (await _batch(kept, BATCH)).content == plain
    assert (await kept.get("/products/prod2")).content == one
    assert (await kept.get("/products/none")).status_code == 404
    assert [(one["id"], one["stock_quantity"]) for one in (await _batch(kept, ["prod9", "none", "prod8"])).json()] == [
        ("prod9", -1),
        ("prod8", -1),
    ]
    assert (await _batch(kept, ["none"])).content == b"[]"


@undisturbed()
async def test_services_share_what_they_have_read(
    start_at: StartService, sqlite_databases: Databases, redis_server: RedisServer
) -> None:
    """Over Redis, from the same database alone; and the cache is the app's for aiocache."""
    address, another = sqlite_databases.empty(), sqlite_databases.empty()
    shared = {**LONG, "REDIS_URL": redis_server.url}
    one = await start_at(address, USERS, **shared)
    await until_ready(one)
    other = await start_at(address, USERS, **shared)
    apart = await start_at(another, USERS, **shared)
    for client in (other, apart):
        await until_ready(client)
    before = (await _often(one, "/users/user123"))[0].content
    with redis_server.client() as redis:
        while not list(redis.scan_iter("user-service:named:*")):  # until it is there for all, on a busy machine
            assert (await one.get("/users/user123")).content == before
    for changed in (address, another):
        await execute(changed, "UPDATE users SET full_name = 'Somebody New'")
    assert (await other.get("/users/user123")).content == before
    assert (await apart.get("/users/user123")).json()["full_name"] == "Somebody New"
    register: Any = caches
    assert await register.get("default").set("a word", "of one's own") is True
    assert await register.get("user-service").get("a word") == "of one's own"


async def test_services_of_one_namespace_do_not_mix(
    start_at: StartService, sqlite_databases: Databases, redis_server: RedisServer
) -> None:
    """A user and a product may have one id and one Redis."""
    shared = {**LONG, "REDIS_URL": redis_server.url, "READ_CACHE_NAMESPACE": "one"}
    clients = [await start_at(sqlite_databases.empty(), service, **shared) for service in (ORDERS, PRODUCTS)]
    for client in clients:
        await until_ready(client)
    assert (await _often(clients[0], "/orders/prod1"))[0].status_code == 404
    assert (await _often(clients[1], "/products/prod1"))[0].status_code == 200
    assert (await _often(clients[0], "/orders/user/prod1"))[0].content == b"[]"


@pytest.mark.parametrize("path", ["/users/user123", "/users/nobody"])
async def test_nothing_is_given_of_a_file_that_is_gone(start_at: StartService, tmp_path: Path, path: str) -> None:
    """However long it might be kept: at once it is as if nothing had been read, and again when the file is another."""
    file = tmp_path / "users.db"
    client = await start_at(f"sqlite:///{file}", USERS, **LONG)
    await until_ready(client)
    status = (await _often(client, path))[0].status_code
    for one in tmp_path.iterdir():
        one.unlink()
    # A connection that is open does not notice before it is looked at; an answer that was kept would be given for ever.
    async with asyncio.timeout(READY_SECONDS):
        for wanted in (503, status):
            while (answer := await client.get(path)).status_code != wanted:
                assert answer.status_code in {503, status}
                await asyncio.sleep(0)


async def test_another_file_is_read_at_once(start_at: StartService, tmp_path: Path) -> None:
    """However long what was read might be kept, each time."""
    file, new = tmp_path / "users.db", tmp_path / "new.db"
    client = await start_at(f"sqlite:///{file}", USERS, **LONG)
    await until_ready(client)
    told = [(await _often(client, "/users/user123"))[0].json()["full_name"]]
    for name in ("One", "Two"):
        await bootstrap(DATABASE_URL.parse(f"sqlite:///{new}"), USERS.title, USERS.data_set)
        await execute(f"sqlite:///{new}", f"UPDATE users SET full_name = '{name}'")  # noqa: S608
        new.replace(file)
        told += [(await client.get("/users/user123")).json()["full_name"] for _ in range(4)]
    assert told == ["Maria Santos", *["One"] * 4, *["Two"] * 4]


class Book:
    """A source, a clock, and things to be read, with what was asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.name: str | None = "book"
        self.there: dict[str, object] = {"a": 1, "b": [2]}
        self.takes = 0.0
        self.asked: list[str] = []
        self.open = True

    def source(self) -> str | None:
        """Its name."""
        return self.name

    async def one(self) -> object:
        """What stands under a."""
        return (await self.many(["a"])).get("a")

    async def many(self, ids: Sequence[str]) -> Mapping[str, object]:
        """What stands there."""
        self.asked.append(" ".join(ids))
        self.now += self.takes
        if not self.open:
            raise ServiceUnavailable("closed", retry_after=1)
        return {one: self.there[one] for one in ids if one in self.there}

    def reads(self, seconds: str) -> ReadCache:
        """Its cache."""

        def clock() -> float:
            return self.now

        return ReadCache(
            "book",
            load(UserSettings, {"READ_CACHE_SECONDS": seconds}),
            self,
            clock=clock,
            frequency=Frequency(1, 100, clock, 1),
        )


async def test_it_is_as_old_as_the_question() -> None:
    """The life of an answer begins when the database is asked; one that comes too late is not kept at all."""
    book = Book()
    async with book.reads("1") as reads:
        book.takes = 0.75
        assert await reads.get("a", book.one) == b"1"
        book.takes = 0
        book.now = 0.99
        assert await reads.get("a", book.one) == b"1"
        assert book.asked == ["a"]
        book.now = 1.0
        assert await reads.get("a", book.one) == b"1"
        assert book.asked == ["a", "a"]
        book.now, book.takes = 5, 1
        assert await reads.get_many("n", ["a", "b", "c"], book.many) == b"[1,[2]]"
        book.takes = 0
        assert await reads.get_many("n", ["c", "a"], book.many) == b"[1]"
        assert book.asked == ["a", "a", "a b c", "c a"]


async def test_what_fails_is_not_kept() -> None:
    """The next one asks again, for those things alone of which nothing is known."""
    book = Book()
    async with book.reads("1") as reads:
        assert await reads.get_many("n", ["a"], book.many) == b"[1]"
        book.open = False
        for _ in range(2):
            with pytest.raises(ServiceUnavailable):
                await reads.get("b", book.one)
            with pytest.raises(ServiceUnavailable):
                await reads.get_many("n", ["a", "b"], book.many)
        book.open = True
        assert await reads.get("b", book.one) == b"1"
        assert await reads.get_many("n", ["a", "b"], book.many) == b"[1,[2]]"
        assert book.asked == ["a", *["a", "b"] * 2, "a", "b"]


async def test_of_another_source_nothing_is_known() -> None:
    """What is read while one takes the place of the other is of neither; where there is none all is asked for."""
    book = Book()

    async def replaced() -> object:
        book.name = "another"
        return await book.one()

    async with book.reads("1") as reads:
        assert await reads.get("a", replaced) == b"1"
        for name in ("book", "another", None, None):
            book.name = name
            assert await reads.get("a", book.one) == b"1"
        assert book.asked == ["a"] * 5
        for name in ("book", "another"):
            book.name = name
            assert await reads.get("a", book.one) == b"1"
        assert book.asked == ["a"] * 5
    async with book.reads("0") as reads:
        for _ in range(2):
            assert await reads.get("a", book.one) == b"1"
    assert book.asked == ["a"] * 7


def test_often_is_three_times_within_the_life_of_an_answer() -> None:
    """What is asked for again later, or beside too many others, begins anew."""
    now = 0.0
    frequency = Frequency(1.0, 3, lambda: now)
    assert [frequency.is_frequent("a") for _ in range(4)] == [False, False, True, True]
    now = 0.99
    assert frequency.is_frequent("a") is True
    now = 1.0
    assert [frequency.is_frequent(name) for name in "aabaab"] == [False, False, False, True, True, False]
    assert [frequency.is_frequent(name) for name in "caaab"] == [False, False, False, True, False]


@pytest.mark.postgres
async def test_of_a_server_that_is_away_nothing_is_given(
    start_at: StartService, postgres_databases: Databases, postgres_server: PostgresServer
) -> None:
    """As soon as it is known to be away, however long what was read might be kept; afterwards it is given again."""
    client = await start_at(await postgres_databases.founded(USERS), USERS, **LONG)
    await until_ready(client)
    (before,) = await _often(client, "/users/user123")
    postgres_server.stop()
    try:
        assert (await client.get("/users/user124")).status_code == 503
        await until_ready(client, status=503)
        assert (await client.get("/users/user123")).status_code == 503
    finally:
        postgres_server.start()
    await until_ready(client)
    assert (await client.get("/users/user123")).content == before.content

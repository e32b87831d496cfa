"""What comes out of Redis is an entry that one of us has written, about whom it is asked for, or it is a miss."""

import asyncio
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bff.aggregates.profile import PROFILE
from bff.answer import compose, read_absence, read_answer
from bff.parts.by_id import ById, by_id_json
from bff.parts.codec import PartCodec, PartReader
from bff.parts.part import Aggregate, Part
from bff.parts.sources import AnyPart
from bff.representation import Representation, representations
from bff.sources.orders import ORDERS, Order
from bff.sources.products import PRODUCTS, Product
from bff.sources.users import USER, User
from shared import codec
from shared.cache.entry import NO_STAMP, StoredEntry
from shared.cache.stamps import NEVER
from shared.errors import Unreachable
from shared.observing import metrics
from tests.fixtures import entry_keys
from tests.fixtures.fake_services import FakeServices, order, product, user
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.stored_entries import stored_now

ME, OTHER = "user1", "user2"
PATH = f"/api/profile/{ME}"


def _part(part: AnyPart, shape: Any, document: object) -> bytes:
    return part.codec.encode(codec.decoder(shape)(codec.document(document)))


def _user(name: str = ME) -> bytes:
    return _part(USER, User, user(name))


def _orders(name: str = ME) -> bytes:
    return _part(ORDERS, list[Order], [order("o2", name, "p1", "p3"), order("o1", name, "p1", "p2")])


def _product(name: str = "p1") -> bytes:
    return _part(PRODUCTS, Product, product(name))


def _products() -> bytes:
    return by_id_json((name, _product(name)) for name in ("p1", "p3", "p2"))


def _profile(name: str = ME, **parts: bytes) -> bytes:
    """The body of a profile as the gateway keeps it, with other parts where they are given."""
    written = {"user": _user(name), "orders": _orders(name), "products": _products()} | parts
    aggregate = Aggregate({part: Part(None, "fresh", data) for part, data in written.items()})
    facts = {"user_id": name, "orders_count": 2, "products_count": 3}
    return compose(aggregate, facts, ttl=30, duration=0.0123, now=1.8e9).cached_body


def _card(name: str = ME) -> bytes:
    orders = [
        {"id": one, "status": "shipped", "total_amount": 21.0, "created_at": "2026-01-02T03:04:05Z"}
        for one in ("o2", "o1")
    ]
    parts = {part: Part[object](None, "fresh") for part in ("user", "orders")}
    written = b'"user":{"full_name":"Ada Example"},"orders":%b' % codec.document(orders)
    facts = {"user_id": name, "view": "card", "orders_count": 5}
    made = compose(Aggregate(parts), facts, ttl=30, duration=0.0123, now=1.8e9, write=lambda _: written)
    return made.cached_body


class _Answers:
    """Profiles, read as parts are."""

    def __init__(self, representation: Representation) -> None:
        self.schema = representation.schema
        self._representation = representation

    def read(self, subject: str, data: bytes) -> Any:
        return read_answer(self._representation, subject, data)


WHOLE, CARD = representations(PROFILE)
GOOD: Final[dict[str, tuple[PartReader, str, bytes]]] = {
    "profile": (_Answers(WHOLE), ME, _profile()),
    "card": (_Answers(CARD), ME, _card()),
    "user": (USER.codec, ME, _user()),
    "orders": (ORDERS.codec, ME, _orders()),
    "no orders": (ORDERS.codec, ME, b"[]"),
    "product": (PRODUCTS.codec, "p1", _product()),
    "products": (PRODUCTS.reader_for("user_id"), ME, _products()),
}


def _is_read(shown: PartReader, subject: str, data: bytes) -> bool:
    try:
        shown.read(subject, data)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", GOOD)
def test_what_was_written_is_read(name: str) -> None:
    """Every value that we write we read, as the same value."""
    shown, subject, data = GOOD[name]
    assert _is_read(shown, subject, data)


@pytest.mark.parametrize("name", GOOD)
@given(data=st.data())
def test_a_changed_byte_is_another_value_or_none(name: str, data: st.DataObject) -> None:
    """Whatever is cut off, put in or exchanged: what is still read is byte for byte what we would write for it."""
    shown, subject, good = GOOD[name]
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 8)))
    odd = good[:start] + data.draw(st.binary(max_size=8)) + good[end:]
    if odd == good or not _is_read(shown, subject, odd):
        return
    value = shown.read(subject, odd)
    if isinstance(shown, PartCodec):
        assert shown.encode(value) == odd
    elif isinstance(shown, ById):
        assert by_id_json((one, PRODUCTS.codec.encode(thing)) for one, thing in value.items()) == odd
    else:
        assert value.body == odd
        assert value.etag.isascii()
        assert value.etag.isprintable()
    json.loads(odd, parse_constant=pytest.fail)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_cut_off_is_not_read(name: str) -> None:
    """At whatever byte."""
    shown, subject, good = GOOD[name]
    assert not any(_is_read(shown, subject, good[:end]) for end in range(len(good)))


def _places(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document."""
    yield path
    pairs = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in pairs:
        yield from _places(value, (*path, key))


def _changed(good: bytes, path: tuple[str | int, ...], change: Any) -> bytes:
    """``good`` with what stands at ``path`` put through ``change``, written as compactly as we write."""
    document = json.loads(good)
    if not path:
        document = change(document)
    else:
        *way, last = path
        parent = document
        for key in way:
            parent = parent[key]
        parent[last] = change(parent[last])
    return codec.document(document)


def _with_more(value: Any) -> Any:
    return value | {"secret": "s"} if isinstance(value, dict) else [*value, "s"] if isinstance(value, list) else value


def _with_less(value: Any) -> Any:
    return dict(list(value.items())[:-1]) if isinstance(value, dict) else value


def _of_another_type(value: Any) -> Any:
    return {"a": 1} if not isinstance(value, dict) else [1]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("change", [_with_more, _with_less, _of_another_type, lambda _: None, str])
def test_nothing_more_or_less_than_is_named_is_read(name: str, change: Any) -> None:
    """A field nobody named, a missing one or one of another type, in whatever depth."""
    shown, subject, good = GOOD[name]
    assert codec.document(json.loads(good)) == good
    for path in _places(json.loads(good)):
        odd = _changed(good, path, change)
        fewer_things = change is _with_less and (path == () and name == "products")
        without_a_part = name == "card" and path in {("user",), ("orders",)} and b":null" in odd
        if odd != good and not fewer_things and not without_a_part:
            assert not _is_read(shown, subject, odd), (path, odd)


@pytest.mark.parametrize("name", ["profile", "user", "orders", "product", "products"])
@pytest.mark.parametrize(
    ("good", "odd"),
    [
        (b"{", b"{ "),
        (b":", b": "),
        (b'"id":"', b'"id":"x","id":"'),
        (b"10.5", b"NaN"),
        (b"10.5", b"Infinity"),
        (b"10.5", b'"10.5"'),
        (b"10.5", b"1_0.5"),
        (b"a", b"\\u0061"),
        (b"a", b"\xff"),
        (b"a", b"\xed\xa0\x80"),
        (b"Z", b"+00:00"),
    ],
)
def test_no_other_spelling_is_read(name: str, good: bytes, odd: bytes) -> None:
    """White space, a member twice, a number that is none, escapes that are not needed, bytes that are no UTF-8."""
    shown, subject, data = GOOD[name]
    if good in data:
        assert not _is_read(shown, subject, data.replace(good, odd, 1))
        head, _, tail = data.rpartition(good)
        assert not _is_read(shown, subject, head + odd + tail)


@pytest.mark.parametrize(
    "odd",
    [
        _profile(OTHER),
        _profile(user=_user(OTHER)),
        _profile(orders=_orders(OTHER)),
        _profile(orders=_orders()[:-1] + b"," + _orders(OTHER)[1:]),
        _profile(products=by_id_json([("p1", _product("p1")), ("p2", _product("p3"))])),
        _profile(user=_orders()),
        _profile(user=b"null"),
        _profile(more=_user()),
        _profile().replace(b'"orders_count":2', b'"orders_count":3'),
        _profile().replace(b'"user_id":"user1","orders_count"', b'"user_id":"user2","orders_count"'),
        _profile().replace(b'"cached":true', b'"cached":false'),
        _profile().replace(b'"partial":false', b'"partial":true'),
        _profile().replace(b'"status":"fresh"', b'"status":"stale"', 1),
        _profile().replace(b'{"status":"fresh"}', b'{"status":"fresh","age":1.0}', 1),
        _profile().replace(b'"cache_ttl":30', b'"cache_ttl":0'),
        _profile().replace(b'"aggregation_time_ms":12.3', b'"aggregation_time_ms":-12.3'),
        _profile().replace(b'"aggregation_time_ms":12.3', b'"aggregation_time_ms":1e999'),
        _profile().replace(b"2027-01-15T08:00:00.000Z", b"yesterday"),
        _user(),
        b"{}",
        b"",
        b"null",
    ],
)
def test_a_profile_of_somebody_else_is_none(odd: bytes) -> None:
    """In whole or in part, or one that says of itself what is not so."""
    with pytest.raises(ValueError, match=r"(?s).*"):
        read_answer(WHOLE, ME, odd)


@pytest.mark.parametrize("name", ["user", "orders", "product"])
def test_a_part_about_somebody_else_is_none(name: str) -> None:
    """What is asked for must be what it is about."""
    shown, subject, data = GOOD[name]
    assert not _is_read(shown, subject + "x", data)


@pytest.mark.parametrize("odd", [b"", b"\xff", b"a\r\nSet-Cookie: b", b"a\0", b"x" * 1_001, _profile()[:600] + b"\n"])
def test_only_a_sentence_explains_an_absence(odd: bytes) -> None:
    """UTF-8 that can be printed, and not much of it."""
    assert read_absence(ME, b"There is no such user.") == "There is no such user."
    with pytest.raises(ValueError, match=r"(?s).*"):
        read_absence(ME, odd)


STORED = StoredEntry(NO_STAMP, NEVER, 0, 30_000, 30_000, _profile())
HERE = entry_keys.profile(ME)
HEADER = len(STORED.to_bytes(HERE)) - len(STORED.value)


BuiltAnswer = Callable[[StoredEntry], bytes]
"""Bytes made from a good entry that has just been stored."""


def _set(redis: RedisServer, key: str, made: BuiltAnswer, entry: StoredEntry = STORED) -> bytes:
    with redis.client() as client:
        data = made(stored_now(client, entry))
        client.set(key, data, px=600_000)
    return data


async def _outcome(gateway: Gateway) -> tuple[Any, float]:
    """The answer to a request, and how much became unreadable by it."""
    before = metrics.cache_unreadable._value.get()
    answer = await gateway.get(PATH)
    return answer, metrics.cache_unreadable._value.get() - before


async def _connected(start_gateway: StartGateway, redis: RedisServer, **environment: str) -> Gateway:
    services = FakeServices.with_profile(ME)
    gateway = await start_gateway(services, REDIS_URL=redis.url, **environment)
    while (await gateway.get("/api/cache/stats")).json()["tiers"]["redis"]["state"] != "up":
        pass
    return gateway


async def test_a_good_entry_is_served(start_gateway: StartGateway, redis_server: RedisServer) -> None:
    """What another process has stored costs no call, here or the next time."""
    gateway = await _connected(start_gateway, redis_server)
    _set(redis_server, HERE, lambda good: good.to_bytes(HERE))
    answer, unreadable = await _outcome(gateway)
    assert answer.headers["cache-status"].startswith("redis; hit")
    assert answer.content == STORED.value
    assert (await gateway.get(PATH)).headers["cache-status"].startswith("memory; hit")
    assert (gateway.services.calls, unreadable) == ([], 0)


@pytest.mark.parametrize(
    "odd",
    [
        lambda good: good.to_bytes(HERE)[:-1],
        lambda good: good.to_bytes(HERE)[: HEADER + 20],
        lambda good: good.to_bytes(HERE)[:HEADER],
        lambda good: good.to_bytes(HERE)[: HEADER - 1],
        lambda good: good.to_bytes(entry_keys.profile(OTHER)),
        lambda good: replace(good, negative=True, value=b"There is no such user.").to_bytes(entry_keys.profile(OTHER)),
        lambda good: b"pgc3" + good.to_bytes(HERE)[4:],
        lambda good: replace(good, value=_profile(OTHER)).to_bytes(HERE),
        lambda good: replace(good, value=b'\x93\xcc\xc8\xaaW/"a"\r\nX: y\xc4\x02{}').to_bytes(HERE),
        lambda good: replace(good, value=b"\xff\xfe").to_bytes(HERE),
        lambda good: replace(good, value=b"There is no such user.").to_bytes(HERE),
        lambda good: replace(good, negative=True).to_bytes(HERE),
        lambda good: replace(good, negative=True, value=b"\xff").to_bytes(HERE),
        lambda good: replace(good, kept_ms=700_000_000).to_bytes(HERE),
        lambda good: replace(good, cost_ms=99_999_999).to_bytes(HERE),
        lambda _: struct.pack("!4sI8s8s", b"pgc6", 0, NO_STAMP, NO_STAMP) + b"\xff" * 100,
    ],
)
async def test_what_fails_is_a_miss_and_overwritten(
    start_gateway: StartGateway, redis_server: RedisServer, odd: BuiltAnswer
) -> None:
    """It is counted, the answer comes from the services, and another process finds that one."""
    gateway = await _connected(start_gateway, redis_server)
    data = _set(redis_server, HERE, odd)
    answer, unreadable = await _outcome(gateway)
    assert (answer.status_code, unreadable) == (200, 1)
    assert answer.json()["user"]["id"] == ME
    assert answer.headers["cache-status"].startswith("redis; fwd=uri-miss; stored")
    with redis_server.client() as client:
        while (found := client.get(HERE)) == data:
            await asyncio.sleep(0.001)
        stored = StoredEntry.from_bytes(found, HERE)
    assert read_answer(WHOLE, ME, stored.value).etag == answer.headers["etag"]


@pytest.mark.parametrize(
    ("part", "data", "is_good"),
    [
        (("user", ME), _user(), True),
        (("user", ME), _user(OTHER), False),
        (("user", ME), _user()[:-1] + b',"password_hash":"x"}', False),
        (("orders", ME), _orders(), True),
        (("orders", ME), _orders(OTHER), False),
        (("orders", ME), _orders()[:-1], False),
        (("products", "p1"), _product(), True),
        (("products", "p1"), _product("p2"), False),
        (("products", "p1"), _product() + b" ", False),
    ],
)
async def test_only_parts_of_ours_stand_in(
    start_gateway: StartGateway, redis_server: RedisServer, part: tuple[str, str], data: bytes, is_good: bool
) -> None:
    """A part out of Redis is used, raw, where its service is away: one that is not exactly ours is not there."""
    gateway = await _connected(start_gateway, redis_server)
    gateway.services.orders[ME] = [order("o1", ME, "p1")]
    kind, subject = part
    gateway.services.failures[{"user": "users"}.get(kind, kind)] = Unreachable("gone")
    key = entry_keys.KEYS.entry(kind, subject)
    _set(
        redis_server,
        key,
        lambda good: good.to_bytes(key),
        replace(STORED, kept_ms=600_000, value=data),
    )
    before = metrics.cache_unreadable._value.get()
    answer = await gateway.get(PATH)
    assert answer.json()["metadata"]["parts"][kind]["status"] == ("fresh" if is_good else "missing")
    assert (data in answer.content) is is_good
    assert metrics.cache_unreadable._value.get() == before + (0 if is_good else 1)


async def test_lives_are_those_of_the_reader(start_gateway: StartGateway, redis_server: RedisServer) -> None:
    """What another process keeps for a minute is fresh here for as long as this one's settings say."""
    gateway = await _connected(start_gateway, redis_server, CACHE_TTL_SECONDS="2")
    stored = replace(STORED, fresh_ms=60_000, kept_ms=60_000, age_ms=500)
    _set(redis_server, HERE, lambda good: good.to_bytes(HERE), stored)
    answer = await gateway.get(PATH)
    assert answer.headers["cache-status"].startswith("redis; hit; ttl=1")
    assert answer.headers["cache-control"] == "private, max-age=1"
    _set(redis_server, HERE, lambda good: good.to_bytes(HERE), replace(stored, age_ms=2_000))
    while not (answer := await gateway.get(PATH)).headers["cache-status"].startswith("redis; fwd=uri-miss"):
        pass


@pytest.mark.parametrize("value", [b"[]", _orders(ME)])
async def test_parts_of_another_key_do_not_stand_in(
    start_gateway: StartGateway, redis_server: RedisServer, value: bytes
) -> None:
    """Not even an empty list, which says of nobody that it is about them."""
    gateway = await _connected(start_gateway, redis_server)
    gateway.services.failures["orders"] = Unreachable("gone")
    theirs = entry_keys.KEYS.entry("orders", OTHER)
    entry = replace(STORED, kept_ms=600_000, value=value)
    _set(redis_server, entry_keys.KEYS.entry("orders", ME), lambda good: good.to_bytes(theirs), entry)
    assert (await gateway.get(PATH)).json()["metadata"]["parts"]["orders"]["status"] == "missing"


@pytest.mark.parametrize(("seconds", "status"), [("0", 200), ("5", 404)])
async def test_an_absence_is_believed_only_where_such_are_kept(
    start_gateway: StartGateway, redis_server: RedisServer, seconds: str, status: int
) -> None:
    """With negative caching off, another process' 404 is none here."""
    gateway = await _connected(start_gateway, redis_server, CACHE_NEGATIVE_TTL_SECONDS=seconds)

    def made(good: StoredEntry) -> bytes:
        return replace(good, negative=True, value=b"There is no such user.").to_bytes(HERE)

    _set(redis_server, HERE, made)
    answer, _ = await _outcome(gateway)
    assert answer.status_code == status
    if status == 404:
        assert answer.json()["detail"] == "There is no such user."
        assert int(answer.headers["cache-status"].partition("ttl=")[2].partition(",")[0]) < 5

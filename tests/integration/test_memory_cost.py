"""What the memory tier says it takes, against what the interpreter says."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice, product
from random import randbytes

import pytest

from bff.aggregates import AGGREGATES
from bff.aggregates.profile import PROFILE
from bff.app import gateway_cache
from bff.representation import Representation
from bff.settings import GatewaySettings
from bff.sources.orders import ORDERS
from bff.sources.products import PRODUCTS, Product
from bff.sources.users import USER
from shared import codec
from shared.cache.cache import Cache, Value
from shared.edge.cors import Cors
from shared.edge.form import Form
from shared.edge.forms import Forms
from shared.http.content_coding import negotiate
from shared.http.early_routes import ReadyResponse
from shared.http.request_head import Fields
from shared.settings.loading import load
from tests.fixtures import fake_services
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import StartGateway

NUMBER = 3_000
TOLERANCE = 0.25
_FEW = 300
_HEADS_BYTES = 8_000
ZSTD = Form("zstd", (), "", shows_diagnostics=True)
_read_product = codec.decoder(Product)

PROFILES = Representation(PROFILE).cache_kind


def _profiles(cache: Cache, size: int) -> Iterator[Value]:
    """Answers that have been sent a few times, as 200 and as 304."""
    for number in range(NUMBER):
        body = randbytes(size // 4) + bytes(size - size // 4)
        ready = ReadyResponse(f'W/"{number:024}"', body)
        ready.set_headers(
            {True: [("ETag", ready.etag), ("Cache-Control", f"private, max-age={number}")]},
            [("Cache-Status", f"memory; hit; ttl={number}"), ("Age", str(number))],
            until=float(number),
        )
        ready.head(200, ZSTD, float(number))
        ready.head(304, ZSTD, float(number))
        yield Value(cache.keys.entry(PROFILES, f"user{number}"), body, cache.clock(), 30.0, decoded=ready)


def _products(cache: Cache, size: int) -> Iterator[Value]:
    now = cache.clock()
    for number in range(NUMBER):
        made = fake_services.product(f"p{number}") | {"description": "é" * size}
        data = PRODUCTS.codec.encode(_read_product(codec.document(made)))
        yield Value(cache.keys.entry(PRODUCTS.name, f"p{number}"), data, now, 30.0, 600.0, decoded=_read_product(data))


def _singles(cache: Cache, size: int) -> Iterator[Value]:
    now = cache.clock()
    for number in range(NUMBER):
        for part in (USER, ORDERS):
            yield Value(cache.keys.entry(part.name, f"user{number}"), bytes(size), now, 30.0, 600.0, cost=number / 7)


def _absences(cache: Cache, _size: int) -> Iterator[Value]:
    for number in range(NUMBER):
        sentence = "There is no such user."
        key = cache.keys.entry(PROFILES, f"nobody{number}")
        yield Value(key, sentence.encode(), cache.clock(), 5.0, decoded=sentence, negative=True)


def _mixed(cache: Cache, size: int) -> Iterator[Value]:
    for make in (_profiles, _products, _singles, _absences):
        yield from make(cache, size)


@pytest.mark.parametrize("size", [200, 20_000])
@pytest.mark.parametrize("make", [_profiles, _products, _singles, _mixed])
def test_the_figure_is_what_entries_really_take(make: Callable[[Cache, int], Iterator[Value]], size: int) -> None:
    """Of small ones and of big ones, with all that belongs to each, to a quarter; so the bound is one of memory."""
    settings = load(GatewaySettings, {"CACHE_MEMORY_ENTRIES": "100000", "CACHE_MEMORY_MB": "1000000"})
    cache = gateway_cache(settings, AGGREGATES)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for value in make(cache, size):
            token = cache.issue_token()
            cache.put(token, [value])
            cache.release_token(token)
            del value, token
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert cache.near.store.bytes == pytest.approx(taken, rel=TOLERANCE)


@pytest.mark.parametrize("size", [200, 3_000])
def test_no_client_makes_an_answer_take_much_more(size: int) -> None:
    """In whichever forms it is asked for, within one second too: of ready heads there are few."""
    origins = [f"https://app{number}.example.org" for number in range(20)]
    forms = Forms(negotiate, Cors(origins))
    asked = [
        form
        for origin, coding in product([*origins, None], ["zstd", "gzip", None])
        for form in forms.of(Fields(b"", origin=origin, accept_encoding=coding))
    ]
    settings = load(GatewaySettings, {})
    cache = gateway_cache(settings, AGGREGATES)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for value in islice(_profiles(cache, size), _FEW):
            ready = value.decoded
            assert isinstance(ready, ReadyResponse)
            ready.set_headers({True: (), False: ()}, (), until=0.0)
            for form, status in product(asked, (200, 304)):
                ready.head(status, form, 0.0)
            token = cache.issue_token()
            cache.put(token, [value])
            cache.release_token(token)
            del value, token, ready
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken < cache.near.store.bytes + _FEW * _HEADS_BYTES


@pytest.mark.parametrize("size", [1_000, 100_000, 400_000])
async def test_big_answers_stay_within_the_bound(start_gateway: StartGateway, size: int) -> None:
    """However big profiles are, and however few fit: of those that do the last one is a hit."""
    users = {f"user{number}": fake_services.user(f"user{number}") | {"full_name": "x" * size} for number in range(30)}
    gateway = await start_gateway(FakeServices(users=users), CACHE_MEMORY_MB="1")
    for one in users:
        assert (await gateway.get(f"/api/profile/{one}")).status_code == 200
        stats = (await gateway.get("/api/cache/stats")).json()["tiers"]["memory"]
        assert stats["bytes"] <= 2**20
    assert (await gateway.get("/api/profile/user29")).headers["cache-status"].startswith("memory; hit")


async def test_what_is_too_much_is_not_kept_and_says_so(start_gateway: StartGateway) -> None:
    """An answer that would cost all others is served all the same, each time anew, and costs none of them."""
    users = {"small": fake_services.user("small"), "big": fake_services.user("big") | {"full_name": "x" * 1_500_000}}
    gateway = await start_gateway(FakeServices(users=users), CACHE_MEMORY_MB="1")
    await gateway.get("/api/profile/small")
    for _ in range(2):
        answer = await gateway.get("/api/profile/big")
        assert (answer.status_code, answer.headers["cache-status"]) == (200, "memory; fwd=uri-miss")
    assert (await gateway.get("/api/profile/small")).headers["cache-status"].startswith("memory; hit")

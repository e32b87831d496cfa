"""The product service's routes."""

import json
from decimal import Decimal

from tests.services.bad_ids import BAD_IDS
from tests.services.conftest import StartService, assert_problem
from tests.services.kinds import PRODUCTS

LAPTOP = (
    b'{"id":"prod1","name":"Laptop Pro 14","description":"14 inch display, 16 GB of memory, 512 GB of storage.",'
    b'"price":999.99,"category":"electronics","stock_quantity":50}'
)


async def test_a_product_has_exactly_the_fields_of_the_contract(start_service: StartService) -> None:
    """The price is a JSON number."""
    answer = await (await start_service(PRODUCTS)).get("/products/prod1")
    assert (answer.status_code, answer.content) == (200, LAPTOP)


async def test_every_price_has_two_decimals(start_service: StartService) -> None:
    """Also those that end in zeros."""
    answer = await (await start_service(PRODUCTS)).get("/products?limit=200")
    prices = [product["price"] for product in json.loads(answer.content, parse_float=Decimal)]
    assert len(prices) == 200
    assert all(isinstance(price, Decimal) and price.as_tuple().exponent == -2 for price in prices)
    assert b'"price":49.90,' in answer.content


async def test_an_unknown_product_is_404(start_service: StartService) -> None:
    """A well formed id that no product has is not found."""
    client = await start_service(PRODUCTS)
    for product_id in ("nothing", "PROD1", "prod0"):
        assert_problem(await client.get(f"/products/{product_id}"), 404, "not-found", "product")


async def test_a_batch_cannot_be_read_with_get(start_service: StartService) -> None:
    """The batch route wins over a product of that name, and says what works."""
    answer = await (await start_service(PRODUCTS)).get("/products/batch")
    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "OPTIONS, POST"


async def test_a_bad_product_id_is_400(start_service: StartService) -> None:
    """What is no identifier is refused."""
    client = await start_service(PRODUCTS)
    for product_id in BAD_IDS:
        assert_problem(await client.get(f"/products/{product_id}"), 400, "invalid-input", "product_id")

"""``POST /products/batch``."""

import json
from typing import Any

from tests.services.conftest import StartService, assert_problem
from tests.services.kinds import PRODUCTS

MALFORMED = (
    b"",
    b"{",
    b"nonsense",
    b'{"product_ids": ["prod1"',
    b'{"product_ids": ["prod1"]} more',
    b'{"product_ids": ["\xff"]}',
    b"\xff\xfe{}",
)

MISSHAPEN: tuple[tuple[object, str], ...] = (
    ([], "array"),
    (None, "null"),
    ("prod1", "str"),
    ({}, "product_ids"),
    ({"ids": ["prod1"]}, "product_ids"),
    ({"product_ids": None}, "$.product_ids"),
    ({"product_ids": "prod1"}, "$.product_ids"),
    ({"product_ids": {"0": "prod1"}}, "$.product_ids"),
    ({"product_ids": []}, "$.product_ids"),
    ({"product_ids": ["prod1", 2]}, "$.product_ids[1]"),
    ({"product_ids": ["prod1", None]}, "$.product_ids[1]"),
    ({"product_ids": [["prod1"]]}, "$.product_ids[0]"),
    ({"product_ids": [""]}, "$.product_ids[0]"),
    ({"product_ids": ["a b"]}, "$.product_ids[0]"),
    ({"product_ids": ["a" * 65]}, "$.product_ids[0]"),
    ({"product_ids": ["prod1", "a\x00b"]}, "$.product_ids[1]"),
    ({"product_ids": ["prod1", "ü"]}, "$.product_ids[1]"),
)


async def _ask(client: Any, document: object) -> Any:
    return await client.post("/products/batch", content=json.dumps(document))


async def test_products_come_in_the_order_asked_for(start_service: StartService) -> None:
    """A list of whole products, each as it is alone."""
    client = await start_service(PRODUCTS)
    answer = await _ask(client, {"product_ids": ["prod3", "prod20", "prod1"]})
    assert answer.status_code == 200
    alone = [(await client.get(f"/products/{name}")).json() for name in ("prod3", "prod20", "prod1")]
    assert answer.json() == alone


async def test_unknown_ids_are_left_out_and_repeated_ones_come_once(start_service: StartService) -> None:
    """The first mention decides the place."""
    client = await start_service(PRODUCTS)
    answer = await _ask(client, {"product_ids": ["prod2", "nothing", "prod1", "prod2", "PROD1"]})
    assert [product["id"] for product in answer.json()] == ["prod2", "prod1"]


async def test_only_unknown_ids_give_an_empty_list(start_service: StartService) -> None:
    """Unknown is not an error."""
    answer = await _ask(await start_service(PRODUCTS), {"product_ids": ["nothing"]})
    assert (answer.status_code, answer.content) == (200, b"[]")


async def test_a_hundred_ids_are_the_most(start_service: StartService) -> None:
    """100 are answered, 101 are 422, repeated or not."""
    client = await start_service(PRODUCTS)
    ids = [f"prod{number}" for number in range(100, 0, -1)]
    assert [product["id"] for product in (await _ask(client, {"product_ids": ids})).json()] == ids
    assert_problem(await _ask(client, {"product_ids": [*ids, "prod1"]}), 422, "unprocessable", "$.product_ids")


async def test_further_members_are_ignored(start_service: StartService) -> None:
    """A newer client may send more than this service knows."""
    answer = await _ask(await start_service(PRODUCTS), {"product_ids": ["prod1"], "currency": "EUR"})
    assert answer.status_code == 200


async def test_what_is_no_json_is_400(start_service: StartService) -> None:
    """Malformed bytes are the client's fault."""
    client = await start_service(PRODUCTS)
    for body in MALFORMED:
        assert_problem(await client.post("/products/batch", content=body), 400, "invalid-input", "JSON")


async def test_the_wrong_shape_is_422_and_says_where(start_service: StartService) -> None:
    """JSON that is not a batch request is refused with the place of the fault."""
    client = await start_service(PRODUCTS)
    for document, where in MISSHAPEN:
        assert_problem(await _ask(client, document), 422, "unprocessable", where)


async def test_a_body_over_the_limit_is_413(start_service: StartService) -> None:
    """No service reads more than it could ever use."""
    answer = await _ask(await start_service(PRODUCTS), {"product_ids": ["prod1"], "padding": "x" * 70_000})
    assert_problem(answer, 413, "too-large")

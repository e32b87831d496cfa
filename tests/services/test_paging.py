"""``GET /users`` and ``GET /products``: lists in pages."""

import re
from typing import Any

import pytest

from tests.services.conftest import StartService, assert_problem
from tests.services.kinds import PRODUCTS, USERS, Service

BAD_QUERIES = (
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("limit=-1", "limit"),
    ("limit=", "limit"),
    ("limit", "limit"),
    ("limit=1.0", "limit"),
    ("limit=1_0", "limit"),
    ("limit=%2B5", "limit"),
    ("limit=%D9%A3", "limit"),
    ("limit=ten", "limit"),
    ("limit=" + "9" * 5000, "limit"),
    ("limit=1&limit=2", "limit must be given once"),
    ("after=", "after"),
    ("after=a%00b", "after"),
    ("after=a%20b", "after"),
    ("after=%FF", "after"),
    ("after=" + "a" * 65, "after"),
    ("after=a&after=a", "after must be given once"),
    ("offset=3", "nothing else"),
    ("Limit=3", "nothing else"),
    ("limit=3&%00=1", "nothing else"),
)


def _next(answer: Any) -> str | None:
    link = answer.headers.get("link")
    if link is None:
        return None
    match = re.fullmatch(r'<(/[^>]*)>; rel="next"', link)
    assert match is not None, link
    return match[1]


@pytest.mark.parametrize(("service", "total"), [(USERS, 1000), (PRODUCTS, 200)], ids=["users", "products"])
@pytest.mark.parametrize("limit", [200, 77])
async def test_links_lead_through_the_whole_list(
    start_service: StartService, service: Service, total: int, limit: int
) -> None:
    """Following the links gives every row once, in the order of code points; the last page has no link."""
    client = await start_service(service)
    path: str | None = f"/{service.name}?limit={limit}"
    seen: list[str] = []
    while path is not None:
        answer = await client.get(path)
        page = [row["id"] for row in answer.json()]
        assert 0 < len(page) <= limit
        seen += page
        path = _next(answer)
    assert len(seen) == total
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("service", [USERS, PRODUCTS], ids=["users", "products"])
async def test_fifty_rows_are_a_page_unless_said_otherwise(start_service: StartService, service: Service) -> None:
    """The default page begins at the beginning and links to the next."""
    answer = await (await start_service(service)).get(f"/{service.name}")
    ids = [row["id"] for row in answer.json()]
    assert len(ids) == 50
    assert _next(answer) == f"/{service.name}?limit=50&after={ids[-1]}"


async def test_after_is_exclusive_and_need_not_exist(start_service: StartService) -> None:
    """A page begins behind ``after``, whether or not there is such a row."""
    client = await start_service(USERS)
    first, second = (await client.get("/users?limit=2")).json()
    assert (await client.get(f"/users?limit=1&after={first['id']}")).json() == [second]
    assert (await client.get("/users?limit=1&after=user0")).json() == [first]


async def test_behind_the_last_row_there_is_an_empty_page(start_service: StartService) -> None:
    """No rows and no link, not an error."""
    answer = await (await start_service(USERS)).get("/users?after=zzz")
    assert (answer.status_code, answer.content) == (200, b"[]")
    assert "link" not in answer.headers


async def test_a_page_that_ends_with_the_list_has_no_link(start_service: StartService) -> None:
    """Exactly as many rows as asked for, and none behind them."""
    answer = await (await start_service(PRODUCTS)).get("/products?limit=200")
    assert len(answer.json()) == 200
    assert "link" not in answer.headers


@pytest.mark.parametrize("service", [USERS, PRODUCTS], ids=["users", "products"])
async def test_a_bad_query_is_400(start_service: StartService, service: Service) -> None:
    """Values out of range, repeated and unknown parameters are refused, naming the rule."""
    client = await start_service(service)
    for query, mentioned in BAD_QUERIES:
        assert_problem(await client.get(f"/{service.name}?{query}"), 400, "invalid-input", mentioned)

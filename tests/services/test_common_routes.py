"""What every service has: index, health, readiness, metrics."""

import re

import pytest

import shared
from tests.services.conftest import StartService, assert_problem
from tests.services.kinds import ORDERS, SERVICES, Service

each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


@each_service
async def test_the_index_links_to_what_there_is(start_service: StartService, service: Service) -> None:
    """Every link without a parameter answers; those with parameters name them in braces."""
    client = await start_service(service)
    document = (await client.get("/")).json()
    assert (document["name"], document["version"]) == (service.title, shared.__version__)
    for path in document["links"].values():
        if "{" not in path and "batch" not in path:
            assert (await client.get(path)).status_code == 200, path


@each_service
async def test_health_includes_the_database(start_service: StartService, service: Service) -> None:
    """A service with its database is healthy, and its answer is not to be stored."""
    answer = await (await start_service(service)).get("/health")
    document = answer.json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document.pop("timestamp"))
    assert document == {
        "status": "healthy",
        "service": service.title,
        "version": shared.__version__,
        "database": "healthy",
    }
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


@each_service
async def test_requests_are_counted_by_their_route(start_service: StartService, service: Service) -> None:
    """The template is the label, never the path."""
    client = await start_service(service)
    await client.get(f"/{service.name}/some-id-of-a-client")
    text = (await client.get("/metrics")).text
    assert f'endpoint="/{service.name}/<{service.name[:-1]}_id>"' in text
    assert "some-id-of-a-client" not in text


@each_service
async def test_unknown_routes_are_problems(start_service: StartService, service: Service) -> None:
    """Nothing but problem documents for paths that lead nowhere."""
    client = await start_service(service)
    for path in ("/nope", f"/{service.name}/a/b/c"):
        assert_problem(await client.get(path), 404, "unknown-route")


@each_service
@pytest.mark.parametrize("listing", ["true", "false", "FALSE"])
async def test_lists_of_everything_can_be_switched_off(
    start_service: StartService, service: Service, listing: str
) -> None:
    """Off there is none under any method, and the index does not tell of it; single things are as ever."""
    client = await start_service(service, LISTING=listing)
    lists = listing == "true" and service is not ORDERS
    links = (await client.get("/")).json()["links"]
    assert (service.name in links) == lists
    for path in (f"/{service.name}", f"/{service.name}?limit=5", f"/{service.name}/?after=a"):
        answer = await client.get(path)
        if lists:
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        elif service is ORDERS:  # which are placed there
            assert_problem(answer, 405, "method-not-allowed")
            assert answer.headers["allow"] == "OPTIONS, POST"
        else:
            assert_problem(answer, 404, "unknown-route")
            assert_problem(await client.post(path), 404, "unknown-route")
            assert (await client.head(path)).status_code == 404
            assert (await client.options(path)).status_code == 404
    one = {"users": "user123", "orders": "order123", "products": "prod1"}[service.name]
    assert (await client.get(f"/{service.name}/{one}")).json()["id"] == one

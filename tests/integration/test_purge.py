"""The admin routes that drop what is cached."""

import pytest

from tests.fixtures.gateway import Gateway, StartGateway

PROFILE, ENTRY = "/api/profile/user1", "/api/cache/profile/user1"
TOKEN = "a-secret-token"


async def _delete(gateway: Gateway, path: str, authorization: str | bytes | None = f"Bearer {TOKEN}") -> int:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await gateway.client.delete(path, headers=headers)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] in {"Bearer", 'Bearer error="invalid_token"'}
        assert answer.json()["type"] == "urn:problem:unauthorized"
    return int(answer.status_code)


@pytest.mark.parametrize("path", [ENTRY, "/api/cache"])
async def test_a_purge_drops_what_is_cached(start_gateway: StartGateway, path: str) -> None:
    """The next request is put together anew, with parts asked for again."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    await gateway.get(PROFILE)
    assert await _delete(gateway, path) == 204
    answer = await gateway.get(PROFILE)
    assert answer.json()["metadata"]["cached"] is False
    calls = [service for service, _ in gateway.services.calls]
    assert (calls.count("users"), calls.count("orders")) == (2, 2)
    assert calls.count("products") == (1 if path == ENTRY else 2)


@pytest.mark.parametrize("path", [ENTRY, "/api/cache", "/api/cache/tags/user:user1"])
async def test_without_a_configured_token_there_is_no_such_route(start_gateway: StartGateway, path: str) -> None:
    """Nobody learns that there could be one."""
    gateway = await start_gateway(AUTH="off")
    assert await _delete(gateway, path) == 404


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 400),
        ("Bearer wrong", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        (b"Bearer \xe4\xff", 400),
        (f"Bearer {TOKEN}, Bearer {TOKEN}", 400),
    ],
)
async def test_another_token_is_refused(
    start_gateway: StartGateway, authorization: str | bytes | None, status: int
) -> None:
    """401 with the scheme that is wanted, 400 for what is no token at all, and nothing is dropped."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN, AUTH="off")
    await gateway.get(PROFILE)
    assert await _delete(gateway, ENTRY, authorization) == status
    assert (await gateway.get(PROFILE)).json()["metadata"]["cached"] is True


@pytest.mark.parametrize("authorization", [f"bearer {TOKEN}", f"BEARER {TOKEN}", f"Bearer   {TOKEN}"])
async def test_the_scheme_is_taken_in_any_case(start_gateway: StartGateway, authorization: str) -> None:
    """With one space behind it or more (RFC 9110 §11.1, RFC 6750 §2.1)."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    assert await _delete(gateway, ENTRY, authorization) == 204


async def test_a_purge_of_a_bad_id_is_400(start_gateway: StartGateway) -> None:
    """The rule for ids is the same as everywhere."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    assert await _delete(gateway, "/api/cache/profile/a.b") == 400


async def test_while_redis_is_away_a_purge_says_that_others_were_not_told(start_gateway: StartGateway) -> None:
    """503 with Retry-After: it is done here, and has to be asked for again."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN, REDIS_URL="redis://127.0.0.1:1/0")
    assert await _delete(gateway, ENTRY) == 503


async def test_a_method_that_does_not_work_names_those_that_do(start_gateway: StartGateway) -> None:
    """GET of an entry is 405 with Allow."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    answer = await gateway.get(ENTRY)
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, OPTIONS")

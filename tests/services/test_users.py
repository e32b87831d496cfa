"""The user service's routes."""

import re

from tests.services.bad_ids import BAD_IDS
from tests.services.conftest import StartService, assert_problem
from tests.services.kinds import USERS


async def test_a_user_has_exactly_the_fields_of_the_contract(start_service: StartService) -> None:
    """The answer is one JSON object, times in UTC with Z and whole seconds."""
    answer = await (await start_service(USERS)).get("/users/user123")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "id": "user123",
        "username": "maria.santos",
        "email": "maria.santos@example.com",
        "full_name": "Maria Santos",
        "is_active": True,
        "created_at": "2022-04-11T09:26:53Z",
    }


async def test_the_second_named_user_is_there(start_service: StartService) -> None:
    """user456 exists and is active."""
    document = (await (await start_service(USERS)).get("/users/user456")).json()
    assert (document["id"], document["is_active"]) == ("user456", True)


async def test_every_user_reads_like_the_first(start_service: StartService) -> None:
    """Types hold over a whole page, and names beyond ASCII come through."""
    page = (await (await start_service(USERS)).get("/users?limit=200")).json()
    assert len(page) == 200
    for user in page:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", user["created_at"])
        assert isinstance(user["is_active"], bool)
        assert user["email"].startswith(user["username"] + "@")
    assert any(not user["full_name"].isascii() for user in page)


async def test_an_unknown_user_is_404(start_service: StartService) -> None:
    """A well formed id that nobody has is not found; case matters."""
    client = await start_service(USERS)
    for user_id in ("nobody", "USER123", "user0", "-", "_", "a" * 64):
        assert_problem(await client.get(f"/users/{user_id}"), 404, "not-found", "user")


async def test_a_bad_user_id_is_400(start_service: StartService) -> None:
    """What is no identifier is refused, naming the parameter and the rule."""
    client = await start_service(USERS)
    for user_id in BAD_IDS:
        assert_problem(await client.get(f"/users/{user_id}"), 400, "invalid-input", "user_id", "1 to 64")


async def test_head_works_wherever_get_does(start_service: StartService) -> None:
    """HEAD has the headers of GET and no body."""
    client = await start_service(USERS)
    for path in ("/users/user123", "/users", "/users/nobody", "/", "/health"):
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        assert head.headers.get("link") == got.headers.get("link")


async def test_other_methods_are_405(start_service: StartService) -> None:
    """Users are read and changed, and nothing else; the service says what works."""
    client = await start_service(USERS)
    for method in ("POST", "PUT", "DELETE"):
        answer = await client._request(method, "/users/user123")
        assert_problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PATCH"


async def test_a_caller_without_time_is_told_at_once(start_service: StartService) -> None:
    """Nothing is worked on for which nobody waits; what is no time is passed over."""
    users = await start_service(USERS)
    answer = await users.get("/users/user123", headers={"X-Request-Timeout-Ms": "0"})
    assert answer.status_code == 503
    for odd in ("-5", "soon", "", "9" * 30, "1500"):
        assert (await users.get("/users/user123", headers={"X-Request-Timeout-Ms": odd})).status_code == 200

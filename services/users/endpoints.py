"""The routes of the user service."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

from services.database import AWAY
from services.paging import PARAMETERS, REFUSAL, page_response, read_page
from services.read_cache import ReadCache
from services.users.model import User, UserPatch
from services.users.repository import UserRepository, kept_as
from shared import codec, ids
from shared.errors import NotFound, Unprocessable
from shared.http import routing
from shared.http.json_body import MERGE_PATCH, NO_JSON, other_type, read_json
from shared.http.openapi.operation import Answer, Body, Operation, Parameter, Tag, example_of
from shared.http.openapi.vocabulary import LINK

_LINKS: Final = {"user": "/users/{user_id}"}
_LIST_LINKS: Final = {"users": "/users?limit={limit}&after={user_id}"}

_EXAMPLE: Final = User(
    "user123",
    "maria.santos",
    "maria.santos@example.com",
    "Maria Santos",
    True,
    datetime(2022, 4, 11, 9, 26, 53, tzinfo=UTC),
)
_TAG: Final = Tag("users", "Who the customers are.")
_read_patch = codec.decoder(UserPatch)
_NOT_FOUND: Final = NotFound("There is no such user.")
_LIST: Final = Operation(
    "All users, in pages",
    _TAG,
    (Answer(200, "A page of them, by id.", list[User], headers=(LINK,), examples=example_of([_EXAMPLE])),),
    problems=(REFUSAL, AWAY),
    parameters=PARAMETERS,
)
_ONE: Final = Operation(
    "One user",
    _TAG,
    (Answer(200, "The user.", User, examples=example_of(_EXAMPLE)),),
    problems=(ids.TEXT.refusal("user_id"), _NOT_FOUND, AWAY),
    parameters=(Parameter.in_path("user_id", ids.TEXT, _EXAMPLE.id),),
)
_PATCH: Final = Operation(
    "Change a user",
    _TAG,
    (Answer(200, "The user as it is now.", User, examples=example_of(_EXAMPLE)),),
    problems=(
        ids.TEXT.refusal("user_id"),
        NO_JSON,
        _NOT_FOUND,
        other_type(MERGE_PATCH),
        Unprocessable("Expected `bool`, got `null` - at `$.is_active`."),
        AWAY,
    ),
    parameters=(Parameter.in_path("user_id", ids.TEXT, _EXAMPLE.id),),
    body=Body(UserPatch, b'{"full_name":"Maria Santos"}', MERGE_PATCH),
)


class UserEndpoints:
    """``GET /users``, ``GET /users/{user_id}`` and ``PATCH /users/{user_id}``."""

    def __init__(self, users: UserRepository, reads: ReadCache, *, lists: bool) -> None:
        """``lists`` tells whether there is the list."""
        self._users = users
        self._reads = reads
        self._lists = lists

    def links(self) -> Mapping[str, str]:
        """What the index tells of."""
        return _LINKS | _LIST_LINKS if self._lists else _LINKS

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the routes to ``app``."""
        if self._lists:
            routing.get(app, "/users", self._answer_list, "users", _LIST)
        routing.get(app, "/users/<user_id>", self._answer_one, "user", _ONE)
        routing.patch(app, "/users/<user_id>", self._answer_patch, "change_user", _PATCH)

    async def _answer_list(self, request: Request) -> HTTPResponse:
        page = read_page(request)
        return page_response("/users", page, await self._users.list_after(page.after, page.limit + 1))

    async def _answer_one(self, _request: Request, user_id: str) -> HTTPResponse:
        checked = ids.checked("user_id", user_id)
        user = await self._reads.get(kept_as(checked), lambda: self._users.get(checked))
        if user is None:
            raise NotFound(_NOT_FOUND.detail)
        return routing.encoded_response(user)

    async def _answer_patch(self, request: Request, user_id: str) -> HTTPResponse:
        checked = ids.checked("user_id", user_id)
        user = await self._users.patch(checked, read_json(request, _read_patch, MERGE_PATCH))
        if user is None:
            raise NotFound(_NOT_FOUND.detail)
        return routing.struct_response(user)

"""The routes of the user service."""

from collections.abc import Mapping
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

from services.paging import page_response, read_page
from services.read_cache import ReadCache
from services.users.repository import UserRepository
from shared import ids
from shared.errors import NotFound
from shared.http import routing

_LINKS: Final = {"user": "/users/{user_id}"}
_LIST_LINKS: Final = {"users": "/users?limit={limit}&after={user_id}"}


class UserEndpoints:
    """``GET /users`` and ``GET /users/{user_id}``."""

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
            routing.get(app, "/users", self._answer_list, "users")
        routing.get(app, "/users/<user_id>", self._answer_one, "user")

    async def _answer_list(self, request: Request) -> HTTPResponse:
        page = read_page(request)
        return page_response("/users", page, await self._users.list_after(page.after, page.limit + 1))

    async def _answer_one(self, _request: Request, user_id: str) -> HTTPResponse:
        checked = ids.checked("user_id", user_id)
        user = await self._reads.get(f"user:{checked}", lambda: self._users.get(checked))
        if user is None:
            raise NotFound("There is no such user.")
        return routing.encoded_response(user)

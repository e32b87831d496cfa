"""The admin routes that purge the cache: one subject or everything. Where nobody can be let in they do not exist."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

from bff.aggregates.kind import AggregateKind
from bff.endpoints.admin import ADMIN, PURGE
from shared.cache.cache import Cache
from shared.errors import RequestError, ServiceUnavailable
from shared.http import routing
from shared.http.index_route import Link
from shared.http.openapi.operation import Answer, Operation, Parameter
from shared.http.openapi.vocabulary import CACHE_CONTROL
from shared.ids import IdType
from shared.observing.logs import log

_ELSEWHERE: Final = ServiceUnavailable(
    "Dropped in this process. Others could not be told, because Redis is away; try again.", retry_after=2
)
_ALL: Final = "/api/cache"


class Purge:
    """DELETE routes below ``/api/cache``, where anybody can be ``allowed`` to use them."""

    def __init__(self, kinds: Sequence[AggregateKind], cache: Cache, *, allowed: bool) -> None:
        self._kinds = kinds
        self._cache = cache
        self._allowed = allowed

    @property
    def links(self) -> Mapping[str, Link]:
        """The routes by name, for the index."""
        if not self._allowed:
            return {}
        paths = {kind.name: f"{_ALL}/{kind.name}/{{{kind.parameter}}}" for kind in self._kinds}
        return {f"purge_{name}": Link("DELETE", path) for name, path in {"all": _ALL, **paths}.items()}

    def routes(self, app: Sanic[Any, Any]) -> None:
        """DELETE of ``/api/cache`` and of ``/api/cache/<kind>/<id>``."""
        if not self._allowed:
            return
        routing.delete(app, _ALL, self._purge_all, "purge_all", _operation("Drop everything that is cached"))
        for kind in self._kinds:
            path = f"{_ALL}/{kind.name}/<{kind.parameter}:str>"
            name = f"purge_{kind.name}"
            routing.delete(app, path, partial(self._purge_one, kind.id_type), name, _operation_on_one(kind))

    async def _purge_one(self, id_type: IdType, _request: Request, **parameters: str) -> HTTPResponse:
        ((name, text),) = parameters.items()
        return self._answer(await self._cache.purge(id_type.checked(name, text)), "one subject")

    async def _purge_all(self, _request: Request) -> HTTPResponse:
        return self._answer(await self._cache.purge_all(), "everything")

    def _answer(self, everywhere: bool, scope: str) -> HTTPResponse:
        log("info", "cache purged", "cache", scope=scope, everywhere=everywhere)
        if not everywhere:
            raise ServiceUnavailable(_ELSEWHERE.detail, _ELSEWHERE.retry_after)
        return routing.no_content()


def _operation_on_one(kind: AggregateKind) -> Operation:
    return _operation(
        f"Drop what is cached of one {kind.subject}",
        parameters=(Parameter.in_path(kind.parameter, kind.id_type, kind.example_id),),
        problems=(kind.id_type.refusal(kind.parameter), _ELSEWHERE),
    )


def _operation(
    summary: str, *, parameters: Sequence[Parameter] = (), problems: Sequence[RequestError] = (_ELSEWHERE,)
) -> Operation:
    return Operation(
        summary,
        ADMIN,
        (Answer(204, "Dropped, in every process.", headers=(CACHE_CONTROL,)),),
        problems=problems,
        parameters=parameters,
        access=PURGE,
    )

"""The admin routes that purge the cache: one subject, a tag or everything. Where nobody is let in they do not exist."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

from bff.aggregates.kind import AggregateKind
from bff.endpoints.admin import ADMIN, PURGE
from shared.cache.cache import Cache
from shared.cache.tags import DESCRIPTION, PATTERN, is_tag, named
from shared.errors import InvalidInput, RequestError, ServiceUnavailable
from shared.http import routing
from shared.http.index_route import Link
from shared.http.openapi.operation import Answer, Operation, Parameter
from shared.http.openapi.vocabulary import CACHE_CONTROL
from shared.observing.logs import log

_ELSEWHERE: Final = ServiceUnavailable(
    "Dropped in this process. Others could not be told, because Redis is away; try again.", retry_after=2
)
_ALL: Final = "/api/cache"
_TAGS: Final = f"{_ALL}/tags"
_TAG_SCHEMA: Final = {"type": "string", "pattern": PATTERN}
_NO_TAG: Final = InvalidInput(f"A tag must be {DESCRIPTION}.")
_MODE: Final = "mode"
_MODES: Final = ("soft", "hard")
_NO_MODE: Final = InvalidInput("mode must be soft or hard, once, or be left out.")


class Purge:
    """DELETE routes below ``/api/cache``."""

    def __init__(self, kinds: Sequence[AggregateKind], cache: Cache) -> None:
        self._kinds = kinds
        self._cache = cache

    @property
    def links(self) -> Mapping[str, Link]:
        """The routes by name, for the index."""
        paths = {kind.name: f"{_ALL}/{kind.name}/{{{kind.parameter}}}" for kind in self._kinds}
        every = {"all": _ALL, "tag": f"{_TAGS}/{{tag}}{{?mode}}", **paths}
        return {f"purge_{name}": Link("DELETE", path) for name, path in every.items()}

    def routes(self, app: Sanic[Any, Any]) -> None:
        """DELETE of ``/api/cache``, of ``/api/cache/tags/<tag>`` and of ``/api/cache/<kind>/<id>``."""
        routing.delete(app, _ALL, self._purge_all, "purge_all", _operation("Drop everything that is cached"))
        routing.delete(app, f"{_TAGS}/<tag:str>", self._purge_tag, "purge_tag", _operation_on_tag(self._kinds))
        for kind in self._kinds:
            path = f"{_ALL}/{kind.name}/<{kind.parameter}:str>"
            name = f"purge_{kind.name}"
            routing.delete(app, path, partial(self._purge_one, kind), name, _operation_on_one(kind))

    async def _purge_one(self, kind: AggregateKind, _request: Request, **parameters: str) -> HTTPResponse:
        ((name, text),) = parameters.items()
        subject = named(kind.tag, kind.id_type.checked(name, text))
        return self._answer(await self._cache.purge_tags([subject], hard=True), "one subject")

    async def _purge_tag(self, request: Request, tag: str) -> HTTPResponse:
        if not is_tag(tag):
            raise InvalidInput(_NO_TAG.detail)
        modes = [value for name, value in request.get_query_args(keep_blank_values=True) if name == _MODE]
        if len(modes) > 1 or not {*modes} <= {*_MODES}:
            raise InvalidInput(_NO_MODE.detail)
        return self._answer(await self._cache.purge_tags([tag], hard=modes == ["hard"]), "one tag")

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


def _operation_on_tag(kinds: Sequence[AggregateKind]) -> Operation:
    example = next((named(kind.tag, one) for kind in kinds if (one := kind.example_id) is not None), None)
    described = "Whether it may stand in as last known good (soft, by default) or is gone (hard)."
    return _operation(
        "Outdate everything that carries a tag",
        parameters=(
            Parameter("tag", "path", f"{DESCRIPTION[0].upper()}{DESCRIPTION[1:]}.", _TAG_SCHEMA, example),
            Parameter(_MODE, "query", described, {"type": "string", "enum": [*_MODES]}),
        ),
        problems=(_NO_TAG, _NO_MODE, _ELSEWHERE),
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

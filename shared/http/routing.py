"""Routes: HEAD wherever GET works, OPTIONS with ``Allow``, endpoint labels of bounded cardinality."""

import re
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import SanicException
from sanic.response import empty
from sanic.response import raw as raw_response
from sanic_routing.exceptions import RouteExists

from shared import codec
from shared.edge.cors import Cors
from shared.errors import DeclarationError
from shared.http.openapi.operation import Operation

Endpoint = Callable[..., Coroutine[Any, Any, HTTPResponse]]

UNMATCHED = "unmatched"
_TYPED_PARAMETER = re.compile(r"<(\w+):[^>]*>")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def get(app: Sanic[Any, Any], path: str, endpoint: Endpoint, name: str, operation: Operation) -> None:
    """Answer GET and HEAD on ``path``; parameters arrive percent-decoded."""
    _add(app, path, endpoint, name, operation, "GET", "HEAD")


def post(app: Sanic[Any, Any], path: str, endpoint: Endpoint, name: str, operation: Operation) -> None:
    """Answer POST on ``path``."""
    _add(app, path, endpoint, name, operation, "POST")


def patch(app: Sanic[Any, Any], path: str, endpoint: Endpoint, name: str, operation: Operation) -> None:
    """Answer PATCH on ``path``; parameters arrive percent-decoded."""
    _add(app, path, endpoint, name, operation, "PATCH")


def delete(app: Sanic[Any, Any], path: str, endpoint: Endpoint, name: str, operation: Operation) -> None:
    """Answer DELETE on ``path``; parameters arrive percent-decoded."""
    _add(app, path, endpoint, name, operation, "DELETE")


def _add(app: Sanic[Any, Any], path: str, endpoint: Endpoint, name: str, operation: Operation, *methods: str) -> None:
    """Route ``methods`` on ``path``.

    Raises:
        DeclarationError: another route has this name, or answers there already.
    """
    routes = app.router.routes
    if any(route.name == f"{app.name}.{name}" for route in routes):
        raise DeclarationError(f"two routes are called {name!r}")
    context: dict[str, object] = {"ctx_operation": operation, "ctx_number": len(routes)}
    try:
        app.add_route(endpoint, path, methods=methods, name=name, unquote=True, **context)  # type: ignore[arg-type]
    except RouteExists as error:
        raise DeclarationError(f"two routes answer {methods[0]} {path}") from error


class Route(NamedTuple):
    """A route as it was added: ``template`` has its parameters in angle brackets, ``name`` is that within its app."""

    method: str
    template: str
    name: str
    operation: Operation


def declared_routes(app: Sanic[Any, Any]) -> Iterator[Route]:
    """The routes of ``app`` so far, in the order in which they were added; HEAD goes with GET."""
    added = [route for route in app.router.routes if hasattr(route.ctx, "operation")]
    for route in sorted(added, key=lambda route: route.ctx.number):
        (method,) = route.methods - {"HEAD"}
        name = route.name.removeprefix(f"{app.name}.")
        yield Route(method, _template(route.path), name, route.ctx.operation)


def share_operational(app: Sanic[Any, Any], to: Sanic[Any, Any]) -> None:
    """Let ``to`` answer what ``app`` has for those who run it."""
    for route in app.router.routes:
        operation = getattr(route.ctx, "operation", None)
        if operation is not None and operation.operational:
            name = route.name.removeprefix(f"{app.name}.")
            _add(to, f"/{route.path}", route.handler, name, operation, *sorted(route.methods))


def add_options(app: Sanic[Any, Any], cors: Cors | None = None) -> None:
    """Answer OPTIONS with 204 and ``Allow`` on every path routed so far (RFC 9110 §9.3.7).

    ``cors`` adds what a preflight of CORS asks for.
    """
    methods: dict[str, set[str]] = defaultdict(set)
    for route in app.router.routes:
        methods["/" + route.path].update(route.methods)
    for number, (path, known) in enumerate(sorted(methods.items())):
        endpoint = _options(frozenset(known), cors)
        app.add_route(endpoint, path, methods=["OPTIONS"], name=f"options_{number}", unquote=True)


def _options(known: frozenset[str], cors: Cors | None) -> Endpoint:
    allow = {"Allow": ", ".join(sorted(known | {"OPTIONS"}))}

    async def options(request: Request, **_parameters: str) -> HTTPResponse:
        if cors is None:
            return empty(headers=allow)
        asked = request.headers.get("access-control-request-method")
        return empty(headers={**allow, **cors.preflight(request.headers.get("origin"), asked, known)})

    return options


def no_content(headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """204: done, and nothing to say about it, but for these ``headers``."""
    return empty(headers={"Cache-Control": "no-store", **(headers or {})})


def struct_response(struct: object, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """A typed struct, or a list of them, as JSON."""
    return encoded_response(codec.encode(struct), status, headers)


def encoded_response(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """JSON that is ready to be sent."""
    return raw_response(body, status=status, headers=headers, content_type="application/json")


def allowed_methods(request: Request) -> str:
    """The value of ``Allow`` for the path of ``request``: every method that has a route there."""
    return ", ".join(sorted(method for method in _METHODS if _has_route(request, method)))


def _has_route(request: Request, method: str) -> bool:
    try:
        request.app.router.get(request.path, method, None)
    except SanicException:
        return False
    return True


def endpoint_label(request: Request) -> str:
    """The template of the route that matched, such as ``/api/profile/<user_id>``; one value for all others."""
    route = request.route
    return UNMATCHED if route is None else _template(route.path)


def operation_of(request: Request) -> Operation | None:
    """What the route that matched does; None where none did, or it tells what others do."""
    return None if request.route is None else getattr(request.route.ctx, "operation", None)


def labels_of_routes(app: Sanic[Any, Any]) -> Iterator[tuple[str, str]]:
    """The labels of method and endpoint of every route of ``app`` so far."""
    for route in app.router.routes:
        for method in route.methods:
            yield method, _template(route.path)


def method_label(request: Request) -> str:
    """The method, or ``OTHER`` for any that no route could have."""
    return request.method if request.method in _METHODS else "OTHER"


@cache
def _template(path: str) -> str:
    return "/" + _TYPED_PARAMETER.sub(r"<\1>", path)

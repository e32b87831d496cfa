"""The OpenAPI document of an app (version 3.1), made of the operations that its routes declare."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from shared.errors import DeclarationError
from shared.http.openapi import vocabulary
from shared.http.openapi.components import Components, Node, parameter_object
from shared.http.openapi.operation import Body, Operation
from shared.http.openapi.responses import responses
from shared.http.openapi.security import NO_SECURITY, Security
from shared.http.problems import ProblemDetails
from shared.http.routing import Route

VERSION: Final = "3.1.1"
_IN_ROUTE: Final = re.compile(r"<(\w+)>")
_IN_PATH: Final = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Info:
    """What an app says of itself; ``description`` is CommonMark."""

    title: str
    version: str
    description: str


def document(info: Info, routes: Iterable[Route], security: Security = NO_SECURITY) -> Node:
    """The document of an app with these ``routes`` and ``security``, as plain data.

    Tags come in the order in which routes have them.

    Raises:
        DeclarationError: a route and its operation do not agree, or two things in operations share a name.
    """
    routes = list(routes)
    ordered = sorted(routes, key=lambda route: (route.template, route.method))
    components = Components([ProblemDetails, *(kind for route in ordered for kind in _types(route.operation))])
    for route in routes:
        components.tag(route.operation.tag)
    paths: dict[str, Node] = {}
    for route in ordered:
        path = _IN_ROUTE.sub(r"{\1}", route.template)
        item = paths.setdefault(
            path, {"parameters": [components.parameter(one) for one in vocabulary.COMMON_PARAMETERS]}
        )
        item[route.method.lower()] = _operation(route, path, components, security)
    return {
        "openapi": VERSION,
        "info": {"title": info.title, "version": info.version, "description": info.description},
        "servers": [{"url": "/"}],
        "tags": components.tags(),
        "paths": paths,
        "components": components.written(),
    }


def _types(operation: Operation) -> Iterator[Any]:
    yield from (body.type for body in _bodies(operation))
    yield from (answer.body for answer in operation.answers if answer.body is not None)


def _operation(route: Route, path: str, components: Components, security: Security) -> Node:
    operation = route.operation
    in_path = [one.name for one in operation.parameters if one.place == "path"]
    if in_path != _IN_PATH.findall(path):
        raise DeclarationError(f"route {route.name!r}: its operation has {in_path} in the path {path}")
    written: Node = {
        "operationId": route.name,
        "summary": operation.summary,
        "tags": [components.tag(operation.tag)],
        "responses": responses(operation, _filled(path, operation), components, security),
    }
    if operation.parameters:
        written["parameters"] = [parameter_object(one) for one in operation.parameters]
    if bearers := security.bearers(operation.access, operation.credentials):
        written["security"] = components.security(bearers)
    contents: Node = {}
    for body in _bodies(operation):
        examples = {"example": {"value": orjson.loads(body.example)}}
        content = {"schema": components.schema(body.type), "examples": examples}
        contents |= dict.fromkeys(body.media_types, content)
    if contents:
        written["requestBody"] = {"required": True, "content": contents}
    return written


def _bodies(operation: Operation) -> Sequence[Body]:
    return () if operation.body is None else (operation.body, *operation.body.others)


def _filled(path: str, operation: Operation) -> str:
    """The path of an example; parameters without one stay as they are."""
    examples = {one.name: str(one.example) for one in operation.parameters if one.example is not None}
    return _IN_PATH.sub(lambda found: examples.get(found[1], found[0]), path)

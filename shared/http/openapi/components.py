"""What stands once in a document and is referred to from its operations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from shared.errors import DeclarationError
from shared.http.openapi.operation import Header, Parameter, Tag
from shared.http.openapi.schemas import Schema, described
from shared.http.openapi.security import Bearer

Node = dict[str, Any]

_HTTP_BEARER: Final = {"type": "http", "scheme": "bearer"}


class Components:
    """The components and tags of one document, collected while its operations are written."""

    def __init__(self, types: Iterable[Any]) -> None:
        """``types`` are all those that will be referred to."""
        self._types = list(types)
        self._written, self._schemas = described(self._types)
        self._collected: dict[str, dict[str, Any]] = {"headers": {}, "parameters": {}, "bearers": {}, "tags": {}}
        self._responses: dict[str, Node] = {}

    def schema(self, kind: Any) -> Schema:
        """The schema of a type, or a reference to it."""
        return next(written for one, written in zip(self._types, self._written, strict=True) if one is kind)

    def header(self, header: Header, *, always: bool = True) -> Node:
        """A reference to it; the header itself where, otherwise than it says, it is not ``always`` there."""
        if header.always and not always:
            return _header_object(replace(header, always=False))
        return self._referred("headers", header)

    def parameter(self, parameter: Parameter) -> Node:
        """A reference to it."""
        return self._referred("parameters", parameter)

    def response(self, name: str, response: Node) -> Node:
        """A reference to it."""
        self._responses[name] = response
        return {"$ref": f"#/components/responses/{name}"}

    def security(self, alternatives: Sequence[Mapping[Bearer, Sequence[str]]]) -> list[Node]:
        """What an operation says that needs one of them."""
        for bearer in chain.from_iterable(alternatives):
            self._enter("bearers", bearer)
        return [{bearer.name: [*scopes] for bearer, scopes in one.items()} for one in alternatives]

    def tag(self, tag: Tag) -> str:
        """Its name."""
        self._enter("tags", tag)
        return tag.name

    def tags(self) -> list[Node]:
        """Every tag that has been named, the first one first."""
        tags = self._collected["tags"].values()
        return [{"name": one.name, "description": one.description} for one in tags]

    def written(self) -> Node:
        """All that has been referred to."""
        written = {
            "schemas": self._schemas,
            "responses": dict(sorted(self._responses.items())),
            "parameters": {one.name: parameter_object(one) for one in self._sorted("parameters")},
            "headers": {one.name: _header_object(one) for one in self._sorted("headers")},
            "securitySchemes": {
                one.name: {
                    **({"type": "apiKey", "in": "header", "name": one.field} if one.field else _HTTP_BEARER),
                    "description": one.description,
                }
                for one in self._sorted("bearers")
            },
        }
        return {name: content for name, content in written.items() if content}

    def _referred(self, what: str, one: Any) -> Node:
        self._enter(what, one)
        return {"$ref": f"#/components/{what}/{one.name}"}

    def _enter(self, what: str, one: Any) -> None:
        if self._collected[what].setdefault(one.name, one) != one:
            raise DeclarationError(f"operations have two {what} called {one.name!r}")

    def _sorted(self, what: str) -> list[Any]:
        return [one for _, one in sorted(self._collected[what].items())]


def parameter_object(parameter: Parameter) -> Node:
    """A parameter as OpenAPI has it."""
    written: Node = {"name": parameter.name, "in": parameter.place, "description": parameter.description}
    if parameter.required or parameter.place == "path":
        written["required"] = True
    written["schema"] = parameter.schema
    if parameter.example is not None:
        written["example"] = parameter.example
    return written


def _header_object(header: Header) -> Node:
    return {"description": header.description, "required": header.always, "schema": header.schema}

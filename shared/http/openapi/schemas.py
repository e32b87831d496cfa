"""Types as JSON Schema 2020-12, the dialect of OpenAPI 3.1."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

_DECIMAL: Final = {"type": "string", "format": "decimal"}
"""How msgspec describes decimals; we send them as numbers (``shared.codec``)."""

Schema = Mapping[str, Any]


def described(types: Iterable[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """The schema of each type, and the components that these refer to."""
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return [_as_sent(one) for one in schemas], {name: _as_sent(one) for name, one in sorted(components.items())}


def _as_sent(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_as_sent(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.items() >= _DECIMAL.items():
        return {name: value for name, value in schema.items() if name != "format"} | {"type": "number"}
    if all(isinstance(value, str) for value in schema.get("enum", [0])):
        schema = {"type": "string", **schema}  # which those want who make types of it
    return {name: _as_sent(value) for name, value in schema.items()}

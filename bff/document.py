"""What the documents of a representation look like: their type, and examples that are put together as answers are."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from bff.aggregates.kind import METADATA
from bff.answer import compose, read_answer
from bff.parts.part import Aggregate, Part
from bff.representation import Representation, ViewRepresentation
from shared.errors import DeclarationError
from shared.http.openapi.vocabulary import EXAMPLE_TIME
from shared.timestamps import TimestampText

_EXAMPLE_SECONDS: Final = 0.0123


def document_type(representation: Representation) -> type[msgspec.Struct]:
    """The type of the documents of a ``representation``.

    Raises:
        DeclarationError: its metadata would have two members of the same name.
    """
    kind = representation.kind
    name = "".join(word.capitalize() for word in f"{kind.name}_{representation.view}".split("_"))
    parts = [(part.name, part.provenance) for part in representation.parts]
    metadata: list[tuple[str, Any]] = [
        (kind.parameter, Annotated[str, msgspec.Meta(pattern=kind.id_type.pattern)]),
        *([("view", Literal[representation.view])] if representation.view else []),
        *((f"{part.name}_count", int | None) for part in representation.counted),
        ("aggregated_at", TimestampText),
        ("aggregation_time_ms", float),
        ("cache_ttl", int),
        ("cached", bool),
        ("partial", bool),
        ("parts", _struct(f"{name}Parts", "Where each part comes from.", parts)),
    ]
    ((member, times),) = Counter(member for member, _ in metadata).most_common(1)
    if times > 1:
        raise DeclarationError(f"aggregate {kind.name!r}: {times} members of its metadata are called {member!r}")
    about = _struct(f"{name}Metadata", "What the document is about, and how it came about.", metadata)
    what = f"One {kind.name}, reduced to a {representation.view}" if representation.view else f"One {kind.name}"
    return _struct(name, f"{what}; what could not be had is null.", [*_members(representation), (METADATA, about)])


def _members(representation: Representation) -> list[tuple[str, Any]]:
    if isinstance(representation, ViewRepresentation):
        fields = msgspec.structs.fields(representation.shape)
        return [(field.encode_name, field.type) for field in fields]
    return [(part.name, part.value_type | None) for part in representation.parts]


def examples(representation: Representation, ttl: int) -> Mapping[str, bytes]:
    """Documents of the parts' own examples, whole and without the last part; none where a part has no example.

    Raises:
        DeclarationError: they make no document of the type that is declared, whole or without one of them.
    """
    parts = {part.name: part.example_part() for part in representation.parts}
    identifier = representation.kind.example_id
    whole = {name: part for name, part in parts.items() if part is not None}
    if identifier is None or len(whole) < len(parts):
        return {}
    missing = Part[object].missing("timeout")
    found = [whole, *({**whole, part.name: missing} for part in representation.parts)]
    made = [_composed(representation, identifier, ttl, one) for one in found]
    return {representation.view or "whole": made[0], f"partial {representation.view}".rstrip(): made[-1]}


def _composed(representation: Representation, identifier: str, ttl: int, parts: Mapping[str, Part[object]]) -> bytes:
    aggregate = Aggregate(parts)
    try:
        facts = representation.facts(identifier, {name: part.value for name, part in parts.items()})
        write = representation.write
        answer = compose(aggregate, facts, ttl=ttl, duration=_EXAMPLE_SECONDS, now=EXAMPLE_TIME, write=write)
        if not aggregate.partial:
            read_answer(representation, identifier, answer.cached_body)
    except DeclarationError:
        raise
    except Exception as error:
        made_of = ", ".join(f"{name} {part.status}" for name, part in parts.items())
        why = f"{type(error).__name__}: {error}" if str(error) else "the examples of its parts are not about the same"
        raise DeclarationError(f"{representation.title} cannot be made of {made_of}: {why}") from error
    return answer.body


def _struct(name: str, description: str, fields: list[tuple[str, Any]]) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, fields, namespace={"__doc__": description}, frozen=True)

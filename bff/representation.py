"""How an aggregate is written for clients, and read back: whole, or reduced to one of its views (RFC 9110 §3.2).

Each representation is kept under a name of its own, made once as bytes, and read back checked whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, get_origin

import msgspec

from bff.aggregates.kind import AggregateKind
from bff.aggregates.view import View
from bff.parts.by_id import join_labelled, label
from bff.parts.part import Aggregate
from bff.parts.sources import AnyPart
from shared import codec
from shared.errors import DeclarationError

_metadata = codec.decoder(dict[str, object])
_label = lru_cache(label)


class Representation:
    """An aggregate of a ``kind`` with all of its parts, each as it is.

    Attributes:
        view: the name of the view; "" for the whole.
        parts: that it is made from, and that services are asked for.
        counted: those of which the metadata tells how many things they are.
        members: of a document, but for its metadata, in order.
        cache_kind: the kind of its entries in the cache, which no part is called.
        schema: tells how its documents are written.
    """

    def __init__(self, kind: AggregateKind) -> None:
        self.kind = kind
        self.view = ""
        self.parts: Sequence[AnyPart] = kind.parts
        self.counted = kind.counted
        self.members: Sequence[str] = [*kind.readers]
        self.cache_kind = f"aggregate.{kind.name}"
        self.schema = kind.schema

    @property
    def title(self) -> str:
        """What it is called in sentences about the declaration."""
        return f"aggregate {self.kind.name!r}" + (f", view {self.view!r}" if self.view else "")

    def ttl(self, common: int) -> int:
        """Seconds for which one counts as current: as ``common`` has it, and no longer than each of its parts."""
        return min([common, *(int(part.ttl) for part in self.parts if part.ttl is not None)])

    def write(self, aggregate: Aggregate) -> bytes:
        """The members of the document of an ``aggregate`` that has these parts."""
        return encode_parts(aggregate)

    def facts(self, identifier: str, values: Mapping[str, Any]) -> dict[str, object]:
        """What the metadata says besides where parts come from: whom it is about, and how many things some parts are.

        A missing part has no value.
        """
        facts = self._identity(identifier)
        for part in self.counted:
            value = values[part.name]
            facts[f"{part.name}_count"] = None if value is None else len(value)
        return facts

    def read(self, identifier: str, members: Mapping[str, bytes], _metadata: bytes) -> dict[str, object]:
        """The facts of the complete aggregate ``identifier`` whose members these are.

        Raises:
            ValueError: it is anything else.
        """
        shown = self.kind.readers.items()
        return self.facts(identifier, {name: written.read(identifier, members[name]) for name, written in shown})

    def _identity(self, identifier: str) -> dict[str, object]:
        return {self.kind.parameter: identifier}


class ViewRepresentation(Representation):
    """What a view makes of an aggregate of a ``kind``."""

    def __init__(self, kind: AggregateKind, view: View[Any]) -> None:
        super().__init__(kind)
        self.view = view.name
        self.parts = view.needs
        self.counted = [part for part in kind.counted if part in view.needs]
        self.members = view.members
        self.cache_kind = f"aggregate.{kind.name}.{view.name}"
        needs, counted = ([part.name for part in parts] for parts in (self.parts, self.counted))
        self.schema = codec.encode([kind.parameter, needs, counted, msgspec.json.schema(view.shape)])
        self.shape = view.shape
        self._make = view.make
        self._decode = codec.decoder(view.shape)

    def write(self, aggregate: Aggregate) -> bytes:
        """What the view makes of the parts.

        Raises:
            DeclarationError: it is of another type than is declared.
        """
        made = self._make(*(aggregate.parts[part.name].value for part in self.parts))
        if type(made) is not (get_origin(self.shape) or self.shape):
            raise DeclarationError(
                f"{self.title}: it is a {type(made).__name__}, and declared as {self.shape.__name__}"
            )
        return codec.encode(made)[1:-1]

    def read(self, identifier: str, members: Mapping[str, bytes], metadata: bytes) -> dict[str, object]:
        """A reduction need not say whom it is about: its metadata does, and how many things there were."""
        data = b"{%b}" % join_members(members)
        if codec.encode(self._decode(data)) != data:
            raise ValueError
        told = _metadata(metadata)
        counts = {name: told.get(name) for name in (f"{part.name}_count" for part in self.counted)}
        if any(type(count) is not int or count < 0 for count in counts.values()):
            raise ValueError
        return self._identity(identifier) | counts

    def _identity(self, identifier: str) -> dict[str, object]:
        return {self.kind.parameter: identifier, "view": self.view}


def representations(kind: AggregateKind) -> Iterator[Representation]:
    """All of a ``kind``: the whole, and each view."""
    yield Representation(kind)
    for view in kind.views:
        yield ViewRepresentation(kind, view)


def join_members(members: Mapping[str, bytes]) -> bytes:
    """The members of a document, without its braces."""
    return join_labelled([piece for name, json in members.items() for piece in (_label(name), json)])


def encode_parts(aggregate: Aggregate) -> bytes:
    """The parts of an ``aggregate``, as members of a document."""
    return join_labelled([piece for name, part in aggregate.parts.items() for piece in (_label(name), part.json)])

"""The declaration of an aggregate: its route, its parts and the function that loads it."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bff.parts.codec import PartReader
from bff.parts.part import Aggregate
from bff.parts.sources import AnyPart, Sources
from shared import ids
from shared.errors import DeclarationError
from shared.ids import IdType

Load = Callable[[str, Sources], Awaitable[Aggregate]]
"""Puts the aggregate of one id together from the sources.

Raises ``NotFound`` when the thing does not exist and ``ServiceUnavailable`` when there is nothing to give.
"""

METADATA: Final = "metadata"
"""What stands beside the parts in a document."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._-]+)+")


@dataclass(frozen=True, slots=True)
class AggregateKind:
    """One aggregating endpoint.

    Attributes:
        name: names the route and the cache keys.
        path: the route up to the id, such as ``/api/profile``.
        parameter: what the id is called in the path, in errors and in ``metadata``.
        load: puts one together.
        parts: its parts, in the order of the document.
        counted: those of which ``metadata`` tells how many things they are.
        id_type: of the ids.
        readers: read each part as it is written in a document.
    """

    name: str
    path: str
    parameter: str
    load: Load
    parts: Sequence[AnyPart]
    counted: Sequence[AnyPart] = ()
    id_type: IdType = ids.TEXT
    readers: Mapping[str, PartReader] = field(init=False, repr=False, compare=False)

    @property
    def label(self) -> str:
        """The endpoint in metrics and logs."""
        return f"{self.path}/<{self.parameter}>"

    @property
    def cache_kind(self) -> str:
        """The kind of its entries in the cache, which no part is called."""
        return f"aggregate.{self.name}"

    def __post_init__(self) -> None:
        """See how each part is written."""
        object.__setattr__(self, "readers", {part.name: part.reader_for(self.parameter) for part in self.parts})

    def ttl(self, common: int) -> int:
        """Seconds for which one counts as current: as ``common`` has it, and no longer than each of its parts."""
        return min(common, *(int(part.ttl) for part in self.parts if part.ttl is not None), common)

    @property
    def schema(self) -> bytes:
        """Tells how its documents are written."""
        parts = (b"%b:%b" % (name.encode(), reader.schema) for name, reader in self.readers.items())
        return b";".join((self.parameter.encode(), *(part.name.encode() for part in self.counted), *parts))

    def facts(self, identifier: str, values: Mapping[str, object]) -> dict[str, object]:
        """What ``metadata`` says of an aggregate besides where its parts come from; a missing part has no value."""
        facts: dict[str, object] = {self.parameter: identifier}
        for part in self.counted:
            value: Any = values[part.name]
            facts[f"{part.name}_count"] = None if value is None else len(value)
        return facts


def check(kinds: Iterable[AggregateKind]) -> None:
    """See that each is what it says, and that no two share a name, a path or a label.

    Raises:
        DeclarationError: they do.
    """
    kinds = tuple(kinds)
    for what in ("name", "path", "label"):
        ((value, times),) = Counter(getattr(kind, what) for kind in kinds).most_common(1) or [("", 0)]
        if times > 1:
            raise DeclarationError(f"{times} aggregates have the {what} {value!r}")
    for kind in kinds:
        _check_one(kind)


def _check_one(kind: AggregateKind) -> None:
    for name in (kind.name, kind.parameter, *(part.name for part in kind.parts)):
        if not _NAME.fullmatch(name) or name == METADATA:
            raise DeclarationError(f"aggregate {kind.name!r}: nothing can be called {name!r}")
    if not _PATH.fullmatch(kind.path):
        raise DeclarationError(f"aggregate {kind.name!r}: {kind.path!r} is no path")
    for part in kind.counted:
        if part not in kind.parts:
            raise DeclarationError(f"aggregate {kind.name!r}: it counts {part.name!r}, which is none of its parts")

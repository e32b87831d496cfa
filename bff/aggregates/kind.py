"""The declaration of an aggregate: its route, its parts and the function that loads it."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Final

import msgspec

from bff.aggregates.uses import parts_used
from bff.aggregates.view import View
from bff.parts.codec import OrAbsent, PartReader
from bff.parts.declaring import tag_of
from bff.parts.part import Aggregate
from bff.parts.path import DOT_SEGMENTS
from bff.parts.sources import AnyPart, Sources
from shared import ids
from shared.edge.access import SIGNED_IN, Access
from shared.errors import DeclarationError
from shared.ids import IdType

Load = Callable[[str, Sources], Awaitable[Aggregate]]
"""Puts the aggregate of one id together from the sources.

Raises ``NotFound`` when the thing does not exist and ``ServiceUnavailable`` when there is nothing to give.
"""

METADATA: Final = "metadata"
"""What stands beside the parts in a document."""
_COUNTABLE: Final = (msgspec.inspect.CollectionType, msgspec.inspect.DictType)
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
        optional: those that are null, and fresh, when their service says that there is none. Without one of the others
            there is no aggregate, but a 404.
        views: its reductions.
        id_type: of the ids.
        access: who may have one, where clients are asked who they are; None for everybody.
        readers: read each part as it is written in a document.
    """

    name: str
    path: str
    parameter: str
    load: Load
    parts: Sequence[AnyPart]
    counted: Sequence[AnyPart] = ()
    optional: Sequence[AnyPart] = ()
    views: Sequence[View[Any]] = ()
    id_type: IdType = ids.TEXT
    access: Access | None = SIGNED_IN
    readers: Mapping[str, PartReader] = field(init=False, repr=False, compare=False)

    @property
    def label(self) -> str:
        """The endpoint in metrics and logs."""
        return f"{self.path}/<{self.parameter}>"

    def __post_init__(self) -> None:
        """See how each part is written.

        Raises:
            DeclarationError: there is one thing where several may be.
        """
        for what in ("parts", "counted", "optional", "views"):
            if not isinstance(getattr(self, what), Sequence):
                raise DeclarationError(
                    f"aggregate {self.name!r}: its {what} are no tuple; that of one has a comma: (ONE,)"
                )
        readers = {part: part.reader_for(self.parameter) for part in self.parts}
        written = {part.name: OrAbsent(one) if part in self.optional else one for part, one in readers.items()}
        object.__setattr__(self, "readers", written)

    @property
    def schema(self) -> bytes:
        """Tells how its documents are written."""
        parts = (b"%b:%b" % (name.encode(), reader.schema) for name, reader in self.readers.items())
        return b";".join((self.parameter.encode(), *(part.name.encode() for part in self.counted), *parts))

    @property
    def subject(self) -> str:
        """What one is about, in a word: ``user`` of a ``user_id``."""
        return self.parameter.removesuffix("_id").replace("_", " ")

    @property
    def tag(self) -> str:
        """The name of the tag that each one carries, by its id."""
        return tag_of(self.parameter)

    @property
    def example_id(self) -> str | None:
        """The id that the example of a part is about; None where there is none."""
        return next((one for part in self.parts if (one := part.example_id(self.parameter)) is not None), None)


def check(kinds: Iterable[AggregateKind]) -> None:
    """See that each is what it says, and that no two share a name or a path.

    Raises:
        DeclarationError: they do.
    """
    kinds = tuple(kinds)
    for what in ("name", "path"):
        differ((getattr(kind, what) for kind in kinds), f"aggregates have the {what}")
    for kind in kinds:
        for mistake in _mistakes(kind):
            raise DeclarationError(f"aggregate {kind.name!r}: {mistake}")


def differ(values: Iterable[str], have: str) -> None:
    """See that no two of these ``values`` are the same; an error says what ``have`` them.

    Raises:
        DeclarationError: they are.
    """
    ((value, times),) = Counter(values).most_common(1) or [("", 0)]
    if times > 1:
        raise DeclarationError(f"{times} {have} {value!r}")


def _mistakes(kind: AggregateKind) -> Iterator[str]:
    names = [part.name for part in kind.parts]
    differ(names, f"parts of the aggregate {kind.name!r} have the name")
    differ((view.name for view in kind.views), f"views of the aggregate {kind.name!r} have the name")
    for name in (kind.name, kind.parameter, *names, *(view.name for view in kind.views)):
        if not _NAME.fullmatch(name) or name == METADATA:
            yield f"nothing can be called {name!r}"
    if not names:
        yield "it has no part"
    if not _PATH.fullmatch(kind.path) or not DOT_SEGMENTS.isdisjoint(kind.path.split("/")):
        yield f"{kind.path!r} is no path"
    try:
        signature(kind.load).bind("id", "sources")
    except TypeError:
        yield "its load does not take an id and the sources"
    yield from _mistakes_of_parts(kind)
    for view in kind.views:
        yield from (f"view {view.name!r} {mistake}" for mistake in _mistakes_of_view(kind, view))


def _mistakes_of_parts(kind: AggregateKind) -> Iterator[str]:
    for part in kind.counted:
        if part not in kind.parts:
            yield f"it counts {part.name!r}, which is none of its parts"
        if not isinstance(msgspec.inspect.type_info(part.value_type), _COUNTABLE):
            yield f"it counts {part.name!r}, which is one thing"
    for part in kind.optional:
        if part not in kind.parts:
            yield f"it can do without {part.name!r}, which is none of its parts"
        if not getattr(part, "may_be_absent", False):
            yield f"it can do without {part.name!r}, which may not be absent"
    for part in sorted(parts_used(kind.load) - {*kind.parts}, key=lambda part: part.name):
        yield f"it uses {part.name!r}, which is none of its parts"


def _mistakes_of_view(kind: AggregateKind, view: View[Any]) -> Iterator[str]:
    if not view.needs:
        yield "needs no part"
    for part in view.needs:
        if part not in kind.parts:
            yield f"needs {part.name!r}, which is none of its parts"
    if not view.members or METADATA in view.members:
        yield f"has the shape {view.shape.__name__}, which is no struct with members that can stand beside {METADATA!r}"
    elif view.optional_members:
        yield f"may leave out {', '.join(view.optional_members)}, which should be null instead: unknown is not empty"
    else:
        yield from _unwritable(view)
    try:
        signature(view.make).bind(*view.needs)
    except TypeError:
        yield f"is made by what does not take {len(view.needs)} values"


def _unwritable(view: View[Any]) -> Iterator[str]:
    try:
        msgspec.json.schema(view.shape)
    except TypeError:
        yield f"has the shape {view.shape.__name__}, of which something cannot be told as a JSON Schema"

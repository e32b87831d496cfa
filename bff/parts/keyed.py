"""The declaration of a keyed part: items that many subjects share, requested by id in batches."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import GenericAlias
from typing import Any, ClassVar, Generic, TypeVar

from bff.parts.by_id import ById, by_id_json
from bff.parts.codec import PartCodec
from bff.parts.declaring import checked_tag, declaring
from bff.parts.invalidates import Invalidates, check_outdated_by
from bff.parts.part import Part
from bff.parts.path import PathTemplate
from bff.parts.provenance import KEYED_PROVENANCE
from shared import ids
from shared.errors import DeclarationError
from shared.ids import IdType
from shared.upstream.records import Normalize
from shared.upstream.service import Service

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class KeyedPart(Generic[T]):
    """One part, as it is declared.

    Attributes:
        name: of the part in documents, metrics and the cache.
        service: that gives the items.
        codec: reads and writes one of them.
        shape: the type of one of them.
        path: where they are asked for, by POST.
        member: of the request's document, which has the list of ids.
        max_batch: ids that the service takes in one call.
        key: the field of an item that has its id.
        id_type: of the ids.
        normalize: maps ids that name the same item to one id, such as ``str.casefold``; None where ids are exact.
        tag: the name of the tag that an item carries by its id; None for none.
        tags: further ones that an item has; None for none.
        ttl: seconds for which an item counts as current, at most; None is as for all.
        stale: seconds for which it may stand in when its service cannot answer; None is as for all.
        example: one of them, for documentation.
        outdated_by: the events that outdate items.
    """

    provenance: ClassVar[Any] = KEYED_PROVENANCE

    name: str
    service: Service
    codec: PartCodec[T]
    shape: type[T]
    path: str
    member: str
    max_batch: int
    key: str
    id_type: IdType
    normalize: Normalize | None
    tag: str | None
    tags: Callable[[Any], Iterable[str]] | None
    ttl: float | None
    stale: float | None
    example: T | None
    outdated_by: Sequence[Invalidates]

    @property
    def value_type(self) -> Any:
        """The type of its value in a document."""
        return GenericAlias(dict, (str, self.shape))

    def example_part(self) -> Part[object] | None:
        """The part that its example makes."""
        if self.example is None:
            return None
        (one,) = self.codec.subjects(self.example)
        return Part({one: self.example}, "fresh", by_id_json([(one, self.codec.encode(self.example))]))

    def example_id(self, _parameter: str) -> None:
        """It is about no parameter."""

    def reader_for(self, _parameter: str) -> ById[T]:
        """How it is written in a document, whomever that is about."""
        return ById(self.codec)


def keyed(
    name: str,
    service: Service,
    shape: type[T],
    *,
    post: str,
    ids_as: str = "ids",
    max_batch: int = 100,
    key: str = "id",
    id_type: IdType = ids.TEXT,
    normalize: Normalize | None = None,
    tag: str | None = None,
    tags: Callable[[Any], Iterable[str]] | None = None,
    ttl: float | None = None,
    stale: float | None = None,
    example: object = None,
    outdated_by: Sequence[Invalidates] = (),
) -> KeyedPart[T]:
    """The part ``name``: items of this ``shape`` by id; a POST of ``{ids_as: [...]}`` to ``post`` gives a list.

    Items that the service does not know are not in that list. Each says in its field ``key`` which of them it is.
    ``example`` is one of them, as plain data that the service sends. A purge of ``tag:id`` outdates one of them and all
    that show it; so does one of the ``tags`` that it has.

    Raises:
        DeclarationError: it cannot be as it says.
    """
    with declaring(name, ttl=ttl, stale=stale):
        if PathTemplate(post).parameters:
            raise DeclarationError(f"ids stand in the body, {post!r} has no place for others")
        if max_batch < 1:
            raise DeclarationError(f"a service takes at least one id in a call, not {max_batch}")
        if key not in getattr(shape, "__struct_fields__", ()):
            raise DeclarationError(f"its shape, that of one item, is no struct with a field {key!r}")
        get: Any = attrgetter(key)
        codec = PartCodec(shape, about=lambda item: (str(get(item)),), normalize=normalize)
        shown = None if example is None else codec.example(example)
        tags_of = (checked_tag(tag), tags)
        events = check_outdated_by(outdated_by)
    asked = (post, ids_as, max_batch, key, id_type, normalize)
    return KeyedPart(name, service, codec, shape, *asked, *tags_of, ttl, stale, shown, events)

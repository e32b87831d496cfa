"""The declaration of a single part, which one call returns: a user, the orders of a user."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, get_origin

from bff.parts.codec import PartCodec
from bff.parts.declaring import checked_tag, declaring, tag_of
from bff.parts.invalidates import Invalidates, check_outdated_by
from bff.parts.part import Part
from bff.parts.path import PathTemplate
from bff.parts.provenance import SINGLE_PROVENANCE
from shared.errors import DeclarationError
from shared.upstream.records import Normalize
from shared.upstream.service import Service

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class SinglePart(Generic[T_co]):
    """One part, as it is declared.

    Attributes:
        name: of the part in documents, metrics and the cache.
        service: that gives it.
        codec: reads and writes its values.
        shape: the type of its values.
        path: where it is asked for.
        owner: the parameter whose subject it belongs to, and with whom it is purged; None for what is shared by all.
        tag: the name of the tag that it carries by its subject; None for none.
        tags: further ones that a value has; None for none.
        may_be_absent: whether a 404 of the service says that there is none, rather than that something is wrong.
        ttl: seconds for which it counts as current, at most; None is as for all.
        stale: seconds for which it may stand in when its service cannot answer; None is as for all.
        example: a value, for documentation.
        outdated_by: the events that outdate it.
    """

    provenance: ClassVar[Any] = SINGLE_PROVENANCE

    name: str
    service: Service
    codec: PartCodec[T_co]
    shape: type[T_co]
    path: PathTemplate
    owner: str | None
    tag: str | None
    tags: Callable[[Any], Iterable[str]] | None
    may_be_absent: bool
    ttl: float | None
    stale: float | None
    example: T_co | None
    outdated_by: Sequence[Invalidates]

    @property
    def value_type(self) -> Any:
        """The type of its value in a document."""
        return self.shape

    def example_part(self) -> Part[object] | None:
        """The part that its example makes."""
        return None if self.example is None else Part(self.example, "fresh", self.codec.encode(self.example))

    def example_id(self, parameter: str) -> str | None:
        """Whom its example is about, if that is a ``parameter``."""
        if self.example is None or self.subject != parameter:
            return None
        return next(iter(self.codec.subjects(self.example)), None)

    @property
    def subject(self) -> str | None:
        """The parameter that tells whom or what it is about: its owner, or else the first; None without any."""
        return self.owner or next(iter(self.path.parameters), None)

    def reader_for(self, parameter: str) -> PartCodec[T_co]:
        """How it is written in the document about a ``parameter``, where its own subject may be somebody else."""
        return self.codec if self.subject in {parameter, None} else PartCodec(self.shape)


def single(
    name: str,
    service: Service,
    shape: type[T],
    path: str,
    *,
    owner: str | None = None,
    tag: str | None = None,
    tags: Callable[[Any], Iterable[str]] | None = None,
    about: Callable[[Any], object] | None = None,
    normalize: Normalize | None = None,
    may_be_absent: bool = False,
    ttl: float | None = None,
    stale: float | None = None,
    example: object = None,
    outdated_by: Sequence[Invalidates] = (),
) -> SinglePart[T]:
    """The part ``name``, which a GET of ``path`` gives as JSON of this ``shape``.

    ``about`` gives the id that a value, or each member of a list, says it is about: it must be that of the owner, or
    else the first parameter of the path, compared as text, after ``normalize`` where that is given. A part without
    parameters is about nobody. ``example`` is plain data as the service sends it.

    A purge of ``tag:subject`` outdates it; without a ``tag`` that is called as its owner is, without ``_id``. So does
    a purge of one of the ``tags`` that its value has.

    Raises:
        DeclarationError: it cannot be as it says.
    """
    with declaring(name, ttl=ttl, stale=stale):
        template = PathTemplate(path)
        if owner is not None and owner not in template.parameters:
            raise DeclarationError(f"its owner {owner!r} is no parameter of {path!r}")
        if bool(template.parameters) is not (about is not None):
            raise DeclarationError(
                "nothing tells whom an answer is about" if template.parameters else "there is nobody to be about"
            )
        codec = PartCodec(shape, about=None if about is None else _subjects(shape, about), normalize=normalize)
        shown = None if example is None else codec.example(example)
        named = checked_tag(tag or (owner and tag_of(owner)))
        events = check_outdated_by(outdated_by)
    return SinglePart(
        name, service, codec, shape, template, owner, named, tags, may_be_absent, ttl, stale, shown, events
    )


def _subjects(shape: Any, about: Callable[[Any], object]) -> Callable[[Any], Sequence[str]]:
    if get_origin(shape) is list:
        return lambda value: [str(about(piece)) for piece in value]
    return lambda value: (str(about(value)),)

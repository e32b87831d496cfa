"""The declaration of a command: its route, the service that carries it out, and what that outdates."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

import msgspec

from bff.parts.path import PathTemplate
from shared import codec, ids
from shared.cache.tags import is_tag
from shared.edge.access import SIGNED_IN, Access
from shared.errors import DeclarationError
from shared.ids import IdType
from shared.upstream.service import Service

Q = TypeVar("Q")
A = TypeVar("A")

REFUSALS: Final = frozenset({400, 404, 409, 422})
"""Statuses by which a service may say that it does not do what it was asked to."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


class Asked(NamedTuple, Generic[Q]):
    """What somebody wants: of whoever ``subject`` is, by id, and as the ``body`` says."""

    subject: str
    body: Q


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Command(Generic[Q, A]):
    """Something that clients may have changed.

    Attributes:
        name: names the route.
        method: of the route, and of the call to the service. The body of a PATCH is a merge patch (RFC 7396).
        path: the route, with parameters in braces.
        id_types: of these parameters, by name; of all others it is text.
        subject: whose it is that is changed: a parameter of the path, or a member of the body.
        access: who may have it done, where clients are asked who they are; None for everybody. The subject owns it.
        service: that does it.
        to: where it is asked for there; has no other parameters than the route.
        request: the shape of the body. It names all members that there may be.
        answer: the shape of the service's answer; members that it does not name are dropped.
        about: gives the id of whom an answer is about, which must be the subject's.
        statuses: by which the service says that it is done, and clients are told so.
        refusals: what clients are told where the service does not do it, by its status: 404, 409, or 400 and 422.
        repeatable: whether the service does it once for each ``Idempotency-Key``, however often it is sent.
        outdates: gives the tags of what it has changed, of what was asked and of the answer; that is None where it is
            not known whether it was done.
        asked_example: what is asked, as plain data, for documentation and to try the declaration.
        answer_example: what the service answers to that.
    """

    name: str
    method: Literal["POST", "PATCH"]
    path: str
    subject: str
    service: Service
    to: str
    request: type[Q]
    answer: type[A]
    about: Callable[[A], object]
    outdates: Callable[[Asked[Q], A | None], Sequence[str]]
    asked_example: object
    answer_example: object
    refusals: Mapping[int, str] = field(default_factory=dict)
    statuses: Sequence[int] = (200,)
    repeatable: bool = False
    id_types: Mapping[str, IdType] = field(default_factory=dict)
    access: Access | None = SIGNED_IN
    route: PathTemplate = field(init=False, repr=False)
    target: PathTemplate = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """See that it can be.

        Raises:
            DeclarationError: it cannot.
        """
        try:
            object.__setattr__(self, "route", PathTemplate(self.path))
            object.__setattr__(self, "target", PathTemplate(self.to))
        except DeclarationError as error:
            raise DeclarationError(f"command {self.name!r}: {error}") from error
        for mistake in _mistakes(self):
            raise DeclarationError(f"command {self.name!r}: {mistake}")

    @property
    def owner_in_path(self) -> bool:
        """Whether the path tells whose it is."""
        return self.subject in self.route.parameters

    @property
    def wants_key(self) -> bool:
        """Whether it cannot be asked for without an ``Idempotency-Key``."""
        return self.method == "POST"

    def id_type(self, parameter: str) -> IdType:
        """Of a parameter of the path."""
        return self.id_types.get(parameter, ids.TEXT)

    def asked(self, parameters: Mapping[str, str], body: Q) -> Asked[Q]:
        """What is wanted by these ``parameters`` of the path and this ``body``."""
        return Asked(parameters[self.subject] if self.owner_in_path else str(getattr(body, self.subject)), body)

    def examples(self) -> tuple[Asked[Q], A]:
        """What is asked in the example, and what is answered to it."""
        body = codec.decoder(self.request)(codec.document(self.asked_example))
        answer = codec.decoder(self.answer)(codec.document(self.answer_example))
        return self.asked({self.subject: str(self.about(answer))}, body), answer

    def tags(self, asked: Asked[Q], answer: A | None) -> Sequence[str]:
        """Those that it outdates. What would be no tag is none of anything that is cached either."""
        return [one for one in self.outdates(asked, answer) if is_tag(one)]

    def is_about(self, subject: str, answer: A) -> bool:
        """Whether an answer is about whoever ``subject`` is."""
        return str(self.about(answer)) == subject


AnyCommand = Command[Any, Any]


def _mistakes(command: AnyCommand) -> Iterator[str]:
    if not _NAME.fullmatch(command.name):
        yield f"nothing can be called {command.name!r}"
    if "?" in command.path or command.path.endswith("/"):
        yield f"{command.path!r} is no path"
    known = command.route.parameters
    yield from (f"{one!r} is no parameter of {command.path!r}" for one in {*command.id_types} - {*known})
    yield from (f"{command.to!r} has the parameter {one!r}" for one in command.target.parameters if one not in known)
    if not command.statuses or not all(200 <= one < 300 for one in command.statuses):
        yield f"{tuple(command.statuses)} are no statuses of success"
    yield from (f"{one} is no refusal" for one in {*command.refusals} - REFUSALS)
    for shape in (command.request, command.answer):
        if not issubclass(shape, msgspec.Struct):
            yield f"{shape.__name__} is no struct"
    if not all(map(_is_closed, msgspec.json.schema_components([command.request])[1].values())):
        yield f"{command.request.__name__}, or something in it, takes members that it does not name"
    if not command.owner_in_path and command.subject not in {
        one.name for one in msgspec.structs.fields(command.request)
    }:
        yield f"its subject {command.subject!r} is neither in the path nor in the body"
    yield from _mistakes_of_examples(command)


def _is_closed(schema: Mapping[str, Any]) -> bool:
    return "properties" not in schema or schema.get("additionalProperties") is False


def _mistakes_of_examples(command: AnyCommand) -> Iterator[str]:
    try:
        asked, answer = command.examples()
        subject = str(command.about(answer))
        tags = [*command.outdates(asked, answer), *command.outdates(asked, None)]
    except Exception as error:  # noqa: BLE001 - whatever a declaration does
        yield f"its examples do not fit it ({type(error).__name__}: {error})"
        return
    if asked.subject != subject:
        yield "its examples are not about the same"
    yield from (f"{tag!r} is no tag" for tag in tags if not is_tag(tag))
    if not tags:
        yield "it outdates nothing"

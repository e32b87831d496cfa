"""An operation as a route declares it: what may be sent, and every answer that may come.

Types are described by msgspec, and a docstring of a struct becomes the description of its schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from shared import codec
from shared.edge.access import Access
from shared.edge.credentials import Credentials
from shared.errors import RequestError
from shared.ids import IdType

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Tag:
    """A group of operations."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header field of answers; ``always`` tells whether each of the answers that name it has it."""

    name: str
    description: str
    schema: Mapping[str, object] = field(default_factory=lambda: {"type": "string"})
    always: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something that a request may say in ``place``, or has to if it is ``required``, as all that stands in a path is.

    ``schema`` is JSON Schema, ``example`` a value that works.
    """

    name: str
    place: Literal["path", "query", "header"]
    description: str
    schema: Mapping[str, object]
    example: object = None
    required: bool = False

    @classmethod
    def in_path(cls, name: str, id_type: IdType, example: str | None = None) -> "Parameter":
        """An identifier that stands in the path."""
        description = f"{id_type.description[0].upper()}{id_type.description[1:]}."
        return cls(name, "path", description, id_type.schema, None if example is None else id_type.as_json(example))


@dataclass(frozen=True, slots=True)
class Answer:
    """One status that an operation may answer with; several of one status are alternatives.

    Attributes:
        body: the type of the body; None where there is none.
        media_types: of the body.
        headers: besides those of every answer.
        examples: bodies as they are sent, by name.
    """

    status: int
    description: str
    body: Any = None
    media_types: Sequence[str] = (JSON,)
    headers: Sequence[Header] = ()
    examples: Mapping[str, bytes] = field(default_factory=dict)


def example_of(value: object) -> Mapping[str, bytes]:
    """The only example there is of an answer, as it is sent."""
    return {"example": codec.encode(value)}


@dataclass(frozen=True, slots=True)
class Body:
    """What a request has to bring, as JSON under one of the ``media_types``; ``example`` is one.

    ``others`` are what it may bring instead, under other media types.
    """

    type: Any
    example: bytes
    media_types: Sequence[str] = (JSON,)
    others: Sequence["Body"] = ()


@dataclass(frozen=True, slots=True, eq=False)  # Sanic hashes what a route carries
class Operation:
    """What a route does.

    Attributes:
        summary: a few words, without a full stop.
        tag: the group it belongs to.
        answers: what it gives.
        problems: what it raises, besides what any request may meet; each is an example of its kind.
        problem_headers: what some of these have in the head, besides what goes with their kind.
        parameters: what stands in the path, the query or the head.
        body: what is sent.
        access: what is needed to be answered; None where it is open to everybody.
        credentials: let in others as well, whatever access asks for.
        owned: the parameter that tells whose it is that is asked for, and its type.
        probe: whether whoever asks must not mistake a refusal for an answer: it is given whatever quota is used up.
        operational: whether the port for operations has it as well, and has it open.
        polled: whether orchestrators and Prometheus ask for it every few seconds.
    """

    summary: str
    tag: Tag
    answers: Sequence[Answer]
    problems: Sequence[RequestError] = ()
    problem_headers: Mapping[type[RequestError], Sequence[Header]] = field(default_factory=dict)
    parameters: Sequence[Parameter] = ()
    body: Body | None = None
    access: Access | None = None
    credentials: Credentials | None = None
    owned: tuple[str, IdType] | None = None
    operational: bool = False
    probe: bool = False
    polled: bool = False

    def is_routine(self, status: int) -> bool:
        """Whether nobody wants to read in a log that it has answered with ``status``: it was polled, and tells that."""
        return self.polled and any(answer.status == status for answer in self.answers)

    def owner(self, parameters: Mapping[str, str]) -> str:
        """Whose it is that is asked for by these ``parameters`` of the path."""
        if self.owned is None:
            return ""
        name, id_type = self.owned
        text = parameters[name]
        return text if id_type.has(text) else id_type.canonical(text)

"""A part is one named piece of an aggregate, with where it came from; an aggregate is its parts and a few facts."""

import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from shared.errors import Reason, UpstreamError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Status = Literal["fresh", "stale", "missing"]


@dataclass(frozen=True, slots=True)
class Part(Generic[T_co]):
    """A value and its provenance; a missing part has no value, for unknown is not empty.

    Attributes:
        age: seconds since the value was last known good, for a stale part.
        reason: why the part is not fresh.
        duration: seconds that it took to get, or to learn that it cannot be had.
    """

    value: T_co | None
    status: Status
    age: float | None = None
    reason: Reason | None = None
    duration: float = 0.0

    @classmethod
    def missing(cls, reason: Reason | None, duration: float = 0.0) -> "Part[T_co]":
        """A part that could not be had."""
        return cls(None, "missing", reason=reason, duration=duration)

    def provenance(self) -> dict[str, object]:
        """The part's entry in ``metadata.parts``."""
        shown: dict[str, object] = {"status": self.status}
        if self.age is not None:
            shown["age"] = round(self.age, 1)
        if self.reason is not None:
            shown["reason"] = self.reason
        return shown


async def fetch(load: Awaitable[T]) -> Part[T]:
    """The part that ``load`` gives: fresh, or missing with the reason of the ``UpstreamError`` it raised."""
    started = time.monotonic()
    try:
        value = await load
    except UpstreamError as error:
        return Part.missing(error.reason, time.monotonic() - started)
    return Part(value, "fresh", duration=time.monotonic() - started)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Parts in the order of the document, and the endpoint's own facts for ``metadata``."""

    parts: Mapping[str, Part[object]]
    facts: Mapping[str, object]

    @property
    def partial(self) -> bool:
        """Whether any part is not fresh; only an aggregate that is not partial may be kept."""
        return any(part.status != "fresh" for part in self.parts.values())

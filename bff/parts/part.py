"""A part is one named piece of an aggregate, with its provenance; an aggregate is its parts."""

from collections.abc import Iterable, Mapping
from typing import Final, Generic, Literal, TypeVar

import msgspec

from shared.errors import Reason

T_co = TypeVar("T_co", covariant=True)

Status = Literal["fresh", "stale", "partial", "missing", "omitted"]

STATUSES: Final[tuple[Status, ...]] = ("fresh", "stale", "partial", "missing")
"""Every status that clients see."""
FRESH: Final[Mapping[str, object]] = {"status": "fresh"}
"""The entry of a part that is fresh in ``metadata.parts``."""


class Part(msgspec.Struct, Generic[T_co], frozen=True):
    """A value and its provenance; a missing part has no value, for unknown is not empty.

    Attributes:
        json: the value as it stands in the document.
        fresh_until: the instant, on the cache's clock, until when the value counts as current.
        age: seconds since the value was last known good, for a part that is stale, or partial and stale in part.
        reason: why the part is not fresh.
        duration: seconds that it took to get, or to learn that it cannot be had.
    """

    value: T_co | None
    status: Status
    json: bytes = b"null"
    fresh_until: float = 0.0
    age: float | None = None
    reason: Reason | None = None
    duration: float = 0.0

    @classmethod
    def missing(cls, reason: Reason | None, duration: float = 0.0) -> "Part[T_co]":
        """A part that could not be had."""
        return cls(None, "missing", reason=reason, duration=duration)

    @classmethod
    def omitted(cls) -> "Part[T_co]":
        """A part that nobody wants to see: it was not asked for, which says nothing of it."""
        return cls(None, "omitted")

    @property
    def is_absent(self) -> bool:
        """Whether its service says that there is none."""
        return self.value is None and self.status == "fresh"

    def provenance(self) -> Mapping[str, object]:
        """The part's entry in ``metadata.parts``."""
        if self.status == "fresh":
            return FRESH
        shown: dict[str, object] = {"status": self.status}
        if self.age is not None:
            shown["age"] = round(self.age, 1)
        if self.reason is not None:
            shown["reason"] = self.reason
        return shown


class Aggregate(msgspec.Struct, frozen=True):
    """Parts by name."""

    parts: Mapping[str, Part[object]]

    def plus(self, **parts: Part[object]) -> "Aggregate":
        """This one with further ``parts`` behind its own."""
        return Aggregate({**self.parts, **parts})

    def only(self, names: Iterable[str]) -> "Aggregate":
        """This one with none but the parts of these ``names``, in that order."""
        return Aggregate({name: self.parts[name] for name in names})

    @property
    def partial(self) -> bool:
        """Whether any part is not fresh; only an aggregate that is not partial may be kept."""
        return any(part.status != "fresh" for part in self.parts.values())

"""Collects what is known of the things that an aggregate wants, and builds the keyed part from it."""

from collections.abc import Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from bff.parts.by_id import by_id_json
from bff.parts.part import Part, Status
from shared.errors import Reason

T = TypeVar("T")

Known = Mapping[str, tuple[T, bytes] | None]
"""By id the thing and its JSON, or None where the service knows of none."""

_SPARES_OTHERS: Final[frozenset[Reason]] = frozenset({"bad_response", "too_many"})
"""Reasons that are a matter of each thing by itself, where the service does answer."""


class Fetched(NamedTuple, Generic[T]):
    """What a call has learnt.

    Attributes:
        known: by id what is known.
        lost: by id why nothing is known.
        fresh_until: until when what is known counts as current.
        is_late: whether the call had no time left, so that somebody who has may learn more.
    """

    known: Known[T]
    lost: Mapping[str, Reason]
    fresh_until: float
    is_late: bool


class PartBuilder(Generic[T]):
    """The things by id, as they come.

    Attributes:
        keys: the ids that are identifiers, with the keys that they are kept by.
        known: what is known.
        lost: why nothing current is known of others.
        late: those of them that a call with more time may still give.
        fresh_until: until when what is known counts as current.
        oldest: when the oldest thing that is no longer current was asked for.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self.keys = keys
        self.known: dict[str, tuple[T, bytes] | None] = {}
        self.lost: dict[str, Reason] = {}
        self.late: set[str] = set()
        self.fresh_until = float("inf")
        self.oldest: float | None = None

    def add(self, wanting: Sequence[str], fetched: Fetched[T]) -> None:
        """Take what a call has learnt of what is wanted."""
        known, lost = fetched.known, fetched.lost
        self.known |= {one: known[one] for one in wanting if one in known}
        self.fresh_until = min(self.fresh_until, fetched.fresh_until)
        if lost:
            self.lost |= {one: lost[one] for one in wanting if one in lost}
            if fetched.is_late:
                self.late |= lost.keys()

    def build(self, wanted: Sequence[str], now: float, duration: float) -> Part[Mapping[str, T]]:
        """The part: fresh or stale where something is known of each thing.

        Of things that the service has answered about, but badly, and of too many, the others are given as a partial
        part. Where the service could not be asked for some, the part is missing.
        """
        found = [(one, thing) for one in wanted if (thing := self.known.get(one)) is not None]
        is_complete = len(self.known) == len(wanted)
        reason = None if is_complete and self.oldest is None else self._reason(wanted)
        if not is_complete and (not found or reason not in _SPARES_OTHERS):
            return Part.missing(reason, duration)
        json = by_id_json([(one, data) for one, (_, data) in found])
        things = {one: thing for one, (thing, _) in found}
        if reason is None:
            return Part(things, "fresh", json, self.fresh_until, duration=duration)
        status: Status = "stale" if is_complete else "partial"
        age = None if self.oldest is None else now - self.oldest
        return Part(things, status, json, age=age, reason=reason, duration=duration)

    def _reason(self, wanted: Sequence[str]) -> Reason:
        """Why something is not known, that the service could not be asked before all; else why something is old."""
        unknown = [self.lost.get(one, "too_many") for one in wanted if one not in self.known]
        if unknown:
            return next((reason for reason in unknown if reason not in _SPARES_OTHERS), unknown[0])
        return next(self.lost[one] for one in wanted if one in self.lost)

"""Collects what is known of the items that an aggregate wants, and builds the keyed part from it."""

from collections.abc import Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from bff.parts.by_id import by_id_json
from bff.parts.part import Part, Status
from shared.errors import Reason

T = TypeVar("T")

Known = Mapping[str, tuple[T, bytes] | None]
"""By id the item and its JSON, or None where the service knows of none."""

_SPARES_OTHERS: Final[frozenset[Reason]] = frozenset({"bad_response", "too_many"})
"""Reasons that are a matter of each item by itself, where the service does answer."""


class Fetched(NamedTuple, Generic[T]):
    """The result of a batch call.

    Attributes:
        known: by id the item, or None where it does not exist.
        failed: by id the reason why it is not known.
        fresh_until: until when what is known counts as current.
        is_late: whether the call ran out of time, so that another one may succeed.
    """

    known: Known[T]
    failed: Mapping[str, Reason]
    fresh_until: float
    is_late: bool


class PartBuilder(Generic[T]):
    """Collects items by id until the part can be built.

    Attributes:
        keys: the ids that are identifiers, with the keys that they are kept by.
        known: what is known.
        failed: why nothing current is known of others.
        late: those of them that a call with more time may still return.
        fresh_until: until when what is known counts as current.
        oldest: when the oldest item that is no longer current was asked for.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self.keys = keys
        self.known: dict[str, tuple[T, bytes] | None] = {}
        self.failed: dict[str, Reason] = {}
        self.late: set[str] = set()
        self.fresh_until = float("inf")
        self.oldest: float | None = None

    def add(self, missing: Sequence[str], fetched: Fetched[T]) -> None:
        """Add what a call has returned for the ``missing`` ids."""
        known, failed = fetched.known, fetched.failed
        self.known |= {item_id: known[item_id] for item_id in missing if item_id in known}
        self.fresh_until = min(self.fresh_until, fetched.fresh_until)
        if failed:
            self.failed |= {item_id: failed[item_id] for item_id in missing if item_id in failed}
            if fetched.is_late:
                self.late |= failed.keys()

    def build(self, wanted: Sequence[str], now: float, duration: float) -> Part[Mapping[str, T]]:
        """The part: fresh, or stale, where every item is known.

        Of items that the service has answered about, but badly, and of too many, the others are given as a partial
        part. Where the service could not be asked for some, the part is missing.
        """
        found = [(item_id, item) for item_id in wanted if (item := self.known.get(item_id)) is not None]
        is_complete = len(self.known) == len(wanted)
        reason = None if is_complete and self.oldest is None else self._reason(wanted)
        if not is_complete and (not found or reason not in _SPARES_OTHERS):
            return Part.missing(reason, duration)
        json = by_id_json([(item_id, data) for item_id, (_, data) in found])
        items = {item_id: item for item_id, (item, _) in found}
        if reason is None:
            return Part(items, "fresh", json, self.fresh_until, duration=duration)
        status: Status = "stale" if is_complete else "partial"
        age = None if self.oldest is None else now - self.oldest
        return Part(items, status, json, age=age, reason=reason, duration=duration)

    def _reason(self, wanted: Sequence[str]) -> Reason:
        """Why something is not known, that the service could not be asked before all; else why something is old."""
        unknown = [self.failed.get(item_id, "too_many") for item_id in wanted if item_id not in self.known]
        if unknown:
            return next((reason for reason in unknown if reason not in _SPARES_OTHERS), unknown[0])
        return next(self.failed[item_id] for item_id in wanted if item_id in self.failed)

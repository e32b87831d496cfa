"""What ought not to have happened, with what went wrong elsewhere at that time; and the sums of both."""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

_EXAMPLES: Final = 8
_NOTED: Final = 400
_TOLD: Final = 6
_RECENT_SECONDS: Final = 10.0
_HALF: Final = 500
_ALIKE: Final = 40
_number = re.compile("[0-9]+")


@dataclass
class Journal:
    """The faults of the last seconds, each with those whom it concerned.

    Attributes:
        spell: what kind of weather there is.
        counts: how often each fault was done.
    """

    spell: str = "calm"
    counts: Counter[str] = field(default_factory=Counter)
    _noted: deque[tuple[float, str, str]] = field(default_factory=lambda: deque(maxlen=_NOTED))

    def note(self, fault: str, concerns: str = "") -> None:
        """Write down that ``fault`` is done now, to whom or what it ``concerns``."""
        self.counts[fault] += 1
        self._noted.append((asyncio.get_running_loop().time(), fault, concerns))

    def told(self, words: AbstractSet[str]) -> str:
        """The faults of late that concern any of ``words``, those latest at last; without any, the latest ones."""
        now = asyncio.get_running_loop().time()
        recent = [one for one in self._noted if one[0] > now - _RECENT_SECONDS]
        about = [one for one in recent if not words.isdisjoint(one[2].split())] or recent
        faults = (f"{fault} ({concerns[:80]}) {now - at:.2f} s ago" for at, fault, concerns in about[-_TOLD:])
        return f"{self.spell}; {'; '.join(faults) or 'no fault of late'}"


@dataclass
class Failures:
    """All that failed, by kind; of each kind a few are kept in words.

    Attributes:
        seed: of this run; each failure names it.
        journal: where faults are noted.
        counts: how many there are of each kind.
        examples: of each kind the first of those that are not much alike.
    """

    seed: int
    journal: Journal = field(default_factory=Journal)
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(
        self,
        kind: str,
        what: str,
        *,
        concerns: AbstractSet[str] = frozenset(),
        request: bytes = b"",
        head: bytes = b"",
        body: bytes = b"",
    ) -> None:
        """Something of this ``kind`` has failed; ``concerns`` has the ids of those whom it is about."""
        self.counts[kind] += 1
        kept = self.examples.setdefault(kind, {})
        alike = _number.sub("0", what)[:_ALIKE]
        if alike in kept or len(kept) >= _EXAMPLES:
            return
        shown = (("request", request), ("head", head), ("body", body))
        parts = [f"  {name:<8} {_shown(data)}" for name, data in shown if data]
        seed, faults = f"  seed     {self.seed}", f"  faults   {self.journal.told(concerns)}"
        kept[alike] = "\n".join([f"{kind}: {what}", seed, *parts, faults])


def _shown(data: bytes) -> str:
    """The begin and the end."""
    if len(data) <= 2 * _HALF:
        return repr(data)[2:-1]
    return f"{repr(data[:_HALF])[2:-1]} … {len(data)} bytes … {repr(data[-_HALF:])[2:-1]}"

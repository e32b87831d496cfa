"""What ought not to have happened, with what went wrong elsewhere at that time; and the sums of both."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

_EXAMPLES: Final = 3
_NOTED: Final = 400
_TOLD: Final = 6
_RECENT_SECONDS: Final = 10.0
_LONGEST: Final = 600


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

    def told(self, subject: str) -> str:
        """The faults of late that have to do with ``subject``, those latest at last; without any, the latest ones."""
        now = asyncio.get_running_loop().time()
        recent = [one for one in self._noted if one[0] > now - _RECENT_SECONDS]
        about = [one for one in recent if subject and subject in one[2].split()] or recent
        faults = (f"{fault} ({concerns[:80]}) {now - at:.2f} s ago" for at, fault, concerns in about[-_TOLD:])
        return f"{self.spell}; {'; '.join(faults) or 'no fault of late'}"


@dataclass
class Failures:
    """All that failed, by kind; of each kind the first few are kept in words.

    Attributes:
        seed: of this run; each failure names it.
        journal: where faults are noted.
        counts: how many there are of each kind.
        examples: the first of each kind.
    """

    seed: int
    journal: Journal = field(default_factory=Journal)
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, what: str, *, subject: str = "", request: bytes = b"", answer: bytes = b"") -> None:
        """Something of this ``kind`` has failed; ``subject`` is who was asked for."""
        self.counts[kind] += 1
        kept = self.examples.setdefault(kind, [])
        if len(kept) < _EXAMPLES:
            lines = [f"{kind}: {what}", f"  seed     {self.seed}"]
            lines += [f"  request  {_shown(request)}"] if request else []
            lines += [f"  answer   {_shown(answer)}"] if answer else []
            kept.append("\n".join([*lines, f"  faults   {self.journal.told(subject)}"]))


def _shown(data: bytes) -> str:
    cut = f" … {len(data)} bytes" if len(data) > _LONGEST else ""
    return repr(data[:_LONGEST])[2:-1] + cut

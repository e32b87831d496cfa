"""Media types that a client takes (RFC 9110 §12.5.1): which of those on offer it likes best."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from shared.grammar import WEIGHT

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"?'
_members = re.compile(rf'(?:[^,"]|{_QUOTED})+').findall
_pieces = re.compile(rf'(?:[^;"]|{_QUOTED})+').findall
_weight = re.compile(WEIGHT).fullmatch


class _Range(NamedTuple):
    """A media type or a range of them; parameters are in lower case, values unquoted."""

    type: str
    subtype: str
    parameters: frozenset[str]
    weight: float = 1.0

    def matches(self, offer: "_Range") -> bool:
        return (
            self.type in {"*", offer.type}
            and self.subtype in {"*", offer.subtype}
            and self.parameters <= offer.parameters
        )

    @property
    def specificity(self) -> tuple[bool, bool, int]:
        """The more specific range decides where several match a type."""
        return self.type != "*", self.subtype != "*", len(self.parameters)


def preferred(fields: Iterable[str], offered: Sequence[str]) -> str | None:
    """That of the ``offered`` types which these lines of ``Accept`` weigh most, the first of equals; None for none.

    A member that cannot be read is passed over; without any that can, everything is taken.
    """
    named = [one for member in _members(",".join(fields)) if (one := _read(member)) is not None]
    ranges = named or [_Range("*", "*", frozenset())]
    weights = {offer: _weight_of(one, ranges) for offer in offered if (one := _read(offer)) is not None}
    best = max(weights, key=weights.__getitem__, default=None)
    return best if best is not None and weights[best] > 0 else None


def _weight_of(offer: _Range, ranges: Sequence[_Range]) -> float:
    return max(
        (one for one in ranges if one.matches(offer)), key=lambda one: one.specificity, default=_NOT_TAKEN
    ).weight


def _read(member: str) -> _Range | None:
    name, *parameters = [piece.strip(" \t") for piece in _pieces(member)] or [""]
    kind, slash, subtype = name.lower().partition("/")
    if not (kind and slash and subtype) or (kind == "*" and subtype != "*"):
        return None
    known: list[str] = []
    for parameter in parameters:
        key, _, value = (piece.strip(" \t") for piece in parameter.lower().partition("="))
        if key == "q":  # what follows it says nothing about the type
            weight = _weight(value)
            return None if weight is None else _Range(kind, subtype, frozenset(known), float(value))
        known.append(f"{key}={value.strip(chr(34))}")
    return _Range(kind, subtype, frozenset(known))


_NOT_TAKEN: Final = _Range("", "", frozenset(), 0.0)

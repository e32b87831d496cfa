"""Whom everybody asks for: a few thousand users, of whom the k-th gets a share of 1/k (Zipf's law)."""

from collections.abc import Sequence
from random import Random
from typing import Final

PROFILE: Final = "/api/profile/"
NEW: Final = "new-"
"""Begins the ids of users nobody has asked for before; they buy what all others buy."""

_PEOPLE: Final = 2_000
_ZIPF_EXPONENT: Final = 1.0


def paths(count: int = _PEOPLE) -> list[str]:
    """Where the profiles of so many users are."""
    return [f"{PROFILE}user{number}" for number in range(1, count + 1)]


def draws(number: int, seed: int = 1) -> Sequence[str]:
    """Whose profiles so many requests ask for; the same at each run."""
    weights = [1 / rank**_ZIPF_EXPONENT for rank in range(1, _PEOPLE + 1)]
    return Random(seed).choices(paths(), weights, k=number)  # noqa: S311 - nothing here is a secret

"""Chance, from a seed: each of those who misbehave draws for itself, so that none changes what another draws."""

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar


class Weighted(Protocol):
    """Something that is drawn so much more often than others."""

    @property
    def weight(self) -> float:
        """How often, beside the weights of the others."""
        ...


W = TypeVar("W", bound=Weighted)


def dice(seed: int, *who: object) -> Random:
    """What ``who`` draws from in the run with this ``seed``."""
    return Random("/".join(map(str, (seed, *who))))  # noqa: S311 - nothing here is a secret


def one_of(choices: Sequence[W], random: Random) -> W:
    """One of ``choices``, by weight."""
    return random.choices(choices, [choice.weight for choice in choices])[0]

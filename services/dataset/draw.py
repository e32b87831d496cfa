"""Pseudo-random choices from a fixed seed: always the same."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def words(text: str) -> Sequence[str]:
    """The words of ``text``."""
    return text.split()


class Draw:
    """A row of choices that follows from ``seed`` alone.

    Only ``Random.random`` promises the same numbers in every version of Python, so all else is made of it.
    """

    def __init__(self, seed: str) -> None:
        self._random = Random(seed).random  # noqa: S311 - nothing here is a secret

    def share(self) -> float:
        """A number from 0 up to, not including, 1."""
        return self._random()

    def below(self, bound: int) -> int:
        """A whole number from 0 up to, not including, ``bound``."""
        return int(self._random() * bound)

    def pick(self, choices: Sequence[T]) -> T:
        """One of ``choices``."""
        return choices[self.below(len(choices))]

    def pick_distinct(self, choices: Sequence[T], count: int) -> list[T]:
        """``count`` different ones of ``choices``."""
        picked: list[T] = []
        while len(picked) < count:
            candidate = self.pick(choices)
            if candidate not in picked:
                picked.append(candidate)
        return picked

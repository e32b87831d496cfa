"""What became of a fault."""

from dataclasses import dataclass
from typing import Generic, TypeVar

F = TypeVar("F")


@dataclass(frozen=True)
class Result(Generic[F]):
    """The figures of a fault; ``broken`` names the objectives that did not hold."""

    fault: str
    figures: F
    broken: tuple[str, ...]

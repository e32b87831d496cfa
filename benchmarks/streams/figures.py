"""What was measured, the bounds that there are, and how both are shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_COLUMNS: Final = ("figure", "measured", "at most", "")


@dataclass(frozen=True)
class Figure:
    """One of them.

    Attributes:
        name: what it is of.
        value: in ``unit``.
        most: what it may be; None for anything.
        rough: whether ``value`` is as good as the machine is quiet, and the run long.
    """

    name: str
    value: float
    unit: str
    most: float | None = None
    rough: bool = True

    def bound(self, slack: float) -> float | None:
        """What it may be on a machine that is busy with so much else."""
        return None if self.most is None else self.most * (slack if self.rough else 1.0)

    def holds(self, slack: float) -> bool:
        """Whether it is within that."""
        bound = self.bound(slack)
        return bound is None or self.value <= bound


def markdown(figures: Iterable[Figure], slack: float) -> str:
    """A table of them."""
    lines: list[Sequence[str]] = [_COLUMNS, ("---", "---:", "---:", "---")]
    for figure in figures:
        bound = figure.bound(slack)
        verdict = "" if bound is None else "PASS" if figure.holds(slack) else "FAIL"
        lines.append(
            (figure.name, _said(figure.value, figure.unit), "" if bound is None else _said(bound, figure.unit), verdict)
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _said(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:,.2f} {unit}"

"""The columns that a run between hosts has beyond the others, and its figures as JSON."""

from typing import Final

from benchmarks.chaos.hosts.verdict import HostFigures
from benchmarks.chaos.report import Table
from benchmarks.chaos.report import plain as plain_common
from benchmarks.chaos.result import Result

TABLE: Final[Table[HostFigures]] = Table(
    lambda figures: figures.common,
    {
        "circuits": lambda figures: str(figures.open_circuits),
        "least": lambda figures: f"{figures.least:.2f}",
        "most": lambda figures: f"{figures.most:.2f}",
        "left": lambda figures: str(figures.left),
        "still": lambda figures: f"{figures.stood_still:.1f} s",
    },
    width=19,
)


def plain(result: Result[HostFigures]) -> dict[str, object]:
    """A fault in the document."""
    got = result.figures
    return {
        **plain_common(result, got.common),
        "open_circuits": got.open_circuits,
        "calls_of_fair_share": dict(got.shares),
        "left": got.left,
        "stood_still": got.stood_still,
    }

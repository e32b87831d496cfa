"""The table, line by line as faults end, and the same figures as JSON."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic

import orjson

from benchmarks.chaos.measure import Figures
from benchmarks.chaos.result import F, Result
from benchmarks.common.kinds import Kind

_TITLES: Final = ("requests", "available", *(kind.value for kind in Kind), "p50", "p99", "max", "calls", "recover")
_LEAST_WIDTH: Final = 8
_NAME_WIDTH: Final = 14


@dataclass(frozen=True)
class Table(Generic[F]):
    """Times are in milliseconds, but those to recover in seconds.

    Attributes:
        common: the figures that every table has.
        further: columns of its own, by title, and what stands in them.
        width: of the names of faults.
    """

    common: Callable[[F], Figures]
    further: Mapping[str, Callable[[F], str]] = field(default_factory=dict)
    width: int = _NAME_WIDTH

    def head(self) -> str:
        """The titles of the columns."""
        return self._line("fault", [*_TITLES, *self.further]) + "  objectives"

    def line(self, result: Result[F]) -> str:
        """What became of a fault."""
        got = self.common(result.figures)
        cells = (
            str(got.requests),
            _percent(got.available),
            *(_percent(got.shares[kind], kind) for kind in Kind),
            *(f"{seconds * 1000:.0f} ms" for seconds in (got.p50, got.p99, got.slowest)),
            f"{got.calls:.2f}",
            "never" if got.recover is None else f"{got.recover:.1f} s",
            *(cell(result.figures) for cell in self.further.values()),
        )
        return (
            self._line(result.fault, cells) + "  " + ("FAIL: " + "; ".join(result.broken) if result.broken else "PASS")
        )

    def _line(self, name: str, cells: Sequence[str]) -> str:
        widths = (max(_LEAST_WIDTH, len(title)) for title in (*_TITLES, *self.further))
        return f"{name:<{self.width}}" + "".join(
            f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True)
        )


FAULTS: Final[Table[Figures]] = Table(lambda figures: figures)


def verdict(results: Sequence[Result[Any]]) -> str:
    """The last line."""
    broken = [result.fault for result in results if result.broken]
    if broken:
        return f"FAIL: objectives are broken under {', '.join(broken)}."
    return f"PASS: every objective holds under all of {len(results) - 1} faults."


def as_json(plain: Sequence[Mapping[str, object]]) -> bytes:
    """Everything as one document; times in seconds, shares from 0 to 1."""
    return orjson.dumps(plain, option=orjson.OPT_INDENT_2) + b"\n"


def plain(result: Result[Any], got: Figures) -> dict[str, object]:
    """A fault in the document."""
    return {
        "fault": result.fault,
        "requests": got.requests,
        "available": got.available,
        "shares": {kind.value: share for kind, share in got.shares.items()},
        "p50": got.p50,
        "p99": got.p99,
        "max": got.slowest,
        "calls_per_request": got.calls,
        "recover": got.recover,
        "broken": result.broken,
    }


def _percent(share: float, kind: Kind | None = None) -> str:
    # Rounded towards what is worse, so that a single answer that was not complete shows.
    is_good = kind in {None, Kind.COMPLETE}
    tenths = math.floor(share * 1000 + 1e-9) if is_good else math.ceil(share * 1000 - 1e-9)
    return f"{tenths / 10:.1f} %"

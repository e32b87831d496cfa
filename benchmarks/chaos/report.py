"""The table, line by line as faults end, and the same figures as JSON."""

import math
from collections.abc import Sequence
from typing import Final

import orjson

from benchmarks.chaos.run import Result
from benchmarks.common.kinds import Kind

_HEAD: Final = (
    "fault",
    "requests",
    "available",
    *(kind.value for kind in Kind),
    "p50",
    "p99",
    "max",
    "calls",
    "recover",
)
_WIDTHS: Final = (14, *(max(8, len(title)) for title in _HEAD[1:]))


def head() -> str:
    """The titles of the columns; times are in milliseconds, the time to recover is in seconds."""
    return _line(_HEAD) + "  objectives"


def line(result: Result) -> str:
    """What became of a fault."""
    got = result.figures
    cells = (
        result.fault,
        str(got.requests),
        _percent(got.available),
        *(_percent(got.shares[kind], kind) for kind in Kind),
        *(f"{seconds * 1000:.0f} ms" for seconds in (got.p50, got.p99, got.slowest)),
        f"{got.calls:.2f}",
        "never" if got.recover is None else f"{got.recover:.1f} s",
    )
    return _line(cells) + "  " + ("FAIL: " + "; ".join(result.broken) if result.broken else "PASS")


def verdict(results: Sequence[Result]) -> str:
    """The last line."""
    broken = [result.fault for result in results if result.broken]
    if broken:
        return f"FAIL: objectives are broken under {', '.join(broken)}."
    return f"PASS: every objective holds under all of {len(results) - 1} faults."


def as_json(results: Sequence[Result]) -> bytes:
    """Everything as one document; times in seconds, shares from 0 to 1."""
    return orjson.dumps([_plain(result) for result in results], option=orjson.OPT_INDENT_2) + b"\n"


def _plain(result: Result) -> dict[str, object]:
    got = result.figures
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


def _line(cells: Sequence[str]) -> str:
    first, *others = zip(cells, _WIDTHS, strict=True)
    return f"{first[0]:<{first[1]}}" + "".join(f"  {cell:>{width}}" for cell, width in others)


def _percent(share: float, kind: Kind | None = None) -> str:
    # Rounded towards what is worse, so that a single answer that was not complete shows.
    is_good = kind in {None, Kind.COMPLETE}
    tenths = math.floor(share * 1000 + 1e-9) if is_good else math.ceil(share * 1000 - 1e-9)
    return f"{tenths / 10:.1f} %"

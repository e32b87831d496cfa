"""The requests a second as bars: an SVG for each kind of work, one below the other, each with a scale of its own."""

from collections.abc import Sequence
from html import escape
from typing import Final

from benchmarks.speed.rows import Row
from benchmarks.speed.scenarios import FLOORS, WITHOUT

_WIDTH: Final = 860
_LABELS: Final = 130
_FIGURES: Final = 200
_BAR: Final = 18
_STEP: Final = 28
_TITLE: Final = 44
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.bar{fill:#3b74b8}.floor{fill:#a3acb5}"
    ".range{stroke:#24292f;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.range{stroke:#e6edf3}.bar{fill:#5b95dc}.floor{fill:#6e7781}}"
)


def svg(rows: Sequence[Row]) -> str:
    """Bars of the median, with a line from the slowest round to the fastest; floors are grey."""
    shown = [row for row in rows if row.scenario not in WITHOUT]
    panels = [
        ("Answered from memory", [row for row in shown if _from_memory(row)]),
        ("Asking the services", [row for row in shown if not _from_memory(row)]),
    ]
    parts: list[str] = []
    top = 0
    for title, of_panel in panels:
        if of_panel:
            parts += [f'<text class="title" x="4" y="{top + 26}">{title}, requests a second</text>']
            parts += _bars(of_panel, top + _TITLE)
            top += _TITLE + _STEP * len(of_panel)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top + 8}" role="img">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>"]) + "\n"


def _from_memory(row: Row) -> bool:
    return row.scenario.workload.calls < 0.5


def _bars(rows: Sequence[Row], top: int) -> Sequence[str]:
    most = max(max(row.rates) for row in rows) or 1.0
    scale = (_WIDTH - _LABELS - _FIGURES) / most
    parts = []
    for number, row in enumerate(rows):
        y = top + number * _STEP
        middle, text = y + _BAR / 2, y + _BAR - 4
        kind = "floor" if row.scenario in FLOORS else "bar"
        slowest, fastest = (_LABELS + rate * scale for rate in (min(row.rates), max(row.rates)))
        parts += [
            f'<text x="{_LABELS - 8}" y="{text}" text-anchor="end">{escape(row.scenario.name)}</text>',
            f'<rect class="{kind}" x="{_LABELS}" y="{y}" width="{row.rate * scale:.1f}" height="{_BAR}" rx="2"/>',
            f'<line class="range" x1="{slowest:.1f}" y1="{middle}" x2="{fastest:.1f}" y2="{middle}"/>',
            f'<text x="{fastest + 8:.1f}" y="{text}">{row.rate:,.0f} · {row.cpu * 1e6:,.0f} µs CPU each</text>',
        ]
    return parts

"""What becomes of requests as bars, an SVG: the share that memory answers, that Redis answers, and that is loaded."""

from collections.abc import Sequence
from typing import Final

from benchmarks.scale.plan import Plan

_WIDTH: Final = 860
_LABELS: Final = 150
_FIGURES: Final = 190
_BAR: Final = 20
_STEP: Final = 32
_TITLE: Final = 44
_KINDS: Final = ("memory", "redis", "loads")
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.memory{fill:#2f855a}.redis{fill:#3b74b8}"
    ".loads{fill:#c27c2c}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}"
)


def svg(plans: Sequence[Plan]) -> str:
    """A bar for each number of users."""
    top = _TITLE
    height = top + _STEP * len(plans) + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" role="img">'
    names = " · ".join(("green: hits in memory", "blue: hits in Redis", "ochre: loads"))
    parts = [f'<text class="title" x="4" y="26">Requests by users a day ({names})</text>']
    for number, each in enumerate(plans):
        parts += _bar(each, top + number * _STEP)
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>"]) + "\n"


def _bar(of: Plan, y: int) -> Sequence[str]:
    text, x = y + _BAR - 5, float(_LABELS)
    scale = _WIDTH - _LABELS - _FIGURES
    parts = [f'<text x="{_LABELS - 8}" y="{text}" text-anchor="end">{of.inputs.users:,}</text>']
    for kind in _KINDS:
        width = of.shares[kind] * scale
        parts.append(f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}"/>')
        x += width
    processes = f"{of.processes} processes, {of.calls:,.0f} calls/s"
    return [*parts, f'<text x="{x + 8:.1f}" y="{text}">{processes}</text>']

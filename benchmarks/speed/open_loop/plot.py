"""Latency over the offered rate, an SVG: a line for each percentile, by powers of ten."""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10
from typing import Final

from benchmarks.speed.open_loop.curve import Row

_WIDTH: Final = 860
_HEIGHT: Final = 420
_LEFT: Final = 70
_RIGHT: Final = 40
_TOP: Final = 44
_BOTTOM: Final = 52
_LABEL: Final = 60
_LINES: Final[Sequence[tuple[str, Callable[[Row], float]]]] = (
    ("p50", lambda row: row.p50),
    ("p99", lambda row: row.p99),
    ("p999", lambda row: row.p999),
)
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.grid{stroke:#d0d7de}"
    "polyline{fill:none;stroke-width:2}.p50{stroke:#2f855a}.p99{stroke:#3b74b8}.p999{stroke:#c27c2c}"
    "circle{fill:#ffffff;stroke-width:2}circle.believed{stroke-width:4}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#3d444d}circle{fill:#0d1117}}"
)


def svg(curve: Sequence[Row]) -> str:
    """A line for each percentile; points that are not believed are hollow."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" role="img">'
    names = "green: p50 · blue: p99 · ochre: p99.9 · hollow: the load was late"
    title = f"Latency in ms over requests a second, and their share of capacity ({names})"
    parts = [head, f"<style>{_STYLE}</style>", f'<text class="title" x="4" y="26">{title}</text>']
    scales = _Scales(curve)
    parts += scales.grid()
    shown = 0.0
    for row in curve:
        x = scales.x(row.rate)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 30}" text-anchor="middle">{row.share:.0%}</text>')
        if x - shown > _LABEL:
            parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{row.rate:,.0f}</text>')
            shown = x
    for kind, of in _LINES:
        parts += _line(kind, [(scales.x(row.rate), scales.y(of(row)), row.is_believed) for row in curve])
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Scales:
    def __init__(self, curve: Sequence[Row]) -> None:
        shown = [of(row) * 1000 for row in curve for _, of in _LINES if of(row) > 0] or [1.0]
        self._least, self._most = floor(log10(min(shown))), max(ceil(log10(max(shown))), floor(log10(min(shown))) + 1)
        self._rate = max((row.rate for row in curve), default=1.0) or 1.0

    def x(self, rate: float) -> float:
        return _LEFT + rate / self._rate * (_WIDTH - _LEFT - _RIGHT)

    def y(self, seconds: float) -> float:
        power = log10(seconds * 1000) if seconds > 0 else self._least
        share = (power - self._least) / (self._most - self._least)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def grid(self) -> Sequence[str]:
        """A line for each power of ten."""
        parts = []
        for power in range(self._least, self._most + 1):
            y = self.y(10**power / 1000)
            parts += [
                f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>',
                f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>',
            ]
        return parts


def _line(kind: str, points: Sequence[tuple[float, float, bool]]) -> Sequence[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    parts = [f'<polyline class="{kind}" points="{path}"/>']
    for x, y, is_believed in points:
        known = " believed" if is_believed else ""
        parts.append(f'<circle class="{kind}{known}" cx="{x:.1f}" cy="{y:.1f}" r="{2 if is_believed else 4}"/>')
    return parts

"""What a panel is made of besides its kind: queries, limits, states, and how it looks."""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypedDict

from deploy.dashboards.links import Place


class Query(NamedTuple):
    """An expression and what its series are called."""

    expr: str
    legend: str


class Limit(NamedTuple):
    """From which value on a panel takes a colour."""

    value: float
    color: str


SLOW: Final = (Limit(0.5, "orange"), Limit(1, "red"))
"""Seconds that a client is made to feel."""
FEW: Final = (Limit(0.01, "orange"), Limit(0.05, "red"))
"""Shares of failures that are worth a look, and that are trouble."""


class State(NamedTuple):
    """What a number means."""

    value: int
    word: str
    color: str


class Look(TypedDict, total=False):
    """What a panel may have besides title, unit, description and queries."""

    span: int
    """Columns of the 24 that the grid has; by default 8."""
    height: int
    """By default 8."""
    limits: Sequence[Limit]
    base: str
    """The colour below the first limit; by default green."""
    alert: str
    """The alert that fires on what the panel shows."""
    more: Place | None
    """The dashboard that shows the matter in detail."""

"""Aggregates that are put together from the services: how long it takes, and what state their parts are in."""

from typing import Final

from grafana_foundation_sdk.models.common import StackingMode

from deploy.dashboards import links
from deploy.dashboards.blocks import heat, lines
from deploy.dashboards.frame import Section
from deploy.dashboards.look import SLOW, Limit, Query
from deploy.dashboards.promql import GATEWAY, PERCENTILES, quantile, rate, spread

_AGGREGATION: Final = "aggregation_duration_seconds"
_PARTS: Final = "aggregate_parts_total"
_DELIVERED: Final = rate(_PARTS, by="part")
_FRESH: Final = rate(_PARTS, f'{GATEWAY}, status="fresh"', by="part")
_NOT_FRESH: Final = f"1 - ({_FRESH} or 0 * {_DELIVERED}) / ({_DELIVERED} > 0)"


def section() -> Section:
    """How long aggregates take to put together, and how many of their parts are fresh."""
    return Section(
        "Aggregates and their parts",
        (
            heat(
                "Aggregation latency",
                "How many aggregates took how long to put together from the services, answers from the cache apart.",
                spread(_AGGREGATION),
                span=12,
            ),
            lines(
                "Aggregation duration",
                "s",
                "What it takes to put one aggregate together from the services, answers from the cache apart.",
                *(Query(quantile(percent / 100, _AGGREGATION), f"p{percent}") for percent, _ in PERCENTILES),
                span=6,
                limits=SLOW,
            ),
            lines(
                "Aggregates made",
                "ops",
                "Aggregates put together a second, answers from the cache apart.",
                Query(rate(f"{_AGGREGATION}_count", by="instance"), "{{instance}}"),
                span=6,
            ),
            lines(
                "Parts by status",
                "ops",
                "Share of the parts that were delivered fresh, stale (last known good), partial (known in part) or"
                " missing.",
                Query(rate(_PARTS, by="status"), "{{status}}"),
                stacking=StackingMode.PERCENT,
            ),
            lines(
                "Parts a second",
                "ops",
                "Parts delivered in aggregates a second, by part and status.",
                Query(rate(_PARTS, by="part, status"), "{{part}} {{status}}"),
            ),
            lines(
                "Parts not fresh",
                "percentunit",
                "Share of new aggregates whose part is stale, partial or missing. Such answers are partial and are not"
                " kept.",
                Query(_NOT_FRESH, "{{part}}"),
                limits=(Limit(0.1, "red"),),
                alert="PartialAnswers",
                more=links.UPSTREAMS,
            ),
        ),
    )

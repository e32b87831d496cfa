"""What clients are promised, how far it was kept over the time shown, and how fast the budgets are being spent."""

from typing import Final

from deploy.dashboards.blocks import dial, lines, number
from deploy.dashboards.frame import Section
from deploy.dashboards.look import Limit, Query
from deploy.dashboards.promql import MAY_BE_SLOW, MAY_FAIL, failed_ratio, slow_ratio, spent

_LEFT: Final = (Limit(0.001, "orange"), Limit(0.5, "green"))
_BURN: Final = (Limit(1, "orange"), Limit(6, "red"))


def section() -> Section:
    """The objectives of the gateway: availability and latency of its API."""
    failed, slow = failed_ratio("$__range"), slow_ratio("$__range")
    return Section(
        "Objectives",
        (
            number(
                "Failed over the range",
                "percentunit",
                "Share of the API requests in the time shown that failed. The objective allows 0.1 % in 30 days;"
                " requests whose client left count neither way.",
                Query(failed, "failed"),
                over_range=True,
                span=4,
                limits=(Limit(MAY_FAIL, "red"),),
                alert="AvailabilityBurnSlow",
            ),
            dial(
                "Availability budget left",
                "percentunit",
                "What is left of the 0.1 % of API requests that may fail, if the objective had to be met over the time"
                " shown. Below zero it is overspent. Choose 30 days to see the objective itself.",
                Query(f"1 - {spent(failed, MAY_FAIL)}", "left"),
                over_range=True,
                span=4,
                limits=_LEFT,
                base="red",
                alert="AvailabilityBurn",
            ),
            number(
                "Slow over the range",
                "percentunit",
                "Share of the API requests in the time shown that took longer than half a second. The objective allows"
                " 1 % in 30 days.",
                Query(slow, "slow"),
                over_range=True,
                span=4,
                limits=(Limit(MAY_BE_SLOW, "red"),),
                alert="LatencyBurnSlow",
            ),
            dial(
                "Latency budget left",
                "percentunit",
                "What is left of the 1 % of API requests that may take longer than half a second, if the objective had"
                " to be met over the time shown. Below zero it is overspent.",
                Query(f"1 - {spent(slow, MAY_BE_SLOW)}", "left"),
                over_range=True,
                span=4,
                limits=_LEFT,
                base="red",
                alert="LatencyBurn",
            ),
            lines(
                "Budget burn rate",
                "none",
                "How many times faster than the objectives allow their budgets are being spent: at 1 they last exactly"
                " 30 days, at 6 five days.",
                Query(spent(failed_ratio("$__rate_interval"), MAY_FAIL), "availability"),
                Query(spent(slow_ratio("$__rate_interval"), MAY_BE_SLOW), "latency"),
                limits=_BURN,
            ),
        ),
    )

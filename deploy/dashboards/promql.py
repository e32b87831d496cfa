"""The PromQL that recurs: selections, rates, quantiles, shares, and the objectives that clients are promised.

Rates are over `$__rate_interval`, which Grafana makes at least four scrapes long.
"""

from typing import Final

PROBES: Final = 'endpoint!~"/metrics|/health.*"'
"""Leaves out probes and scrapes, whose steady successes would hide the failures of clients."""
GATEWAY: Final = 'job="api-gateway", instance=~"$instance"'
"""The gateways that are chosen."""
CLIENTS: Final = f"{GATEWAY}, {PROBES}"
"""What clients ask of the gateways that are chosen."""
UPSTREAM: Final = f'{GATEWAY}, service_name=~"$service"'
"""The services that are chosen, as the gateways that are chosen see them."""
FAILED: Final = 'status=~"5.."'

MAY_FAIL: Final = 0.001
"""The share of API requests that may fail, over 30 days."""
MAY_BE_SLOW: Final = 0.01
"""The share of API requests that may take longer than `IN_TIME_SECONDS`, over 30 days."""
IN_TIME_SECONDS: Final = 0.5
"""A bound of the histogram of durations."""

PERCENTILES: Final = ((50, "one request in two"), (95, "one request in twenty"), (99, "one request in a hundred"))
"""The percentiles that are shown, and what each means."""

_API: Final = f'{GATEWAY}, endpoint=~"/api/.+"'
_RATE: Final = "$__rate_interval"


def rate(metric: str, labels: str = GATEWAY, *, by: str = "") -> str:
    """How much a counter grows each second, summed over everything but the labels `by`."""
    return _sum(f"rate({_selected(metric, labels)}[{_RATE}])", by)


def grown(metric: str, labels: str = GATEWAY, *, by: str = "", over: str = _RATE) -> str:
    """How much a counter has grown over a range (of the dashboard: `$__range`), summed like `rate`."""
    return _sum(f"increase({_selected(metric, labels)}[{over}])", by)


def total(metric: str, labels: str = GATEWAY, *, by: str = "") -> str:
    """The sum of a gauge over everything but the labels `by`."""
    return _sum(_selected(metric, labels), by)


def quantile(share: float, histogram: str, labels: str = GATEWAY, *, by: str = "") -> str:
    """What that share of the observations of a histogram took at most, in the unit of the histogram."""
    buckets = rate(f"{histogram}_bucket", labels, by=f"{by}, le" if by else "le")
    return f"histogram_quantile({share:g}, {buckets})"


def spread(histogram: str, labels: str = GATEWAY) -> str:
    """How many observations fell in each bucket, as a heat map wants it."""
    return grown(f"{histogram}_bucket", labels, by="le")


def share(part: str, whole: str) -> str:
    """The part of a whole; 0 where nothing of the part was ever counted, no sample where the whole is 0."""
    return f"({part} or vector(0)) / ({whole} > 0)"


def spent(bad_ratio: str, budget: float) -> str:
    """How much of the budget, the share that may be bad, is spent: 1 is all of it."""
    return f"({bad_ratio}) / {budget:g}"


def failed_ratio(over: str) -> str:
    """The share of API requests that failed over a range; one whose client left counts neither way."""
    requests = "http_requests_total"
    failed = grown(requests, f"{_API}, {FAILED}", over=over)
    return share(failed, grown(requests, f'{_API}, status!="499"', over=over))


def slow_ratio(over: str) -> str:
    """The share of API requests over a range that were not answered within `IN_TIME_SECONDS`."""
    duration = "http_request_duration_seconds"
    in_time = grown(f"{duration}_bucket", f'{_API}, le="{IN_TIME_SECONDS}"', over=over)
    return f"1 - {in_time} / ({grown(f'{duration}_count', _API, over=over)} > 0)"


def _selected(metric: str, labels: str) -> str:
    return f"{metric}{{{labels}}}" if labels else metric


def _sum(expression: str, by: str) -> str:
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"

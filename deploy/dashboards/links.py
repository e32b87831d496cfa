"""Where the dashboards and the pages about them are, and the links that lead there."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders.dashboard import DashboardLink

DOCS: Final = "/public/docs"
"""Where a browser reads this repository's `docs/`: docker-compose.yml lets Grafana itself serve them."""


class Place(NamedTuple):
    """A dashboard as others link to it."""

    file: str
    """Name of its file, without the ending."""
    uid: str
    title: str
    tooltip: str
    watches: str
    """What its variables choose from; links pass the choice on to dashboards that watch the same."""
    page: str
    """What to read about it, in `docs/`."""


OVERVIEW: Final = Place(
    "gateway",
    "profile-gateway",
    "Gateway",
    "Requests, objectives, parts, aggregation",
    "gateway",
    "monitoring.md",
)
EDGE: Final = Place(
    "edge",
    "profile-gateway-edge",
    "Edge",
    "Refusals, keys, revocations, rate limits, connections",
    "gateway",
    "edge.md",
)
CACHE: Final = Place(
    "cache",
    "profile-gateway-cache",
    "Cache",
    "Tiers, hit ratios, shared loads, memory",
    "gateway",
    "cache.md",
)
UPSTREAMS: Final = Place(
    "upstreams",
    "profile-gateway-upstreams",
    "Upstreams",
    "Attempts, latency, retries, breakers, bulkheads",
    "gateway",
    "resilience.md",
)
SERVICES: Final = Place(
    "services",
    "profile-gateway-services",
    "Services",
    "The services from within, and every process",
    "services",
    "running.md",
)
REDIS: Final = Place(
    "redis",
    "profile-gateway-redis",
    "Redis",
    "Memory, connections, hit ratio, commands",
    "redis",
    "cache.md",
)
HOST: Final = Place(
    "host",
    "profile-gateway-host",
    "Host",
    "CPU, memory, disk, network",
    "host",
    "running.md",
)

PLACES: Final = (OVERVIEW, EDGE, CACHE, UPSTREAMS, SERVICES, REDIS, HOST)

EACH_RUNBOOK: Final = {
    "title": "Runbook",
    "url": f"{DOCS}/runbooks/${{__value.raw}}.md",
    "targetBlank": True,
}
"""From a cell with the name of an alert to what to do when it fires."""


def runbook(alert: str) -> DashboardLink:
    """A link to what to do when `alert` fires."""
    return _page(f"Runbook of {alert}", f"runbooks/{alert}.md")


def between(here: Place) -> list[DashboardLink]:
    """The links above the panels of a dashboard: to all others, with the same range of time, and to its page."""
    others = [_dashboard(place.title, place).include_vars(place.watches == here.watches) for place in _others(here)]
    return [*others, _page("Runbook", here.page).tooltip(f"docs/{here.page}")]


def of_panel(alert: str | None, more: Place | None) -> Iterator[DashboardLink]:
    """The links of a panel: to what to do when its alert fires, and to the dashboard that shows more."""
    if alert is not None:
        yield runbook(alert)
    if more is not None:
        yield _dashboard(f"More: {more.title}", more)


def _others(here: Place) -> list[Place]:
    return [place for place in PLACES if place is not here]


def _dashboard(title: str, place: Place) -> DashboardLink:
    link = DashboardLink(title).icon("dashboard").tooltip(place.tooltip).url(f"/d/{place.uid}")
    return link.keep_time(True).placement("")


def _page(title: str, page: str) -> DashboardLink:
    return DashboardLink(title).icon("doc").url(f"{DOCS}/{page}").target_blank(True).placement("")

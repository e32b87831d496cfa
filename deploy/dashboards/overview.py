"""The first dashboard to look at: requests, objectives, aggregates and their parts, and what stands behind."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from deploy.dashboards import aggregates, cache, links, objectives, services, upstreams
from deploy.dashboards.blocks import dial, heat, lines, number, rows
from deploy.dashboards.frame import CALLED, GATEWAYS, Section, board
from deploy.dashboards.look import FEW, SLOW, Limit, Query
from deploy.dashboards.promql import CLIENTS, FAILED, GATEWAY, PERCENTILES, quantile, rate, share, spread, total

PLACE: Final = links.OVERVIEW

_REQUESTS: Final = "http_requests_total"
_DURATION: Final = "http_request_duration_seconds"
_ANY: Final = (Limit(1, "red"),)
_ALERTS: Final = 'ALERTS or on () label_replace(vector(0), "alertstate", "none", "", "")'


def dashboard() -> model.Dashboard:
    """What Grafana shows first."""
    return board(
        PLACE,
        "Requests, objectives, aggregates and their parts, and how what stands behind the gateway is.",
        (GATEWAYS, CALLED),
        (_glance(), objectives.section(), _requests(), aggregates.section(), _behind()),
    )


def _of_requests(labels: str) -> str:
    return share(rate(_REQUESTS, f"{CLIENTS}, {labels}"), rate(_REQUESTS, CLIENTS))


def _glance() -> Section:
    return Section(
        "At a glance",
        (
            number(
                "Request rate",
                "reqps",
                "Requests of clients a second, probes and scrapes apart.",
                Query(rate(_REQUESTS, CLIENTS), "requests"),
                span=3,
                height=4,
            ),
            number(
                "Failed",
                "percentunit",
                "Share of clients' requests answered with a status of 500 or above.",
                Query(_of_requests(FAILED), "failed"),
                span=3,
                height=4,
                limits=FEW,
                alert="AvailabilityBurn",
            ),
            number(
                "Latency p99",
                "s",
                "What one request in a hundred takes at least, from the parsed request to the last byte handed over.",
                Query(f"{quantile(0.99, _DURATION, CLIENTS)} >= 0", "p99"),
                span=3,
                height=4,
                limits=SLOW,
                alert="LatencyBurn",
            ),
            number(
                "Active",
                "short",
                "Requests being answered right now; it returns to zero when nobody asks.",
                Query(total("http_active_requests"), "active"),
                span=3,
                height=4,
            ),
            dial(
                "From the cache",
                "percentunit",
                "Share of the answers that either tier of the cache had. Partial answers are not kept: it falls as well"
                " while a service fails.",
                Query(cache.SERVED, "from the cache"),
                span=6,
                height=4,
                limits=(Limit(0.5, "green"),),
                base="orange",
                alert="CacheHitRatioFallen",
                more=links.CACHE,
            ),
            number(
                "Targets down",
                "none",
                "Gateways, services and exporters that did not answer the last scrape.",
                Query("count(up == 0) or vector(0)", "down"),
                span=3,
                height=4,
                limits=_ANY,
                alert="InstanceDown",
                more=links.SERVICES,
            ),
            number(
                "Alerts firing",
                "none",
                "Alerts that fire now; each is drawn as a red line in the panels below.",
                Query('count(ALERTS{alertstate="firing"}) or vector(0)', "firing"),
                span=3,
                height=4,
                limits=_ANY,
            ),
            rows(
                "Alerts",
                "Which alerts fire now, and which will unless it passes (pending). The name of each leads to what to"
                " do.",
                _ALERTS,
                ("alertstate", "severity", "alertname", "job", "instance", "service_name", "part"),
                span=24,
                height=6,
            ),
        ),
    )


def _requests() -> Section:
    return Section(
        "Requests",
        (
            lines(
                "Request rate by status",
                "reqps",
                "Requests of clients a second by status. 499 is a client that left before its answer.",
                Query(rate(_REQUESTS, CLIENTS, by="status"), "{{status}}"),
            ),
            lines(
                "Request rate by endpoint",
                "reqps",
                "Requests of clients a second by route; every unknown route counts as unmatched.",
                Query(rate(_REQUESTS, CLIENTS, by="endpoint"), "{{endpoint}}"),
            ),
            lines(
                "Error ratio",
                "percentunit",
                "Shares of clients' requests that failed (500 and above) and that were refused (400 to 499).",
                Query(_of_requests(FAILED), "failed 5xx"),
                Query(_of_requests('status=~"4.."'), "refused 4xx"),
                limits=FEW,
                more=links.EDGE,
            ),
            *(
                lines(
                    f"Latency p{percent} by endpoint",
                    "s",
                    f"What {words} takes at least, by route.",
                    Query(quantile(percent / 100, _DURATION, CLIENTS, by="endpoint"), "{{endpoint}}"),
                    limits=SLOW,
                )
                for percent, words in PERCENTILES
            ),
            heat(
                "Latency of all requests",
                "How many requests took how long. Two bands are hits and misses of the cache.",
                spread(_DURATION, CLIENTS),
                span=24,
            ),
            lines(
                "Active requests",
                "short",
                "Requests being answered at the moment of the scrape, by gateway.",
                Query(total("http_active_requests", by="instance"), "{{instance}}"),
            ),
            lines(
                "Requests shed",
                "reqps",
                "Requests a second refused with 503 because too many were in flight already, by gateway.",
                Query(rate("requests_shed_total", by="instance"), "{{instance}}"),
                limits=(Limit(0.1, "red"),),
                alert="RequestsShed",
            ),
            services.loop_lag(GATEWAY, more=links.SERVICES),
        ),
    )


def _behind() -> Section:
    return Section(
        "Behind the gateway",
        (
            upstreams.errors(more=links.UPSTREAMS),
            upstreams.attempt_latency(95, "one attempt in twenty", more=links.UPSTREAMS),
            upstreams.breakers(more=links.UPSTREAMS),
            services.targets(more=links.SERVICES, span=12),
            cache.tiers(more=links.CACHE, span=12),
        ),
    )

"""The services from within, and the processes of everything that is scraped."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from deploy.dashboards import links
from deploy.dashboards.blocks import Panel, lines, rows, states
from deploy.dashboards.frame import Section, Variable, board
from deploy.dashboards.links import Place
from deploy.dashboards.look import FEW, SLOW, Limit, Query, State
from deploy.dashboards.promql import FAILED, PERCENTILES, PROBES, quantile, rate, total

PLACE: Final = links.SERVICES

_ARE_SERVICES: Final = 'job=~"$service", service!=""'
_SERVICES: Final = Variable("service", "Service", 'up{service!=""}', "job")
_INSTANCES: Final = Variable("instance", "Instance", f"up{{{_ARE_SERVICES}}}", "instance")
_CHOSEN: Final = f'{_ARE_SERVICES}, instance=~"$instance"'
_CLIENTS: Final = f"{_CHOSEN}, {PROBES}"
_PROCESSES: Final = 'job=~"api-gateway|$service", essential!=""'
_REQUESTS: Final = "http_requests_total"
_DURATION: Final = "http_request_duration_seconds"


def dashboard() -> model.Dashboard:
    """The services and instances that are chosen."""
    return board(
        PLACE,
        "What the services are asked, how they answer, and the processes that run.",
        (_SERVICES, _INSTANCES),
        (_requests(), _changes(), _processes()),
    )


def targets(*, more: Place | None = None, span: int = 8) -> Panel:
    """Who answered the scrapes when."""
    return states(
        "Targets",
        "Whether each gateway, service and exporter, and Prometheus itself, answered its scrapes.",
        Query("up", "{{job}} {{instance}}"),
        State(0, "down", "red"),
        State(1, "up", "green"),
        alert="InstanceDown",
        more=more,
        span=span,
    )


def loop_lag(labels: str, *, more: Place | None = None) -> Panel:
    """Who answers late because its event loop is held up or gets too little CPU."""
    return lines(
        "Event loop lag",
        "s",
        "How late one wake-up in a hundred of an event loop comes at least. All requests in that process wait as long:"
        " it computes too much, or gets too little of the processor.",
        Query(quantile(0.99, "event_loop_lag_seconds", labels, by="job, instance"), "{{job}} {{instance}}"),
        limits=(Limit(0.1, "red"),),
        alert="EventLoopLate",
        more=more,
    )


def _requests() -> Section:
    every = rate(_REQUESTS, _CLIENTS, by="job")
    failed = rate(_REQUESTS, f"{_CLIENTS}, {FAILED}", by="job")
    return Section(
        "Requests",
        (
            lines(
                "Service request rate",
                "reqps",
                "Requests a second that each service answered, by status, probes and scrapes apart.",
                Query(rate(_REQUESTS, _CLIENTS, by="job, status"), "{{job}} {{status}}"),
            ),
            lines(
                "Service error ratio",
                "percentunit",
                "Share of its requests that a service answered with a status of 500 or above. While a breaker keeps the"
                " gateway from asking there is no line.",
                Query(f"({failed} or 0 * {every}) / ({every} > 0)", "{{job}}"),
                limits=FEW,
            ),
            lines(
                "Service active requests",
                "short",
                "Requests being answered at the moment of the scrape.",
                Query(total("http_active_requests", _CHOSEN, by="job, instance"), "{{job}} {{instance}}"),
            ),
            *(
                lines(
                    f"Service latency p{percent}",
                    "s",
                    f"What {words} takes at least, by service and route.",
                    Query(quantile(percent / 100, _DURATION, _CLIENTS, by="job, endpoint"), "{{job}} {{endpoint}}"),
                    limits=SLOW,
                )
                for percent, words in PERCENTILES
            ),
        ),
    )


def _processes() -> Section:
    versions = f"max by (job, version) (build_info{{{_PROCESSES}}})"
    shown = f"max by (job, version) (max_over_time(build_info{{{_PROCESSES}}}[$__range]))"
    return Section(
        "Processes",
        (
            targets(),
            states(
                "Versions over time",
                "Which version of what ran when, somewhere at least.",
                Query(f"{versions} or 0 * {shown}", "{{job}} {{version}}"),
                State(0, "gone", "blue"),
                State(1, "runs", "green"),
            ),
            rows(
                "Versions",
                "What runs where.",
                "build_info",
                ("job", "version", "instance"),
            ),
            lines(
                "Process CPU",
                "percentunit",
                "Cores that the gateway and the services use, all workers of a process together. A worker can use one:"
                " the lines at 80 and 100 % are for one worker.",
                Query(rate("worker_cpu_seconds_total", _PROCESSES, by="job, instance"), "{{job}} {{instance}}"),
                limits=(Limit(0.8, "orange"), Limit(1, "red")),
            ),
            loop_lag(_PROCESSES),
            lines(
                "Process memory",
                "bytes",
                "Resident memory of the gateway and the services, all workers of a process together.",
                Query(total("worker_resident_memory_bytes", _PROCESSES, by="job, instance"), "{{job}} {{instance}}"),
                limits=(Limit(256 * 2**20, "orange"), Limit(512 * 2**20, "red")),
            ),
            lines(
                "Uptime",
                "s",
                "How long ago the gateway and the services have started. With several workers there is no line.",
                Query(f"time() - process_start_time_seconds{{{_PROCESSES}}}", "{{job}} {{instance}}"),
                span=12,
            ),
            lines(
                "Log lines dropped",
                "cps",
                "Log lines a second that were lost because whatever reads them is too slow.",
                Query(rate("log_lines_dropped_total", _PROCESSES, by="job"), "{{job}}"),
                limits=(Limit(0.1, "red"),),
                span=12,
                alert="LogLinesDropped",
            ),
        ),
    )


def _changes() -> Section:
    return Section(
        "Changes",
        (
            lines(
                "Events told",
                "ops",
                "Events a second of what each service has changed: published, failed (they are told again), or dropped"
                " as nobody is to be told.",
                Query(rate("outbox_published_total", _CHOSEN, by="job, outcome"), "{{job}} {{outcome}}"),
            ),
            lines(
                "Events that wait",
                "short",
                "Events of changes that nobody has been told of yet, by service.",
                Query(f"max by (job) (outbox_events{{{_CHOSEN}}})", "{{job}}"),
            ),
            lines(
                "Oldest event that waits",
                "s",
                "How long nobody has taken it. Nothing is lost meanwhile, but what has changed is seen late.",
                Query(f"max by (job) (outbox_oldest_seconds{{{_CHOSEN}}})", "{{job}}"),
                limits=(Limit(1, "orange"), Limit(60, "red")),
                alert="EventsHeldBack",
            ),
        ),
    )

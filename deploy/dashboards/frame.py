"""What all dashboards have in common: variables, annotations, links, and panels in sections on the grid."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, QueryVariable, Row
from grafana_foundation_sdk.models import dashboard as model

from deploy.dashboards import links
from deploy.dashboards.blocks import SOURCE, Panel
from deploy.dashboards.links import Place

TAG: Final = "profile-gateway"


class Section(NamedTuple):
    """A titled row and the panels below it, which fill the grid from left to right."""

    title: str
    panels: Sequence[Panel]


class Variable(NamedTuple):
    """What a reader can choose: any of the values of a label, or all of them."""

    name: str
    label: str
    series: str
    """Where the values are looked up."""
    source: str
    """The label that has them."""
    everything: str = ".+"
    """A pattern that all of them match."""


class Note(NamedTuple):
    """What is marked in all panels when it happens."""

    name: str
    expr: str
    color: str
    title: str
    text: str


_PROCESSES: Final = 'essential!=""'
"""Whatever serves clients: the label says how much it is missed, exporters have none."""

ALERTS: Final = Note(
    "Alerts",
    'ALERTS{alertstate="firing"}',
    "red",
    "{{alertname}}",
    "{{job}} {{instance}} {{service_name}} {{part}} {{cache_type}}",
)
# A process that starts counts from zero, also its scrapes, which come whatever clients do; one that did not answer is
# marked as soon as it is back, and one that was not known is new. All work with any number of workers, whereas
# process_start_time_seconds is there with one alone.
RESTARTS: Final = Note(
    "Restarts",
    f'max by (job, instance) (resets(http_requests_total{{{_PROCESSES}, endpoint="/metrics"}}[$__rate_interval]) > 0'
    f" or (up{{{_PROCESSES}}} == 1 and min_over_time(up{{{_PROCESSES}}}[$__rate_interval]) == 0)"
    f" or (up{{{_PROCESSES}}} == 1 unless up offset $__rate_interval))",
    "blue",
    "{{job}} has started, or is back",
    "{{instance}}",
)
BREAKERS: Final = Note(
    "Breaker changes",
    "sum by (service_name, state) (increase(upstream_breaker_changes_total[$__rate_interval])) > 0",
    "orange",
    "Breaker of {{service_name}}: {{state}}",
    "",
)
# Asks further back than a restart takes, so that a version that merely was away is none.
VERSIONS: Final = Note(
    "New versions",
    f"max by (job, version) (build_info{{{_PROCESSES}}})"
    f" unless max by (job, version) (max_over_time(build_info{{{_PROCESSES}}}[1h] offset $__rate_interval))",
    "green",
    "{{job}} runs {{version}}",
    "",
)
REDIS_RESTARTS: Final = Note(
    "Redis restarts",
    "resets(redis_uptime_in_seconds[$__rate_interval]) > 0"
    " or (redis_up == 1 unless redis_up offset $__rate_interval == 1)",
    "purple",
    "Redis has started, or is back",
    "{{instance}}",
)
GATEWAYS: Final = Variable("instance", "Gateway", 'up{job="api-gateway"}', "instance")
CALLED: Final = Variable("service", "Service", 'upstream_breaker_state{job="api-gateway"}', "service_name")


def board(
    place: Place,
    description: str,
    variables: Sequence[Variable],
    sections: Sequence[Section],
    notes: Sequence[Note] = (),
) -> model.Dashboard:
    """Put a dashboard together; its panels get numbers in the order in which they stand.

    Args:
        place: Its file, uid and title.
        description: What it is about, in a sentence.
        variables: What its reader can choose.
        sections: The panels.
        notes: What is marked besides alerts, restarts, new versions and changes of breakers.
    """
    frame = (
        Dashboard(place.title)
        .uid(place.uid)
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time("now-30m", "now")
        .refresh("10s")
        .version(1)
        .links(list(links.between(place)))
        .variables([_variable(variable) for variable in variables])
        .annotations([_annotation(note) for note in (ALERTS, RESTARTS, VERSIONS, BREAKERS, *notes)])
    )
    for section in sections:
        frame.with_row(Row(section.title))
        for panel in section.panels:
            frame.with_panel(panel)
    whole = frame.build()
    for number, drawn in enumerate(whole.panels or (), start=1):
        drawn.id_val = number
    return whole


def _variable(variable: Variable) -> QueryVariable:
    asked = f"label_values({variable.series}, {variable.source})"
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return (
        QueryVariable(variable.name)
        .label(variable.label)
        .description(f"{variable.label}s to look at")
        .datasource(SOURCE)
        .definition(asked)
        .query({"query": asked, "refId": "PrometheusVariableQueryEditor-VariableQuery", "qryType": 1})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(variable.everything)
        .current(everything)
    )


def _annotation(note: Note) -> AnnotationQuery:
    return (
        AnnotationQuery()
        .name(note.name)
        .datasource(SOURCE)
        .enable(True)
        .hide(False)
        .icon_color(note.color)
        .expr(note.expr)
        .step("5s")
        .title_format(note.title)
        .text_format(note.text)
        .use_value_for_time(False)
        .placement("")
    )

"""The dashboards, read as data: that current Grafana draws them and that a reader understands them."""

from itertools import combinations
from pathlib import Path

import pytest

from deploy.dashboards import links
from tests.monitoring import definitions
from tests.monitoring.definitions import Json, drawn_panels

_DRAWN_TYPES = {"bargauge", "gauge", "heatmap", "piechart", "stat", "state-timeline", "table", "text", "timeseries"}
_UNITS = {"Bps", "bytes", "cps", "none", "ops", "percentunit", "reqps", "s", "short"}
_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_COLUMNS = 24

_DASHBOARDS = definitions.GRAFANA / "dashboards"
_WANTED = {
    "gateway": {
        "Request rate",
        "Alerts",
        "Latency p50 by endpoint",
        "Latency p95 by endpoint",
        "Latency p99 by endpoint",
        "Latency of all requests",
        "Error ratio",
        "Active requests",
        "Requests shed",
        "Event loop lag",
        "Availability budget left",
        "Latency budget left",
        "Budget burn rate",
        "Aggregation latency",
        "Aggregation duration",
        "Parts by status",
        "Parts not fresh",
        "Errors by service",
        "Attempt latency p95",
        "Breakers",
        "Targets",
        "Tier state",
        "From the cache",
    },
    "edge": {
        "Refused by status",
        "Share refused",
        "Refused by reason",
        "Keys",
        "Age of the keys",
        "Key fetches",
        "Revocations in force",
        "Refused by rate limit",
        "Leases by outcome",
        "Subjects counted",
        "Connections",
        "Certificate ends in",
    },
    "cache": {
        "Tier state",
        "Coherence",
        "Hit ratio by tier",
        "Lookups by tier",
        "Coalesced loads",
        "Early refreshes",
        "Invalidations",
        "Memory tier: size",
    },
    "upstreams": {
        "Attempts by outcome",
        "Attempt latency p99",
        "Retries",
        "Breakers",
        "Breaker changes",
        "Bulkhead use",
    },
    "services": {
        "Service request rate",
        "Service error ratio",
        "Service latency p95",
        "Targets",
        "Versions",
        "Versions over time",
        "Process CPU",
        "Event loop lag",
    },
    "redis": {"Redis memory", "Redis connections", "Redis hit ratio", "Redis hits and misses", "Redis commands"},
    "host": {"CPU", "Memory", "Disk", "Network"},
}
"""What must be watched: panels by the file of their dashboard."""

Place = tuple[int, int, int, int]
"""Left, top, right, bottom; right and bottom are the first cells outside."""


@pytest.fixture(params=definitions.DASHBOARD_FILES, ids=lambda file: file.name)
def board(request: pytest.FixtureRequest) -> Json:
    """Each dashboard in turn."""
    file: Path = request.param
    return definitions.dashboard(file)


def _place(panel: Json) -> Place:
    at = panel["gridPos"]
    return at["x"], at["y"], at["x"] + at["w"], at["y"] + at["h"]


def _overlap(one: Place, other: Place) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _panels(board: Json) -> dict[str, Json]:
    return {panel["title"]: panel for panel in drawn_panels(board)}


def test_the_dashboards_are_there() -> None:
    """Each subject has a file, and its title tells which."""
    titles = {file.stem: definitions.dashboard(file)["title"] for file in definitions.DASHBOARD_FILES}
    assert titles == {
        "gateway": "Gateway",
        "edge": "Edge",
        "cache": "Cache",
        "upstreams": "Upstreams",
        "services": "Services",
        "redis": "Redis",
        "host": "Host",
    }


@pytest.mark.parametrize(("file", "titles"), _WANTED.items())
def test_what_must_be_watched_is_shown(file: str, titles: set[str]) -> None:
    """Every panel that an operator was promised is on its dashboard."""
    assert titles - _panels(definitions.dashboard(_DASHBOARDS / f"{file}.json")).keys() == set()


def test_uids_are_fixed_and_unique() -> None:
    """Links to a dashboard survive a new installation: each has a uid of its own and no number of a database."""
    boards = [definitions.dashboard(file) for file in definitions.DASHBOARD_FILES]
    assert all(board.get("id") is None and board["uid"] for board in boards)
    assert len({board["uid"] for board in boards}) == len(boards)


def test_the_schema_is_current(board: Json) -> None:
    """Grafana 11 or newer wrote such files: nothing is left for it to migrate but what came later."""
    assert board["schemaVersion"] >= 39


def test_only_panels_that_current_grafana_draws(board: Json) -> None:
    """No panel has a type that Grafana 11 dropped."""
    assert {panel["type"] for panel in board["panels"]} <= _DRAWN_TYPES | {"row"}
    assert {panel["type"] for panel in drawn_panels(board)} <= _DRAWN_TYPES


def test_panel_ids_are_unique(board: Json) -> None:
    """Every panel, rows and what they hold included, can be linked to by its number."""
    ids = [panel["id"] for panel in board["panels"] if panel["type"] == "row"]
    ids += [panel["id"] for panel in drawn_panels(board)]
    assert len(set(ids)) == len(ids)


def test_panels_do_not_overlap(board: Json) -> None:
    """No panel covers another or leaves the grid."""
    places = [(panel["title"], _place(panel)) for panel in board["panels"]]
    assert [pair for pair in combinations(places, 2) if _overlap(pair[0][1], pair[1][1])] == []
    assert [title for title, place in places if place[0] < 0 or place[2] > _COLUMNS] == []


def test_rows_are_full(board: Json) -> None:
    """No row leaves a hole at its right end: the panels that begin at one height fill the width."""
    widths: dict[int, int] = {}
    for panel in board["panels"]:
        at = panel["gridPos"]
        widths[at["y"]] = widths.get(at["y"], 0) + at["w"]
    assert {y: width for y, width in widths.items() if width != _COLUMNS} == {}


def test_titles_tell_panels_apart(board: Json) -> None:
    """No two panels have the same title."""
    titles = [panel["title"] for panel in board["panels"]]
    assert len(set(titles)) == len(titles)


def test_panels_explain_themselves(board: Json) -> None:
    """Each panel has a description in whole sentences and a unit that Grafana knows."""
    for panel in drawn_panels(board):
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS, panel["title"]


def test_everything_asks_the_provisioned_data_source(board: Json) -> None:
    """Panels, queries, variables and annotations name the data source that is provisioned."""
    asking = [*drawn_panels(board), *board["templating"]["list"], *board["annotations"]["list"]]
    asking += [target for panel in drawn_panels(board) for target in panel["targets"]]
    assert [item for item in asking if item["datasource"] != _SOURCE] == []


def test_panels_have_their_queries(board: Json) -> None:
    """Each panel asks something, under a letter and a legend of its own, in PromQL that names its metrics."""
    for panel in drawn_panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        assert letters, panel["title"]
        assert len(set(letters)) == len(letters), panel["title"]
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert all(legends), panel["title"]
        assert len(set(legends)) == len(legends), panel["title"]
        assert all("__name__" not in target["expr"] for target in panel["targets"]), panel["title"]


def test_thresholds_rise(board: Json) -> None:
    """Every panel has steps of colour, which start at minus infinity (null) and rise from there."""
    for panel in drawn_panels(board):
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        values = [step["value"] for step in steps]
        assert values[0] is None, panel["title"]
        assert values[1:] == sorted(values[1:]), panel["title"]


def test_variables_in_queries_exist(board: Json) -> None:
    """A query uses no variable but the dashboard's own and Grafana's built-in ones, and each own one is used."""
    own = {variable["name"] for variable in board["templating"]["list"]}
    text = " ".join(expression for _, expression in definitions.queries(board))
    for name in (*own, "__rate_interval"):
        assert f"${name}" in text
        text = text.replace(f"${name}", "")
    assert "$" not in text.replace("$__range", "")


def test_what_is_watched_can_be_chosen(board: Json) -> None:
    """Each dashboard can be narrowed down to instances, those about services to services, and begins with all."""
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    about_services = board["title"] in {"Gateway", "Upstreams", "Services"}
    assert set(variables) == ({"instance", "service"} if about_services else {"instance"})
    for variable in variables.values():
        assert variable["includeAll"]
        assert variable["multi"]
        assert variable["current"]["value"] == ["$__all"]


def test_restarts_deploys_and_changes_of_breakers_are_marked(board: Json) -> None:
    """Whoever looks for the cause of a change in a line sees what else changed at that moment."""
    notes = {note["name"]: note for note in board["annotations"]["list"]}
    assert {"Alerts", "Restarts", "New versions", "Breaker changes"} <= notes.keys()
    assert all(note["enable"] for note in notes.values())


def test_dashboards_lead_to_each_other(board: Json) -> None:
    """From each dashboard every other one is a click away, for the same range of time, and so is a page to read."""
    others = {definitions.dashboard(file)["uid"] for file in definitions.DASHBOARD_FILES} - {board["uid"]}
    linked = [link for link in board["links"] if link["url"].startswith("/d/")]
    assert {link["url"].removeprefix("/d/") for link in linked} == others
    assert all(link["keepTime"] for link in linked)
    assert [link["title"] for link in board["links"] if link not in linked] == ["Runbook"]


def test_choices_go_along_where_they_mean_the_same(board: Json) -> None:
    """A link passes on what was chosen, where the other dashboard chooses from the same: never a host as a gateway."""
    sources = {
        other["uid"]: [(variable["name"], variable["definition"]) for variable in other["templating"]["list"]]
        for other in map(definitions.dashboard, definitions.DASHBOARD_FILES)
    }
    for link in board["links"]:
        if link["includeVars"]:
            theirs = dict(sources[link["url"].removeprefix("/d/")])
            assert all(theirs.get(name, definition) == definition for name, definition in sources[board["uid"]]), link


def test_no_panel_leads_to_where_it_is(board: Json) -> None:
    """A panel that stands on two dashboards links to the other one only."""
    urls = {link["url"] for panel in drawn_panels(board) for link in panel["links"]}
    assert f"/d/{board['uid']}" not in urls


def test_links_lead_somewhere(board: Json) -> None:
    """Each link, of a dashboard or a panel, leads to a dashboard that exists or to a page of the documentation."""
    uids = {definitions.dashboard(file)["uid"] for file in definitions.DASHBOARD_FILES}
    for link in [*board["links"], *(link for panel in drawn_panels(board) for link in panel["links"])]:
        dashboard, page = link["url"].removeprefix("/d/"), link["url"].removeprefix(f"{links.DOCS}/")
        assert dashboard in uids or (definitions.ROOT / "docs" / page).is_file(), link


def test_alerts_in_a_table_lead_to_their_runbooks() -> None:
    """The name of an alert that fires is a link to what to do, on the dashboard that is looked at first."""
    panel = _panels(definitions.dashboard(_DASHBOARDS / "gateway.json"))["Alerts"]
    (override,) = panel["fieldConfig"]["overrides"]
    assert override["matcher"] == {"id": "byName", "options": "Alertname"}
    (found,) = override["properties"]
    (link,) = found["value"]
    assert link["url"] == f"{links.DOCS}/runbooks/${{__value.raw}}.md"
    assert all(
        (definitions.ROOT / "docs" / "runbooks" / f"{rule['alert']}.md").is_file() for rule in definitions.alerts()
    )


def test_alerts_that_panels_name_exist(board: Json) -> None:
    """No panel links to the runbook of an alert that there is no rule for."""
    alerts = {rule["alert"] for rule in definitions.alerts()}
    titles = {link["title"] for panel in drawn_panels(board) for link in panel["links"]}
    assert {title for title in titles if title.startswith("Runbook of ")} <= {f"Runbook of {name}" for name in alerts}

"""The dashboards, read as data: that current Grafana draws them and that a reader understands them."""

from itertools import combinations
from pathlib import Path

import pytest

from tests.monitoring import definitions
from tests.monitoring.definitions import Json, drawn_panels

_DRAWN_TYPES = {"bargauge", "gauge", "heatmap", "piechart", "stat", "state-timeline", "table", "text", "timeseries"}
_UNITS = {"Bps", "bytes", "cps", "none", "ops", "percentunit", "reqps", "s", "short"}
_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_COLUMNS = 24

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


def test_there_is_a_dashboard() -> None:
    """The gateway's dashboard is among the files."""
    assert "gateway.json" in {file.name for file in definitions.DASHBOARD_FILES}


def test_uids_are_fixed_and_unique() -> None:
    """Links to a dashboard survive a new installation: each has a uid of its own and no number of a database."""
    boards = [definitions.dashboard(file) for file in definitions.DASHBOARD_FILES]
    assert all(board["id"] is None and board["uid"] for board in boards)
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


def test_titles_tell_panels_apart(board: Json) -> None:
    """No two panels have the same title."""
    titles = [panel["title"] for panel in board["panels"]]
    assert len(set(titles)) == len(titles)


def test_panels_explain_themselves(board: Json) -> None:
    """Each panel has a description in whole sentences and a unit that Grafana knows."""
    for panel in drawn_panels(board):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS, panel["title"]


def test_everything_asks_the_provisioned_data_source(board: Json) -> None:
    """Panels, queries, variables and annotations name the data source that is provisioned."""
    asking = [*drawn_panels(board), *board["templating"]["list"], *board["annotations"]["list"]]
    asking += [target for panel in drawn_panels(board) for target in panel["targets"]]
    assert [item for item in asking if item["datasource"] != _SOURCE] == []


def test_panels_have_their_queries(board: Json) -> None:
    """Each panel asks something, under a letter of its own, in PromQL that names its metrics."""
    for panel in drawn_panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        assert letters, panel["title"]
        assert len(set(letters)) == len(letters), panel["title"]
        assert all("__name__" not in target["expr"] for target in panel["targets"]), panel["title"]


def test_thresholds_rise(board: Json) -> None:
    """Steps of colour start at minus infinity (null) and rise from there."""
    for panel in drawn_panels(board):
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {"steps": [{"value": None}]})["steps"]
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
    assert "$" not in text

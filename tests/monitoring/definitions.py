"""Reads the scrape configuration, the rules, their tests and the dashboards as plain data."""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
PROMETHEUS: Final = ROOT / "prometheus"
GRAFANA: Final = ROOT / "grafana"
CONFIG: Final = PROMETHEUS / "prometheus.yml"

RULE_FILES: Final = sorted(PROMETHEUS.glob("rules/*.yml"))
RULE_TEST_FILES: Final = sorted(PROMETHEUS.glob("tests/*_test.yml"))
DASHBOARD_FILES: Final = sorted(GRAFANA.glob("dashboards/*.json"))

Json = dict[str, Any]
"""A JSON or YAML object."""


def yaml_of(file: Path) -> Json:
    """The one document in a YAML file, a copy of the caller's own."""
    return deepcopy(_parsed(file))


@cache
def _parsed(file: Path) -> Json:
    """Hundreds of tests ask for the same few files, which take a tenth of a second each."""
    document: Json = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def dashboard(file: Path) -> Json:
    """A dashboard as Grafana reads it."""
    document: Json = json.loads(file.read_text(encoding="utf-8"))
    return document


def rules() -> list[Json]:
    """Every recording and alerting rule."""
    return [rule for file in RULE_FILES for group in yaml_of(file)["groups"] for rule in group["rules"]]


def alerts() -> list[Json]:
    """Every alerting rule."""
    return [rule for rule in rules() if "alert" in rule]


def recorded_names() -> set[str]:
    """The metric names that recording rules make."""
    return {rule["record"] for rule in rules() if "record" in rule}


def drawn_panels(board: Json) -> Iterator[Json]:
    """The panels of a dashboard that draw something: rows apart, the content of collapsed rows included."""
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def queries(board: Json) -> list[tuple[str, str]]:
    """Name (panel title and letter) and expression of every query of a dashboard."""
    return [
        (f"{panel['title']} {target['refId']}", target["expr"])
        for panel in drawn_panels(board)
        for target in panel["targets"]
    ]

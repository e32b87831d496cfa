"""Each alert has a page that tells what to do, and what the pages and the documentation say of alerts is true."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.monitoring import definitions, runbooks
from tests.monitoring.definitions import ROOT, yaml_of
from tests.monitoring.test_metric_names import unknown

_SECTIONS = ["What it means", "What users see", "Look first", "Mend", "Escalate"]
_SCRIPT = "./start_with_monitoring.sh"

_pages = pytest.mark.parametrize("page", runbooks.PAGES, ids=lambda page: page.stem)


@pytest.mark.parametrize("alert", definitions.alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_leads_to_its_runbook(alert: definitions.Json) -> None:
    """The annotation names the page of the alert's own name, from the root of the repository."""
    named = alert["annotations"]["runbook_url"]
    assert named == f"docs/runbooks/{alert['alert']}.md"
    assert (ROOT / named).is_file()


def test_every_runbook_belongs_to_an_alert() -> None:
    """No page is left of an alert that is gone."""
    assert {page.stem for page in runbooks.PAGES} == {alert["alert"] for alert in definitions.alerts()}
    assert {file.suffix for file in runbooks.FOLDER.iterdir()} == {".md"}


@_pages
def test_runbooks_have_one_form(page: Path) -> None:
    """The title is the alert's name, and the same five sections follow, none of them empty."""
    assert page.read_text().startswith(f"# {page.stem}\n")
    found = runbooks.sections(page)
    assert list(found) == _SECTIONS
    assert all(found.values())


@_pages
def test_runbooks_ask_for_metrics_that_exist(page: Path) -> None:
    """There is a query on each page, and only for existing metrics."""
    asked = runbooks.queries(page)
    assert asked
    assert {query: unknown(query) for query in asked if unknown(query)} == {}


@_pages
def test_commands_of_runbooks_can_be_read_by_a_shell(page: Path) -> None:
    """What is in a block of commands is a script without a mistake in its form."""
    done = subprocess.run(
        ["bash", "-n"], input=runbooks.commands(page), capture_output=True, text=True, timeout=10, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@_pages
def test_commands_of_runbooks_name_what_there_is(page: Path) -> None:
    """Components, options of the start script, logs and ports are those of this project."""
    text = page.read_text()
    components = set(yaml_of(ROOT / "docker-compose.yml")["services"])
    named = re.findall(rf"{re.escape(_SCRIPT)} (?:--(?:start|stop)) ([a-z-]+)", text)
    named += re.findall(r"\.run/([a-z-]+)\.log", text)
    named += re.findall(r"docker compose exec ([a-z-]+)", text)
    named += re.findall(r"docker compose logs(?: --\S+)* ([a-z-]+)", text)
    assert set(named) <= components
    options = set(re.findall(rf"{re.escape(_SCRIPT)} (--[a-z]+)", text))
    assert options <= {"--status", "--start", "--stop"}
    assert set(re.findall(r"localhost:(\d+)", text)) <= {"8000", "8001", "8002", "8003", "9090"}


@_pages
def test_runbooks_look_for_log_lines_that_are_written(page: Path) -> None:
    """An event that is searched for in a log stands in the code."""
    code = "\n".join(
        file.read_text() for folder in ("bff", "services", "shared") for file in (ROOT / folder).rglob("*.py")
    )
    for searched in re.findall(r'"event":"([^"]+)"', page.read_text()):
        before, _, choice = searched.partition("(")
        events = [before + end for end in choice.rstrip(")").split("|")]
        assert [event for event in events if f'"{event}"' not in code] == []


def test_the_documentation_lists_every_alert() -> None:
    """The table on the monitoring page has each alert with its severities, and leads to its runbook."""
    text = (ROOT / "docs" / "monitoring.md").read_text()
    listed = re.findall(r"^\| \[`(\w+)`\]\(runbooks/(\w+)\.md\) \| ([\w, ]+) \|", text, re.MULTILINE)
    severities: dict[str, list[str]] = {}
    for alert in definitions.alerts():
        severities.setdefault(alert["alert"], []).append(alert["labels"]["severity"])
    assert sorted(listed) == sorted((name, name, ", ".join(found)) for name, found in severities.items())

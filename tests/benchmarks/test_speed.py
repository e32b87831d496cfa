"""``python -m benchmarks.speed``: a scenario from end to end, wrong usage, and what cannot be measured."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.speed.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


def _run(*arguments: str | Path, path: str | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", *arguments],
        cwd=ROOT,
        env=None if path is None else {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.wrk
def test_a_scenario_is_measured_beside_its_floor(tmp_path: Path) -> None:
    """Right answers before the load and under it; tables, plot and figures are written."""
    table, plot, figures = tmp_path / "table.md", tmp_path / "plot.svg", tmp_path / "figures.json"
    done = _run("--short", "--only", "hit", "--markdown", table, "--plot", plot, "--json", figures)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["[1/1] hit", "[1/1] bare"]
    assert table.read_text().strip() == done.stdout.strip()
    head, _, *rows = table.read_text().split("\n\n")[0].splitlines()
    assert [row.split("|")[1].strip() for row in rows] == ["`hit`", "`bare`"]
    assert {row.count("|") for row in (head, *rows)} == {head.count("|")}
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")  # noqa: S314 - we have just written it
    hit, bare = json.loads(figures.read_text())["scenarios"]
    assert (hit["errors"], bare["errors"]) == (0, 0)
    assert hit["rate"] > 0
    assert hit["cpu"] > 0
    assert hit["of_floor"] == pytest.approx(hit["rate"] / bare["rate"])


@pytest.mark.wrk
def test_tokens_quotas_and_proxies_get_the_answers_that_they_should(tmp_path: Path) -> None:
    """Everything on, one client and many, and what is refused: no answer of another size or status."""
    figures = tmp_path / "figures.json"
    wanted = ("hit-guarded", "hit-proxied", "refused")
    done = _run("--short", "--json", figures, *(part for name in wanted for part in ("--only", name)))
    assert done.returncode == 0, done.stderr
    scenarios = {one["name"]: one for one in json.loads(figures.read_text())["scenarios"]}
    assert {name: scenarios[name]["errors"] for name in wanted} == dict.fromkeys(wanted, 0)
    assert all(scenarios[name]["of_floor_cpu"] > 0 for name in wanted)


def test_without_wrk_it_says_what_to_install(tmp_path: Path) -> None:
    """Nothing is started, and the message names the Debian package."""
    done = _run("--only", "hit", path=str(tmp_path))
    assert done.returncode == 3
    assert "apt install wrk" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--only", "nothing"), "invalid choice"),
        (("--rounds", "0"), "whole number above 0"),
        (("--seconds", "0.5"), "whole number above 0"),
        (("--plot", "/nowhere/plot.svg"), "cannot be written"),
    ],
)
def test_wrong_usage_is_refused(arguments: tuple[str, ...], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and a sentence that says what was expected."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert what in capsys.readouterr().err

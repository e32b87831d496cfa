"""The capacity report: what workers give, what a user takes, what costs are found; and a short run of it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scale.check import Point
from benchmarks.scale.inputs import COSTS, Inputs
from benchmarks.scale.plan import Plan as Needed
from benchmarks.speed.capacity import prices, report
from benchmarks.speed.capacity.memory import fitted
from benchmarks.speed.capacity.run import Plan, Results
from benchmarks.speed.capacity.workers import scenarios, yields
from benchmarks.speed.measurement import Measurement
from benchmarks.speed.rows import Row, rows

ROOT = Path(__file__).resolve().parents[2]
QUIET = Measurement(
    rate=1000.0, p50=0.001, p99=0.002, cpu=0.0001, calls=0.0, memory=50.0, errors=0, busy=0.99, others=0.0,
    load_full=False, shared=False,
)  # fmt: skip
SHARES = {"memory": 0.5, "redis": 0.2, "loads": 0.3, "early": 0.1, "user": 0.35, "orders": 0.35, "products": 0.1}
SHARES |= {"commands": 5.0, "changes": 2.0, "expired": 1.0, "aggregates": 10.0}


def _rows(cpus: dict[str, float], numbers: tuple[int, ...] = (1, 2, 4)) -> dict[str, Row]:
    known = [*(one for number in numbers for one in scenarios(number, 0.1)), *prices.SCENARIOS]
    measured = {
        one.name: [replace(QUIET, cpu=cpus[one.name], calls=one.workload.calls)] for one in known if one.name in cpus
    }
    return {row.scenario.name: row for row in rows(known, measured)}


def test_a_worker_adds_what_all_give_together_beyond_those_before() -> None:
    """By processor time: what another one makes dearer for all is taken off."""
    cpus = {"hit-zipf-1": 1e-5, "mixed-1": 5e-5, "hit-zipf-2": 1.1e-5, "mixed-2": 6.25e-5}
    one, two, four = yields((1, 2, 4), _rows({**cpus, "hit-zipf-4": 1.2e-5, "mixed-4": 8e-5}))
    assert [round(each.rate) for each in (one, two, four)] == [20_000, 32_000, 50_000]
    assert [round(each.added) for each in (one, two, four)] == [20_000, 12_000, 9_000]
    assert four.hit == 1.2e-5


@given(
    user=st.floats(100, 1e5), base=st.floats(0, 1e9), numbers=st.lists(st.integers(0, 10**6), min_size=2, unique=True)
)
def test_what_a_user_takes_is_the_slope(user: float, base: float, numbers: list[int]) -> None:
    """Of memory over users, whatever it is without any."""
    found = fitted([(number, (base + number * user) / 2**20) for number in numbers])
    assert found.user == pytest.approx(user, rel=1e-3, abs=1.0)
    assert found.base == pytest.approx(base, rel=1e-3, abs=1e5)
    assert found.entry == found.user / 3


def test_costs_are_those_of_this_machine() -> None:
    """Where they were measured; what is no cost is left out, and noise makes none negative."""
    measured = _rows({"hit-proxied": 2e-5, "cold-shared": 3e-4, "cold": 5e-4})
    found = prices.here(COSTS, measured, {"look": -3.0, "command": 5.0, "profile": 4e3, "heard": 1.0})
    assert (found.hit, found.reload, found.batch) == pytest.approx((20.0, 300.0, 200.0))
    assert (found.look, found.command, found.telling) == (0.0, 5.0, COSTS.telling)
    names = {name for name, _, before, now in prices.differing(found) if before != now}
    assert names == {"hit", "reload", "batch", "look", "command"}


def test_a_plan_goes_by_the_costs_that_it_is_given() -> None:
    """Twice as dear is twice as busy."""
    usual = Needed(Inputs(), SHARES, 4)
    dear = replace(usual, costs=replace(COSTS, **{name: 2 * value for name, value in vars(COSTS).items()}))
    for figure in ("busy", "redis_busy", "redis_bytes", "told_bytes", "hearing"):
        assert getattr(dear, figure) == pytest.approx(2 * getattr(usual, figure)), figure
    assert dear.calls == usual.calls


def _results(**changed: Any) -> tuple[Results, Plan]:
    points = [Point(name, share, share + 0.01, share - 0.05, share + 0.05) for name, share in SHARES.items()]
    measured = _rows({"hit-zipf-1": 1e-5, "mixed-1": 5e-5}, (1,))
    results = Results(
        rows=list(measured.values()),
        yields=yields((1,), measured),
        memory=fitted([(1000, 60.0), (2000, 68.0)]),
        costs=COSTS,
        trials={"2 processes": points},
        plans=[Needed(Inputs(users=1000, peak=6.0), SHARES, 2)],
    )
    plan = Plan((1,), 0.1, (1000, 2000), [Inputs(users=1000, peak=6.0)], (), 1, 1, 32, 0)
    return replace(results, **changed), plan


def test_the_report_has_every_figure() -> None:
    """What a worker gives, what a user takes, what was simulated and measured, what is needed and assumed."""
    results, plan = _results()
    said = report.markdown(results, plan, "a machine")
    assert "| 1 | 10.0 | 50.0 | 20,000 | 20,000 |  |" in said
    assert "A user in the cache takes 8.2 KiB of a worker, 2,796 bytes for each of 3 entries; without any" in said
    assert "| hit ratio | 0.700 | 0.720 | +0.020 |" in said
    assert "| users a day | 1,000 | known |" in said
    assert "| `--peak` | 6.0 |" in said
    assert "The model holds." in said
    document = json.loads(report.as_json(results, plan, "a machine"))
    (needed,) = document["plans"]
    assert (needed["users"], needed["workers"], needed["hit_ratio"]) == (1000, 2, pytest.approx(0.7))
    assert needed["calls"]["user"] == pytest.approx(0.35 * needed["rate"])


def test_a_model_that_is_wrong_is_said_to_be() -> None:
    """One figure beyond its bounds is enough; without a trial nothing is claimed."""
    wrong = Point("loads", 0.3, 0.4, 0.25, 0.35)
    results, plan = _results()
    points = [wrong if point.says == "loads" else point for point in results.trials["2 processes"]]
    results = replace(results, trials={"2 processes": points})
    assert not report.holds(results)
    assert "The model does NOT hold." in report.markdown(results, plan, "a machine")
    untried, plan = _results(trials={})
    assert "was not held against a real run" in report.markdown(untried, plan, "a machine")


@pytest.mark.wrk
def test_a_capacity_is_reported(tmp_path: Path) -> None:
    """Right answers, memory of some users, a plan by other assumptions; plot and figures are written."""
    drawn, told = tmp_path / "plot.svg", tmp_path / "figures.json"
    wanted = ("--short", "--assume", "users=2000", "--assume", "peak=2", "--plot", str(drawn), "--json", str(told))
    command = [sys.executable, "-m", "benchmarks.speed", "--capacity", *wanted]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| users a day | 2,000 | known |" in done.stdout
    assert drawn.read_text().count("<rect") == 3
    assert ElementTree.parse(drawn).getroot().tag.endswith("svg")  # noqa: S314 - we have just written it
    document = json.loads(told.read_text())
    assert [one["workers"] for one in document["workers"]] == [1]
    assert document["workers"][0]["hit"] > 0
    assert len(document["memory"]["measured"]) == 3
    assert document["plans"][0]["rate"] == pytest.approx(2000 * 30 * 2 / 86_400)

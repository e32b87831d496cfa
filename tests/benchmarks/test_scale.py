"""The model of growth: the law of the cache against what is known without it, the page, and a real run."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from math import exp
from pathlib import Path
from statistics import mean
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale import plan, plot, report
from benchmarks.scale.check import compared, priced
from benchmarks.scale.inputs import COSTS, Inputs, costs
from benchmarks.scale.law import Law
from benchmarks.scale.plan import simulated
from benchmarks.scale.traffic import Request, traffic, zipf

ROOT = Path(__file__).resolve().parents[2]


def _catalogue(rate: float, subjects: int, exponent: float, **others: Any) -> Inputs:
    """So many requests a second, all of them for a catalogue without products."""
    one_each = Inputs(users=86_400, sessions=1.0, requests=1.0, personal=0.0, basket=0, stale=0.0)
    return replace(one_each, peak=rate, subjects=subjects, exponent=exponent, **others)


def _seen(inputs: Inputs, processes: int, warm: float, seconds: float) -> Counter[str]:
    return Law(inputs, processes).seen_after(warm, traffic(inputs, processes, warm + seconds))


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("asked", [0.3, 1.0, 3.0, 10.0])
def test_lives_follow_the_renewal_equation(asked: float, processes: int) -> None:
    """Of something that is asked for so often in a life, on average; through Redis, however many processes there are.

    A life ends with the first request in its last fifth, which is an early refresh, or after it, which is a load.
    """
    subjects, ttl = 200, 10.0
    inputs = _catalogue(asked * subjects / ttl, subjects, 0.0, ttl=ttl)
    seen = _seen(inputs, processes, 3 * ttl, 40_000 / inputs.rate)
    lives = [asked * (1 - 0.05 * (part + 0.5) / 100) for part in range(100)]
    requests = mean(1 + 0.8 * life for life in lives)
    late = mean(exp(-0.2 * life) for life in lives)
    assert seen["loads"] / seen["requests"] == pytest.approx(late / requests, abs=0.01)
    assert seen["early"] / seen["requests"] == pytest.approx((1 - late) / requests, abs=0.01)


@pytest.mark.parametrize("exponent", [0.7, 1.0])
@pytest.mark.parametrize("capacity", [50, 200, 800])
def test_memory_is_the_lru_of_ches_approximation(capacity: int, exponent: float) -> None:
    """Where nothing expires, a thing is there while it was asked for within the time in which as many others were.

    Che, Tung and Wang, Hierarchical Web Caching Systems (IEEE JSAC 20, 2002).
    """
    subjects, rate = 2_000, 100.0
    seen = _seen(_catalogue(rate, subjects, exponent, ttl=86_400.0, entries=capacity), 1, 600, 400)
    popularity = zipf(subjects, exponent)
    each = [rank**-exponent / popularity[-1] * rate for rank in range(1, subjects + 1)]
    least, most = 0.0, 1e6
    while most - least > 1e-3:
        time = (least + most) / 2
        least, most = (time, most) if sum(1 - exp(-one * time) for one in each) < capacity else (least, time)
    hits = sum(one / rate * (1 - exp(-one * least)) for one in each)
    assert seen["memory"] / seen["requests"] == pytest.approx(hits, abs=0.015)


@settings(max_examples=25, deadline=None)
@given(
    processes=st.integers(1, 4),
    products=st.sampled_from([0, 1, 8, 50]),
    personal=st.sampled_from([0.0, 0.5, 1.0]),
    affinity=st.sampled_from([0.0, 1.0]),
    entries=st.sampled_from([1, 20, 10_000]),
    writes=st.sampled_from([0.0, 20.0]),
)
def test_every_request_is_a_hit_or_a_load(
    *, processes: int, products: int, personal: float, affinity: float, entries: int, writes: float
) -> None:
    """Whatever is assumed; a load makes no more calls than there are parts, and stores nothing that it has not."""
    inputs = Inputs(
        users=50_000, products=products, personal=personal, affinity=affinity, entries=entries, writes=writes
    )
    seen = _seen(inputs, processes, 10, 10)
    loads = seen["loads"] + seen["early"]
    assert seen["memory"] + seen["redis"] + seen["loads"] == seen["requests"]
    assert max(seen["user"], seen["orders"], seen["products"]) <= loads <= seen["changes"]
    assert seen["commands"] >= 4 * loads + 3 * seen["redis"]


def test_users_who_stay_on_a_process_hit_its_memory() -> None:
    """While there is room for them, Redis is hardly asked for the answers of others."""
    inputs = Inputs(users=50_000, personal=1.0, affinity=1.0, entries=1_000_000, memory_mb=1e6)
    seen = _seen(inputs, 4, 45, 120)
    assert seen["redis"] == 0
    assert seen["memory"] > 0


def test_a_stamp_is_read_once_by_each_process() -> None:
    """Until its subject is purged, or more others are known than there is room for."""
    inputs = _catalogue(20.0, 5, 0.0, ttl=1.0)
    commands = [
        Law(inputs, 1, stamps=room).seen_after(0, traffic(inputs, 1, 100))["commands"] for room in (1_000, 5, 1)
    ]
    law = Law(inputs, 1)
    seen = law.seen_after(0, traffic(inputs, 1, 100))
    loads = seen["loads"] + seen["early"]
    assert seen["commands"] == commands[0] == commands[1] == 3 * loads + seen["changes"] + 5
    assert commands[2] > commands[0]
    law.ask(Request(100.0, 0, 0, after_write=False))
    before = law.seen["commands"]
    law.ask(Request(100.1, 0, 0, after_write=True))
    purge, lookup, release, stores, stamp = 9, 2, 1, 3, 1
    assert law.seen["commands"] - before == purge + lookup + release + stores + stamp


def test_a_write_costs_the_answer() -> None:
    """With a write before each request nothing is ever hit."""
    inputs = Inputs(users=50_000, personal=1.0, writes=30.0)
    seen = _seen(inputs, 2, 10, 10)
    assert seen["loads"] == seen["requests"]


def test_a_sample_behaves_as_the_whole() -> None:
    """A third of the users, with a third of everything else."""
    inputs = Inputs(users=750_000)
    seen = _seen(inputs, 3, 45, 60)
    sampled = simulated(inputs, 3)
    for name in ("memory", "redis", "loads", "early", "user", "products"):
        assert sampled[name] == pytest.approx(seen[name] / seen["requests"], abs=0.03), name


def test_the_page_has_what_the_model_says() -> None:
    """Every table, and the figure."""
    plans = [plan.plan(Inputs(users=users)) for users in report.SIZES]
    page = (ROOT / "docs/scaling.md").read_text()
    for table in report.everything(plans):
        assert table in page
    assert (ROOT / "docs/scaling.svg").read_text() == plot.svg(plans)
    assert ElementTree.fromstring(plot.svg(plans)).tag.endswith("svg")  # noqa: S314 - we have just made it


@pytest.mark.parametrize("users", [1_000, 5_000_000, 20_000_000])
def test_no_process_is_busier_than_it_may_be(users: int) -> None:
    """Nor is there one more than that needs, beyond the two that there are always."""
    made = plan.plan(Inputs(users=users))
    assert made.busy <= made.inputs.load
    assert made.processes == 2 or replace(made, processes=made.processes - 1).busy > made.inputs.load * 0.9


def test_being_told_grows_until_no_number_of_processes_is_enough() -> None:
    """Each bound comes with more users than a lower one, and what is already reached needs no more."""
    start = plan.plan(Inputs(users=5_000_000))
    assert plan.most_users(start, lambda one: one.hearing, start.hearing) == start.inputs.users
    assert plan.most_users(start, lambda one: one.hearing, 0.2) < plan.most_users(start, lambda one: one.hearing, 0.3)
    with pytest.raises(plan.TooMuch):
        plan.plan(Inputs(users=1_000_000_000))


def test_a_figure_that_is_far_from_the_models_is_noticed() -> None:
    """Of what is counted, and of what is measured."""
    counted = {"requests": 100, "memory": 50, "redis": 30, "loads": 20, "user": 20, "commands": 500}
    assert all(point.holds for point in compared(counted, counted))
    for name, other in (("memory", 60), ("user", 26), ("commands", 440)):
        assert [point.says for point in compared(counted, counted | {name: other}) if not point.holds] == [name]
    as_said = {cost.name: getattr(COSTS, cost.name) for cost in costs()} | {"heard": 1.0, "profile": 4_500.0}
    assert all(point.holds for point in priced(as_said))
    for name, far in (("heard", 2.0), ("profile", 6e3), ("user", COSTS.user * 1.2), ("command", COSTS.command * 3)):
        assert sum(not point.holds for point in priced(as_said | {name: far})) == 1


def _run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks.scale", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_size_of_ones_own_is_one_column(tmp_path: Path) -> None:
    """Every assumption may be another one."""
    drawn = tmp_path / "own.svg"
    done = _run("--users", "2000", "--gap", "5", "--products-ttl", "60", "--plot", drawn)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "| users a day | 2,000 | known |"
    assert drawn.read_text().count("<rect") == 3


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--users", "0"), "from 1 to 1,000,000,000"),
        (("--personal", "1.5"), "from 0 to 1"),
        (("--users", "nan"), "not 'nan'"),
        (("--gap", "nan"), "not 'nan'"),
        (("--users", "1000000000"), "no number of processes is enough"),
        (("--plot", "/nowhere/plot.svg"), "cannot be written"),
    ],
)
def test_wrong_usage_is_refused(arguments: tuple[str, ...], what: str) -> None:
    """Exit status 2, and a sentence that says what was expected."""
    done = _run(*arguments)
    assert done.returncode == 2
    assert what in done.stderr


def test_the_model_holds_in_a_real_run() -> None:
    """Two gateways, Redis and services are asked what the law is asked, and find the same."""
    done = _run("--check", "--short")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The model holds." in done.stdout
    assert done.stdout.count("  ok  ") == 9

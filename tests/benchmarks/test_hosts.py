"""What makes a run between hosts: the hosts, how calls are shared out, what is left out of times, and verdicts."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chaos.hosts.faults import FAULTS, MEASURES
from benchmarks.chaos.hosts.standstill import Standstills
from benchmarks.chaos.hosts.verdict import Counted, HostFigures, HostObjectives, host_figures
from benchmarks.chaos.load import Record
from benchmarks.chaos.measure import Figures, Stretch
from benchmarks.chaos.slo import HOSTS, objectives
from benchmarks.common.kinds import Kind
from tests.fixtures.processes import ROOT

_PR_CAPBSET_DROP = 24
_CAP_SYS_ADMIN = 21
EQUAL = {"users1": 1.0, "users2": 1.0, "users3": 1.0}
HEALTHY = Figures(
    requests=1000, available=1.0, shares={**dict.fromkeys(Kind, 0.0), Kind.COMPLETE: 1.0},
    p50=0.05, p99=0.1, slowest=0.2, calls=2.8, recover=0.0,
)  # fmt: skip
GOOD = HostFigures(common=HEALTHY, open_circuits=0, shares=EQUAL, left=0, stood_still=0.0)
STRICT = HostObjectives(
    available=1.0, degraded=0.001, failed=0.0, open_circuits=0, p99_factor=1.5, p99_seconds=1.0,
    recover_seconds=5.0, least_share=0.6, most_share=1.41, left_calls=0,
)  # fmt: skip


def _kinds(**shares: float) -> Figures:
    return replace(HEALTHY, shares={**HEALTHY.shares, **{Kind[name]: share for name, share in shares.items()}})


def test_a_good_run_breaks_nothing() -> None:
    """Figures that are those of the healthy system meet every objective."""
    assert list(STRICT.broken(GOOD, HEALTHY)) == []


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (replace(GOOD, common=replace(HEALTHY, available=0.99)), "available 99.00% < 100.00%"),
        (replace(GOOD, common=_kinds(STALE=0.001, PARTIAL=0.001)), "degraded 0.20% > 0.10%"),
        (replace(GOOD, common=_kinds(FAILED=0.01)), "failed 1.00% > 0.00%"),
        (replace(GOOD, open_circuits=1), "open circuits 1 > 0"),
        (replace(GOOD, common=replace(HEALTHY, p99=0.16)), "p99 over 0.100 s 1.60 > 1.50"),
        (replace(GOOD, common=replace(HEALTHY, recover=6.0)), "recover 6.0 s > 5.0 s"),
        (replace(GOOD, common=replace(HEALTHY, recover=None)), "never recovered"),
        (replace(GOOD, shares={**EQUAL, "users2": 0.59}), "share of users2 0.59 is not 0.6 to 1.41"),
        (replace(GOOD, shares={**EQUAL, "users3": 1.42}), "share of users3 1.42 is not 0.6 to 1.41"),
        (replace(GOOD, left=3), "calls of those that left 3 > 0"),
    ],
)
def test_what_does_not_hold_is_named(bad: HostFigures, complaint: str) -> None:
    """Each objective that is broken is told with the figure and the bound, and no other."""
    assert list(STRICT.broken(bad, HEALTHY)) == [complaint]


@pytest.mark.parametrize("short", [False, True])
def test_every_fault_has_objectives(short: bool) -> None:
    """The file has all bounds for all faults, and nothing that is called otherwise."""
    names = [fault.name for fault in (*MEASURES, *FAULTS)]
    assert list(objectives(HostObjectives, names, short=short, within=HOSTS)) == names
    with pytest.raises(ValueError, match="nothing is called dns-empty"):
        objectives(HostObjectives, [name for name in names if name != "dns-empty"], short=short, within=HOSTS)


def test_every_fault_is_measured_by_a_healthy_system_of_its_settings() -> None:
    """Gateways that were told something else are compared with themselves; those of one kind come together."""
    settings = [fault.settings for fault in FAULTS]
    assert all(any(measure.settings == wanted for measure in MEASURES) for wanted in settings)
    assert sum(one != other for one, other in pairwise(settings)) == len(MEASURES) - 1


def test_a_fault_has_a_form() -> None:
    """The short form is of the faults that have one; what is asked for on the command line comes before both."""
    (rolled,) = (fault for fault in FAULTS if fault.name == "rolled-haproxy-new")
    (killed,) = (fault for fault in FAULTS if fault.name == "killed")
    assert rolled.form(short=True, seconds=None).inject is rolled.short_inject
    assert rolled.form(short=False, seconds=None) == rolled
    assert killed.form(short=True, seconds=None) == killed
    assert killed.form(short=False, seconds=3.0).seconds == 3.0


@given(calls=st.lists(st.integers(0, 1000), min_size=4, max_size=4), away=st.integers(0, 3))
def test_shares_are_multiples_of_a_fair_one(calls: list[int], away: int) -> None:
    """Those of all members come to their number, whatever the others get; and that is counted by itself."""
    counted = {f"users{number}": number_of for number, number_of in enumerate(calls)}
    members = [name for name in counted if name != f"users{away}"]
    shared = Counted({**counted, "orders1": 7}, {"users": members, "orders": ["orders1"]})
    assert shared.left == calls[away]
    assert shared.shares()["orders1"] == 1.0
    whole = sum(counted[name] for name in members)
    assert sum(share for name, share in shared.shares().items() if name in members) == pytest.approx(
        3.0 if whole else 0.0
    )
    for name in members:
        assert shared.shares()[name] * whole == pytest.approx(counted[name] * 3)


def test_a_standstill_is_no_fault_of_the_system() -> None:
    """Requests on their way then are left out, whatever became of them; when all were, there is nothing better."""
    still = Standstills()
    still.spans = [(2.0, 3.0), (8.0, 8.5)]
    records = [
        Record(1.0, 0.5, Kind.COMPLETE),
        Record(1.9, 1.5, Kind.COMPLETE),
        Record(2.5, 0.6, Kind.PARTIAL, frozenset({"timeout"})),
        Record(2.6, 5.0, Kind.FAILED),
        Record(3.0, 0.2, Kind.PARTIAL, frozenset({"circuit_open", "timeout"})),
        Record(3.1, 0.1, Kind.COMPLETE),
    ]
    counted = Counted({"users1": 8}, {"users": ["users1"]})
    stretch = Stretch(records, begun=1.0, over=8.25, calls=8.0, recover=0.0)
    got = host_figures(stretch, counted, still)
    assert (got.common.requests, got.common.slowest, got.common.shares[Kind.FAILED]) == (3, 0.5, 0.0)
    assert (got.stood_still, got.open_circuits) == (1.25, 1)
    assert got.degraded == pytest.approx(1 / 3)
    assert got.common.calls == pytest.approx(8 / 6)
    assert host_figures(replace(stretch, records=records[1:3]), counted, still).common.requests == 2


def test_late_beats_are_standstills() -> None:
    """A little late is what any process is."""
    still = Standstills()
    for now in (1.0, 1.01, 1.1, 1.12, 1.5, 1.51, 2.7):
        still.beat(now)
    assert still.spans == [(1.12, 1.5), (1.51, 2.7)]


def test_hosts_reach_each_other_until_they_are_cut() -> None:
    """They call each other by their addresses, and find names with the server that was made known to all."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("only root may make hosts, with ip from Debian's package iproute2")
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.joined_hosts"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["10.77.0.11", "nobody", "10.77.0.11", "10.77.0.12", "10.77.0.12"]


def test_without_the_right_to_make_hosts_it_says_so() -> None:
    """The exit status is that of a system that cannot be brought to run."""
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_RIGHTS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "only root may" in done.stderr


_WITHOUT_RIGHTS = f"""
import ctypes, os, sys
ctypes.CDLL(None).prctl({_PR_CAPBSET_DROP}, {_CAP_SYS_ADMIN})
os.execv(sys.executable, [sys.executable, "-m", "benchmarks.chaos", "--hosts"])
"""

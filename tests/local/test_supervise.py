"""The supervisor as a process of its own, with components that do next to nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import commands, identity, options, supervisor, termination
from deploy.local.component import Absent, Component, Plan
from deploy.local.errors import Refused
from deploy.local.identity import Identity
from deploy.local.planning import LEFT_OUT
from deploy.local.run_directory import RunDirectory
from deploy.local.status import Phase
from tests.fixtures.processes import ROOT, wait_until
from tests.local.sessions import PATIENT

NAMES = ("redis", "api-gateway")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunDirectory]:
    """A running supervisor, in a directory with a space in its name."""
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    directory = RunDirectory(tmp_path / "run here")
    directory.path.mkdir()
    components = tuple(Component(name, "", "", (sys.executable, "-c", PATIENT), {}) for name in NAMES)
    supervisor.launch(directory, Plan(str(ROOT), components, (Absent("grafana", LEFT_OUT),), (), sys.executable))
    leaders = directory.leaders()
    wait_until(lambda: _all_run(directory), "not all run")
    leaders += directory.leaders()
    yield directory
    termination.terminate(leaders, grace=0)


def _all_run(run: RunDirectory) -> bool:
    return all((status := run.status(name)) is not None and status.phase is Phase.RUNNING for name in NAMES)


def _files(run: RunDirectory) -> set[str]:
    return {path.name for path in run.path.iterdir()}


def _gone(leaders: list[Identity]) -> bool:
    return not any(identity.session(leader) for leader in leaders)


LOGS = {"supervisor.log", *(f"{name}.log" for name in NAMES)}


def test_ended_it_leaves_logs_and_nothing_else(run: RunDirectory) -> None:
    """Processes and state of all components go with it."""
    leaders = run.leaders()
    assert len(leaders) == 1 + 2 * len(NAMES)
    supervisor.end(run)
    assert _gone(leaders)
    assert _files(run) == LOGS
    assert not supervisor.is_alive(run)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything(run: RunDirectory, number: signal.Signals) -> None:
    """Whoever ends the supervisor by hand has a clean machine as well."""
    leaders = run.leaders()
    os.kill(leaders[0].pid, number)
    wait_until(lambda: _gone(leaders), "something still runs")
    assert _files(run) == LOGS


def test_killed_it_takes_everything_with_it(run: RunDirectory) -> None:
    """Keepers notice, and what is left in the run directory is cleaned up by the next command."""
    leaders = run.leaders()
    os.kill(leaders[0].pid, signal.SIGKILL)
    wait_until(lambda: _gone(leaders), "something still runs")
    assert not supervisor.is_alive(run)
    supervisor.clear(run)
    assert _files(run) == LOGS


def test_killed_with_its_keepers_the_rest_is_found(run: RunDirectory) -> None:
    """Orphans are known by number and start, and ended."""
    leaders = run.leaders()
    children = [status.child for name in NAMES if (status := run.status(name)) is not None]
    for leader in leaders:
        if leader not in children:
            os.kill(leader.pid, signal.SIGKILL)
    assert supervisor.clear(run) >= len(NAMES)
    assert _gone(leaders)
    assert _files(run) == LOGS


def test_it_says_what_it_started(run: RunDirectory) -> None:
    """Each line has the component's name before it."""
    wait_until(lambda: "api-gateway started" in run.supervisor_log.read_text(), "nothing is said")
    supervisor.end(run)
    assert "Warning" not in run.supervisor_log.read_text()


def _command(run: RunDirectory, *words: str) -> int:
    return commands.run(options.parse([*words, "--run", str(run.path), "--script", "start"]))


def test_a_second_start_says_what_it_does_not_heed(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows what runs, as it was started, and changes nothing."""
    leaders = run.leaders()
    assert _command(run, "start", "--without", "redis", "--without", "grafana") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("It is running already.")
    assert [line for line in lines if "ignored" in line] == [
        "  --without redis is ignored: it runs. End it alone: start --stop redis"
    ]
    assert run.leaders() == leaders


def test_what_was_left_out_cannot_be_started_alone(run: RunDirectory) -> None:
    """The command is refused with the reason, and with how to have it."""
    with pytest.raises(Refused) as refused:
        _command(run, "start", "grafana")
    assert refused.value.lines[0] == "grafana does not run here: left out (--without)."
    assert "start --stop" in refused.value.lines[1]


def test_what_has_lost_its_plan_can_be_ended(run: RunDirectory) -> None:
    """Whoever is told to end it can do so."""
    leaders = run.leaders()
    run.plan_file.unlink()
    with pytest.raises(Refused, match=r"End it with start --stop$"):
        _command(run, "status")
    assert _command(run, "stop") == 0
    assert _gone(leaders)
    assert _files(run) == LOGS


def test_without_a_plan_it_does_not_start(tmp_path: Path) -> None:
    """The message names the file it looked for."""
    command = [sys.executable, "-m", "deploy.local.supervise", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, f"{tmp_path}/plan.json holds no plan.\n")

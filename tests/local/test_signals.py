"""Signals that ask a command to end."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import signals, supervisor
from deploy.local.component import Plan
from deploy.local.errors import Interrupted
from deploy.local.run_directory import RunDirectory

ENDED_WITH_US = """
import os, signal
os.kill(os.getppid(), signal.SIGTERM)
raise SystemExit(1)
"""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """This process keeps its own handlers; a test begins with none, although a run in the background ignores some."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in signals.ENDING}
    signals.install()
    yield
    for number, action in before.items():
        signal.signal(number, action)
    signals._came.clear()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_becomes_an_exception_with_its_exit_status(number: signal.Signals, status: int) -> None:
    """The shell learns what ended the command."""
    with pytest.raises(Interrupted) as interruption:
        signal.raise_signal(number)
    assert interruption.value.exit_status == status


def test_a_signal_that_was_swallowed_is_raised_at_the_next_check() -> None:
    """Python drops an exception that comes up in a finalizer."""
    signals.check()
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Interrupted):
        signals.check()


def test_a_deferred_signal_comes_afterwards() -> None:
    """What must not be cut in two is done first."""
    done: list[str] = []

    def work() -> None:
        with signals.deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("whole")

    with pytest.raises(Interrupted):
        work()
    assert done == ["whole"]


def test_ignored_signals_never_come() -> None:
    """Cleaning up is finished whatever happens meanwhile."""
    with signals.ignored():
        signal.raise_signal(signal.SIGINT)
    signals.check()


def test_what_was_ignored_on_purpose_stays_ignored() -> None:
    """A command under nohup outlives its terminal."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals.install()
    with signals.deferred():
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_supervisor_that_was_ended_by_the_signal_too_has_not_failed(tmp_path: Path) -> None:
    """A signal for the whole group may meet it before it has a session of its own."""
    module = tmp_path / "deploy" / "local" / "supervise.py"
    module.parent.mkdir(parents=True)
    module.write_text(ENDED_WITH_US)
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    with pytest.raises(Interrupted):
        supervisor.launch(run, Plan(str(tmp_path), ()))
    assert [path.name for path in run.path.iterdir()] == ["supervisor.log"]

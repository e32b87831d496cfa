"""A keeper as a process of its own, with a component that does next to nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import identity, termination
from deploy.local.component import Component, Plan
from deploy.local.keeper import _bound
from deploy.local.run_directory import RunDirectory
from deploy.local.status import Phase, Status
from tests.fixtures.processes import ROOT, wait_until
from tests.local.sessions import PARENT, PATIENT, known

NAME = "redis"


class Kept:
    """A keeper whose supervisor is this process.

    Args:
        path: The run directory.
        command: What it keeps.
    """

    def __init__(self, path: Path, *command: str) -> None:
        self.run = RunDirectory(path)
        self.run.write(self.run.plan_file, Plan(str(ROOT), (Component(NAME, "", "", command, {"WORD": "seen"}),)))
        self.run.write(self.run.supervisor_file, known(os.getpid()))
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "deploy.local.keeper", str(path), NAME, str(os.getpid())],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def status(self) -> Status:
        """What the keeper tells."""
        status = self.run.status(NAME)
        assert status is not None
        return status

    def has(self, phase: Phase) -> bool:
        """Tell whether the component is in that phase, with a process while it runs."""
        status = self.run.status(NAME)
        return status is not None and status.phase is phase and (status.child is None) is (phase is not Phase.RUNNING)

    def wait_for(self, phase: Phase) -> Status:
        """Wait for a phase."""
        wait_until(lambda: self.has(phase), f"it is never {phase}")
        return self.status()

    def ended(self) -> str:
        """Wait for the keeper's own end and return what it has said."""
        said, _ = self.process.communicate(timeout=20)
        assert self.process.returncode == 0
        return said


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """A keeper with a component that runs and has started another process."""
    keeper = Kept(tmp_path, sys.executable, "-c", PARENT, PATIENT)
    wait_until(lambda: keeper.run.log(NAME).exists() and keeper.run.log(NAME).read_bytes() != b"", "it never starts")
    keeper.wait_for(Phase.RUNNING)
    yield keeper
    termination.terminate(keeper.run.leaders()[1:], grace=0)
    keeper.process.kill()
    keeper.process.communicate()


def _grandchild(kept: Kept) -> identity.Identity:
    return known(int(kept.run.log(NAME).read_text()))


def test_asked_to_end_it_ends_after_its_component(kept: Kept) -> None:
    """No process and no status is left behind."""
    child, grandchild = kept.status().child, _grandchild(kept)
    kept.process.send_signal(signal.SIGTERM)
    kept.ended()
    assert child is not None
    assert not identity.alive(child)
    assert not identity.alive(grandchild)
    assert kept.run.status(NAME) is None


def test_it_ends_by_itself_when_nobody_supervises_it(kept: Kept) -> None:
    """A supervisor that was killed takes the system with it."""
    child = kept.status().child
    kept.run.supervisor_file.unlink()
    kept.ended()
    assert child is not None
    assert not identity.alive(child)


def test_a_component_that_dies_is_announced_and_its_rest_is_ended(kept: Kept) -> None:
    """What the dead process had started would otherwise hold its port."""
    child, grandchild = kept.status().child, _grandchild(kept)
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    status = kept.wait_for(Phase.PAUSING)
    assert (status.deaths, status.exit_status) == (1, -9)
    assert not identity.alive(grandchild)
    kept.process.send_signal(signal.SIGTERM)
    assert f"{NAME} ended (-9); it is started again in 5 s" in kept.ended()


def test_a_person_can_stop_and_start_it(kept: Kept) -> None:
    """It stays stopped while the file is there, and starts at once when it goes."""
    before = kept.status().child
    kept.run.hold(NAME).touch()
    assert kept.wait_for(Phase.HELD).deaths == 0
    kept.run.hold(NAME).unlink()
    after = kept.wait_for(Phase.RUNNING).child
    assert after not in {None, before}


def test_an_earlier_log_is_kept_once(tmp_path: Path) -> None:
    """What the last run wrote is still there after the next start."""
    (tmp_path / f"{NAME}.log").write_text("earlier")
    keeper = Kept(tmp_path, "/bin/sh", "-c", "echo $WORD; exit 7")
    status = keeper.wait_for(Phase.PAUSING)
    keeper.process.send_signal(signal.SIGTERM)
    keeper.ended()
    assert (tmp_path / f"{NAME}.log.1").read_text() == "earlier"
    assert (tmp_path / f"{NAME}.log").read_text() == "seen\n"
    assert status.exit_status == 7


def test_a_program_that_is_not_there_is_told_in_its_log(tmp_path: Path) -> None:
    """It counts as a death, and the reason stands where one looks for it."""
    keeper = Kept(tmp_path, "/nowhere/program")
    status = keeper.wait_for(Phase.PAUSING)
    keeper.process.send_signal(signal.SIGTERM)
    keeper.ended()
    assert (status.deaths, status.exit_status) == (1, 127)
    assert (tmp_path / f"{NAME}.log").read_text() == "/nowhere/program: No such file or directory\n"


def test_a_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    """Past its bound it is put aside, and whoever has it open goes on writing from its beginning."""
    log = tmp_path / "redis.log"
    with log.open("ab") as file:
        for words in (b"first", b"then", b"last"):
            file.write(words)
            file.flush()
            _bound(log, size=5)
    assert (log.read_bytes(), (tmp_path / "redis.log.1").read_bytes()) == (b"last", b"firstthen")

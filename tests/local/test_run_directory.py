"""The run directory."""

from pathlib import Path

import pytest

from deploy.local.component import Component, Plan
from deploy.local.errors import Refused
from deploy.local.identity import Identity
from deploy.local.run_directory import RunDirectory
from deploy.local.status import Phase, Status

PLAN = Plan("/somewhere", (Component("redis", "redis://x", "redis://x", ("redis-server",), {}),))
STATUS = Status(Identity(2, "b"), Phase.RUNNING, Identity(3, "c"))


def _filled(path: Path) -> RunDirectory:
    run = RunDirectory(path)
    run.write(run.plan_file, PLAN)
    run.write(run.supervisor_file, Identity(1, "a"))
    run.write(run.status_file("redis"), STATUS)
    run.hold("redis").touch()
    run.log("redis").write_text("log")
    run.derived.mkdir()
    (run.derived / "prometheus.yml").touch()
    return run


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Plan, supervisor and status come back as they were."""
    run = _filled(tmp_path)
    assert (run.plan(), run.supervisor(), run.status("redis")) == (PLAN, Identity(1, "a"), STATUS)


def test_every_recorded_process_is_a_leader(tmp_path: Path) -> None:
    """Supervisor, keeper and component: whatever may have to be ended."""
    assert _filled(tmp_path).leaders() == [Identity(1, "a"), Identity(2, "b"), Identity(3, "c")]


def test_a_damaged_file_reads_as_none(tmp_path: Path) -> None:
    """A full disk or a foreign hand does not stop the command that cleans up."""
    run = _filled(tmp_path)
    run.supervisor_file.write_text("{")
    assert run.supervisor() is None


def test_logs_alone_survive(tmp_path: Path) -> None:
    """After the end nothing says that anything runs."""
    _filled(tmp_path).forget()
    assert [path.name for path in tmp_path.iterdir()] == ["redis.log"]


def test_a_run_directory_that_cannot_be_written_to_is_refused() -> None:
    """Not even root makes files in /proc."""
    with pytest.raises(Refused, match="The run directory /proc/self cannot be used"):
        RunDirectory(Path("/proc/self")).require_writable()


def test_a_run_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file in its place is named."""
    place = tmp_path / "taken"
    place.touch()
    with pytest.raises(Refused, match=f"{place} cannot be used"), RunDirectory(place).locked():
        pass

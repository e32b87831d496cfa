"""What the system writes, others cannot read."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import data, permissions
from deploy.local.run_directory import RunDirectory
from tests.fixtures.processes import ROOT
from tests.local.test_run_directory import PLAN


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """What a shell begins with; it is put back."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _open_to_others(folder: Path) -> set[str]:
    """What others could get at in a folder, if they got into it."""
    return {path.name for path in folder.iterdir() if path.lstat().st_mode & 0o077 and not path.is_symlink()}


def test_new_files_and_folders_are_private(tmp_path: Path, usual_umask: None) -> None:
    """Whoever makes them, and however."""
    permissions.set_umask()
    run = RunDirectory(tmp_path / "run")
    with run.locked():
        run.write(run.plan_file, PLAN)
    data.prepare(tmp_path / "data", clean=False)
    subprocess.run([sys.executable, "-c", "open('child', 'w').close()"], cwd=tmp_path, check=True)
    assert _open_to_others(tmp_path) == set()
    assert _open_to_others(run.path) == set()


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o777, 0o604, 0o640])
def test_what_was_open_is_closed(tmp_path: Path, mode: int) -> None:
    """Files of an earlier version lose others' rights, and nothing that is not the system's is touched."""
    run = RunDirectory(tmp_path)
    for name in ("plan.json", "supervisor.log", "redis.log.1", "users.db", "orders.db-wal", "letter.txt"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    for name in ("derived", "grafana"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode | 0o100)
    (tmp_path / "products.db").symlink_to(tmp_path / "letter.txt")
    permissions.restrict(run.files())
    data.prepare(tmp_path, clean=False)
    assert _open_to_others(tmp_path) == {"letter.txt"}
    assert stat.S_IMODE((tmp_path / "letter.txt").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "plan.json").stat().st_mode) == mode & 0o700


def test_the_command_begins_privately(tmp_path: Path, usual_umask: None) -> None:
    """Even one that is refused leaves nothing that others could read."""
    command = [sys.executable, "-m", "deploy.local", "start", "--root", str(ROOT), "--script", "x"]
    (tmp_path / "data").touch()
    folders = ["--run", str(tmp_path / "run"), "--data", str(tmp_path / "data")]
    done = subprocess.run([*command, *folders], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stderr
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0

"""The virtual environment that a lock file describes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.processes import ROOT

SCRIPT = ROOT / "requirements" / "venv.sh"


def _run(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    variables = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, **environment}
    command = [str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def _program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return path


def _stub(path: Path) -> Path:
    """A Python that is found good, and makes no environment."""
    return _program(path, 'case "$*" in *ensurepip*) echo 3.11 /usr;; *venv*) echo no disk >&2; exit 1;; esac')


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock file that names no package, so that nothing is fetched."""
    path = tmp_path / "nothing.lock"
    path.touch()
    return path


@pytest.mark.timeout(300)
def test_it_is_made_once(tmp_path: Path, lock: Path) -> None:
    """A second run has nothing to do and says nothing; a changed lock file is installed, or the one to fall back on."""
    venv, impossible = tmp_path / "a place" / ".venv", tmp_path / "impossible.lock"
    first = _run(venv, lock)
    assert (first.returncode, first.stderr) == (0, "")
    assert "Packages of nothing.lock installed" in first.stdout
    second = _run(venv, lock)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    impossible.write_text("no name at all ==\n")
    fallen = _run(venv, impossible, lock)
    assert (fallen.returncode, fallen.stderr) == (0, "")
    assert (
        "impossible.lock cannot be installed here, so nothing.lock is taken:\nERROR: Invalid requirement"
        in fallen.stdout
    )
    assert _run(venv, impossible, lock).stdout == ""
    alone = _run(venv, impossible)
    assert alone.returncode == 1
    assert "could not be installed" in alone.stderr


def test_an_interrupted_one_is_made_anew(tmp_path: Path, lock: Path) -> None:
    """Half an environment is not mended but replaced; a failure to do so gives its reason."""
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / ".installing").touch()
    (venv / "bin" / "half").touch()
    done = _run(venv, lock, PYTHON=str(_stub(tmp_path / "python")))
    assert done.returncode == 1
    assert f"could not make a virtual environment in {venv}:\nno disk" in done.stderr
    assert not (venv / "bin").exists()


def test_a_directory_with_other_things_in_it_is_left_alone(tmp_path: Path, lock: Path) -> None:
    """Nothing is deleted that was not made here."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").touch()
    done = _run(tmp_path / "thesis", lock)
    assert done.returncode == 1
    assert "is not a virtual environment" in done.stderr
    assert (tmp_path / "thesis" / "chapter").exists()


def test_an_old_python_is_refused_with_its_version(tmp_path: Path, lock: Path) -> None:
    """The message tells what was found, what is needed and how to get it."""
    old = _program(tmp_path / "python", "echo 'it is Python 3.9, and 3.11 or newer is needed'", "exit 1")
    done = _run(tmp_path / ".venv", lock, PYTHON=str(old))
    assert done.returncode == 1
    assert f"{old}: it is Python 3.9, and 3.11 or newer is needed" in done.stderr
    assert "apt install python3" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_candidates_that_do_not_run_are_passed_over(tmp_path: Path, lock: Path) -> None:
    """A shim that exists and fails is no Python; the next one is taken."""
    programs = tmp_path / "bin"
    for name in ("python3.13", "python3.12"):
        _program(programs / name, "echo 'command not found' >&2", "exit 127")
    _stub(programs / "python3.11")
    done = _run(tmp_path / ".venv", lock, PATH=f"{programs}:/usr/bin:/bin", PYTHON="")
    assert done.stderr.startswith("python3.11 could not make")


def test_a_missing_lock_file_is_named(tmp_path: Path) -> None:
    """Before anything is made."""
    done = _run(tmp_path / ".venv", tmp_path / "none.lock")
    assert (done.returncode, done.stderr) == (1, f"The lock file {tmp_path}/none.lock cannot be read.\n")
    assert not (tmp_path / ".venv").exists()

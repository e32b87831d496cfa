"""Whoever reads what a program prints may stop before its end, as `head` does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.processes import ROOT
from tests.local.script import SCRIPT, environment

PROGRAMS = sorted(
    ".".join(file.parent.relative_to(ROOT).parts)
    for folder in ("bff", "services", "deploy", "benchmarks")
    for file in (ROOT / folder).rglob("__main__.py")
)
TALKING = """
from shared.broken_pipe import tolerate_broken_pipe
with tolerate_broken_pipe():
    for number in range(100_000):
        print(number)
"""
ANOTHER_PIPE = """
import os
from shared.broken_pipe import tolerate_broken_pipe
reading, writing = os.pipe()
os.close(reading)
with tolerate_broken_pipe():
    os.write(writing, b"unread")
"""


def _unread(*words: str | Path, errors_too: bool = False) -> tuple[int, str]:
    """Run a program whose reader has left: its exit status, and what it complains of."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*map(str, words)],
            cwd=ROOT,
            env=environment(PYTHONWARNINGS=""),
            stdout=writing,
            stderr=writing if errors_too else subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_may_be_left_unread(program: str) -> None:
    """Every program of the command line ends without a word, and well."""
    assert _unread(sys.executable, "-m", program, "--help") == (0, "")


@pytest.mark.parametrize("option", ["--check", "--version"])
def test_what_an_app_tells_of_itself_may_be_left_unread(option: str) -> None:
    """Settings and version."""
    assert _unread(sys.executable, "-m", "bff", option) == (0, "")


def test_nor_need_anybody_read_complaints(tmp_path: Path) -> None:
    """With both outputs in the same pipe the exit status is what it would have been."""
    assert _unread(sys.executable, "-m", "bff", "--check", errors_too=True)[0] == 0
    assert _unread(sys.executable, "-m", "deploy.local", "status", "--run", tmp_path, errors_too=True)[0] == 3


def test_the_start_script_says_nothing_of_a_reader_who_left(tmp_path: Path) -> None:
    """Neither bash nor Python complains."""
    assert _unread(SCRIPT, "--help")[1] == ""
    assert _unread(SCRIPT, "--local", "--status", "--run", tmp_path)[1] == ""
    assert _unread(sys.executable, "-m", "deploy.local", "status", "--run", tmp_path) == (3, "")


def test_what_is_never_read_is_not_printed_to_its_end() -> None:
    """A program with more to say than fits anywhere ends like one that SIGPIPE ends."""
    assert _unread(sys.executable, "-c", TALKING) == (141, "")


def test_another_pipe_is_another_matter() -> None:
    """A broken pipe that is not the reader's is told as ever."""
    done = subprocess.run([sys.executable, "-c", ANOTHER_PIPE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("BrokenPipeError: [Errno 32] Broken pipe\n")

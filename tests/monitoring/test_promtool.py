"""Prometheus' own judgement of its configuration, its rules and their unit tests.

Marked ``promtool``: these tests need that program on the PATH and fail without it.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.monitoring import definitions

pytestmark = pytest.mark.promtool


def _run_promtool(*arguments: object) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.fail("promtool is not on PATH: install it (Debian: prometheus), or deselect: -m 'not promtool'")
    done = subprocess.run([promtool, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_loads() -> None:
    """Prometheus accepts its configuration together with every rule file it names."""
    _run_promtool("check", "config", definitions.CONFIG)


def test_the_rules_are_sound() -> None:
    """Prometheus accepts every rule file and finds no rule twice."""
    _run_promtool("check", "rules", "--lint=all", "--lint-fatal", *definitions.RULE_FILES)


def test_the_rules_have_tests() -> None:
    """None of them has got lost on its way."""
    assert definitions.RULE_TEST_FILES


@pytest.mark.parametrize("file", definitions.RULE_TEST_FILES, ids=lambda file: file.name)
def test_the_rules_do_what_their_tests_say(file: Path) -> None:
    """Recorded values and firing alerts are those that the unit tests of the rules expect."""
    _run_promtool("test", "rules", file)

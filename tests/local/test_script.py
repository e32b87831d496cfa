"""What start_with_monitoring.sh makes of its words, and which of its two ways it takes."""

import subprocess
from pathlib import Path

import pytest

from tests.local.script import SCRIPT, Done, environment

# A docker that keeps one container in a file, and writes down what it is asked.
DOCKER = """#!/bin/sh
echo "$*" >>"$STATE/asked"
case "$*" in
    info) [ -z "$NO_ENGINE" ] || { echo "ERROR: Cannot connect to the Docker daemon" >&2; exit 1; } ;;
    *" up "*) touch "$STATE/up"; echo "up $COMPOSE_PROFILES" >>"$STATE/profiles" ;;
    "compose down"*) rm -f "$STATE/up"; echo "down $COMPOSE_PROFILES" >>"$STATE/profiles" ;;
    "compose ps "*) [ ! -e "$STATE/up" ] || echo c1 ;;
    inspect*) echo "api-gateway|running|${HEALTH:-healthy}|0|127.0.0.1:1 " ;;
esac
"""


class Machine:
    """A machine with that docker and nothing running.

    Args:
        folder: Where its state is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        programs = folder / "bin"
        programs.mkdir()
        (programs / "docker").write_text(DOCKER)
        (programs / "docker").chmod(0o755)
        self._path = f"{programs}:/usr/bin:/bin"

    def script(self, *arguments: str, **variables: str) -> Done:
        """Run the script to its end."""
        more = {"PATH": self._path, "STATE": str(self._folder), **variables}
        return subprocess.run(
            [str(SCRIPT), *arguments],
            cwd=self._folder,
            env=environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def asked(self) -> list[str]:
        """What docker was asked to do with containers."""
        asked = (self._folder / "asked").read_text().splitlines()
        return [line for line in asked if line.startswith(("compose up", "compose down", "compose stop"))]

    def profiles(self) -> list[str]:
        """Which profiles were in force when containers were started and ended."""
        return (self._folder / "profiles").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with a Docker engine."""
    return Machine(tmp_path)


def test_help_names_every_option(machine: Machine) -> None:
    """It goes to standard output, and asks nothing of the machine."""
    done = machine.script("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in (
        "--local",
        "--docker",
        "--detach",
        "--clean",
        "--demo",
        "--status",
        "--stop",
        "--start",
        "--without",
        "--data",
    ):
        assert f"  {option} " in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--unknown",),
        ("start",),
        ("--local", "--docker"),
        ("--docker", "--data", "somewhere"),
        ("--stop", "--status"),
        ("--stop", "--clean"),
        ("--stop", "--demo"),
        ("--start", "redis", "--demo"),
        ("--start",),
        ("--data",),
        ("--timeout", "soon"),
        ("--local", "--without", "api-gateway"),
        ("--local", "--without", "nonesuch"),
    ],
)
def test_words_that_make_no_sense_are_refused(machine: Machine, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Status 2 and a sentence; nothing has been started."""
    done = machine.script(*arguments, *(() if "--data" in arguments else ("--run", str(tmp_path / "run"))))
    assert done.returncode == 2
    assert done.stderr
    assert not (tmp_path / "run").exists()


def test_where_an_engine_answers_containers_are_started(machine: Machine) -> None:
    """Once healthy they are shown; afterwards they can be ended again."""
    started = machine.script("--detach")
    assert (started.returncode, started.stderr) == (0, "")
    assert "api-gateway       http://127.0.0.1:1        healthy" in started.stdout
    assert machine.script("--status").returncode == 0
    ended = machine.script("--stop")
    assert (ended.returncode, machine.script("--status").returncode) == (0, 3)
    assert machine.asked() == ["compose up --build --detach", "compose down"]


def test_the_demo_is_one_more_profile(machine: Machine) -> None:
    """It joins those that were chosen, sends in place of the first little traffic, and is ended with the rest."""
    started = machine.script("--docker", "--demo", "--detach", COMPOSE_PROFILES="alerting")
    assert (started.returncode, started.stderr) == (0, "")
    assert "Sending a little traffic" not in started.stdout
    assert "--stop demo" in started.stdout
    machine.script("--docker", "--stop", COMPOSE_PROFILES="alerting")
    assert machine.profiles() == ["up alerting,demo", "down alerting,demo"]


def test_without_the_demo_no_profile_is_added_to_a_start(machine: Machine) -> None:
    """Whatever ends it ends a demo as well."""
    assert machine.script("--docker", "--detach").returncode == 0
    machine.script("--docker", "--stop")
    assert machine.profiles() == ["up ", "down demo"]


def test_containers_that_stay_ill_are_ended(machine: Machine) -> None:
    """When time is up the log of what is not healthy is shown."""
    done = machine.script("--detach", "--timeout", "0", HEALTH="unhealthy")
    assert done.returncode == 1
    assert "api-gateway is not healthy: running unhealthy" in done.stdout
    assert machine.asked() == ["compose up --build --detach", "compose down"]


def test_one_container_can_be_stopped(machine: Machine) -> None:
    """The others go on; the way back is told."""
    done = machine.script("--docker", "--stop", "user-service")
    assert "--start user-service" in done.stdout
    assert machine.asked() == ["compose stop user-service"]


def test_without_an_engine_it_says_why_docker_was_refused(machine: Machine) -> None:
    """Whoever asked for containers gets the engine's own words."""
    done = machine.script("--docker", NO_ENGINE="yes")
    assert done.returncode == 1
    assert done.stderr == "No Docker engine answers: ERROR: Cannot connect to the Docker daemon.\n"


def test_without_an_engine_plain_processes_are_started(machine: Machine, tmp_path: Path) -> None:
    """The same words lead to the other way; here its first step is made to fail."""
    done = machine.script("--detach", NO_ENGINE="yes", VENV="nowhere")
    assert "Starting plain processes." in done.stdout
    assert done.stderr == "VENV=nowhere holds no virtual environment.\n"


def test_stopping_what_does_not_run_is_no_fault(machine: Machine, tmp_path: Path) -> None:
    """It is as one wished; asking how it is tells the difference."""
    words = ("--local", "--run", str(tmp_path / "run"))
    assert machine.script(*words, "--stop").returncode == 0
    assert machine.script(*words, "--status").returncode == 3
    assert machine.script(*words, "--start", "redis").returncode == 3

"""What start_with_monitoring.sh makes of its words, and which of its two ways it takes."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.local.script import SCRIPT, Done, environment

# A docker that keeps one container in a file, beside one that has done its work, and writes down what it is asked.
DOCKER = """#!/bin/sh
echo "$*" >>"$STATE/asked"
case "$*" in
    info) [ -z "$NO_ENGINE" ] || { echo "ERROR: Cannot connect to the Docker daemon" >&2; exit 1; } ;;
    *" up "*) touch "$STATE/up"; echo "up $COMPOSE_PROFILES" >>"$STATE/profiles" ;;
    "compose down"*) rm -f "$STATE/up"; echo "down $COMPOSE_PROFILES" >>"$STATE/profiles" ;;
    "compose ps "*) [ ! -e "$STATE/up" ] || echo c1 ;;
    inspect*)
        echo "api-gateway|running|${HEALTH:-healthy}|0|127.0.0.1:1 "
        echo "targets|exited ${TARGETS:-0}||0|"
        ;;
esac
"""


# All that the scripts may take for granted: of Debian's packages bash, coreutils, grep and sed.
ESSENTIAL = (
    "bash", "cat", "cut", "dirname", "grep", "head", "ls", "mkdir", "readlink", "rm", "sed", "sleep", "sort", "tail",
    "touch", "tr",
)  # fmt: skip


class Machine:
    """A machine with that docker, next to nothing else, and nothing running.

    Args:
        folder: Where its state is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        programs = folder / "bin"
        programs.mkdir()
        for name in ESSENTIAL:
            found = shutil.which(name)
            assert found is not None
            (programs / name).symlink_to(found)
        (programs / "docker").write_text(DOCKER)
        (programs / "docker").chmod(0o755)
        self._path = str(programs)

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
        "--auth",
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
        ("--stop", "--auth"),
        ("--start", "redis", "--auth"),
        ("--docker", "--auth"),
        ("--start", "redis", "--demo"),
        ("--start", "redis", "--without", "redis"),
        ("--stop", "--without", "redis"),
        ("--status", "--without", "redis"),
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


def test_a_container_that_was_to_end_has_to_end_well(machine: Machine) -> None:
    """It is shown no more then; one that could not do its work is told with the end of its log."""
    assert "targets" not in machine.script("--detach").stdout
    done = machine.script("--docker", "--detach", TARGETS="2")
    assert done.returncode == 1
    assert "targets is not healthy: exited . The end of its log:" in done.stdout


def test_one_container_can_be_stopped(machine: Machine) -> None:
    """The others go on; the way back is told."""
    done = machine.script("--docker", "--stop", "user-service")
    again = shlex.split(done.stdout.partition("Start it again: ")[2])
    assert again == [str(SCRIPT), "--docker", "--start", "user-service"]
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


def test_a_container_that_is_not_there_cannot_be_started(machine: Machine) -> None:
    """It was not started with the rest; the way to have it is told."""
    assert machine.script("--docker", "--demo", "--detach").returncode == 0
    done = machine.script("--docker", "--start", "alertmanager")
    assert done.returncode == 1
    assert done.stderr.startswith("alertmanager was not started with the rest.\n")
    assert shlex.split(done.stderr.rpartition(": ")[2]) == [str(SCRIPT), "--docker", "--stop"]


@pytest.mark.parametrize("words", [(), ("--docker",)])
@pytest.mark.parametrize("profiles", [(), ("COMPOSE_PROFILES=alerting",), ("COMPOSE_PROFILES=alerting,more",)])
def test_hints_about_containers_lead_to_the_same_ones(
    machine: Machine, profiles: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Each keeps what was said of profiles and of containers: else it would not end them all."""
    done = machine.script(*words, "--demo", "--detach", **dict(one.split("=") for one in profiles))
    hints = (line.partition(":  ")[2] for line in done.stdout.splitlines() if SCRIPT.name in line)
    shown = [shlex.split(hint) for hint in hints]
    asked = (["--stop", "user-service"], ["--stop", "demo"], ["--status"], ["--stop"])
    assert shown == [[*profiles, str(SCRIPT), *words, *one] for one in asked]


@pytest.mark.parametrize("folder", ["run", "run here", "it's\trun", "$(run)", "läuft"])
def test_hints_about_processes_keep_the_run_directory(machine: Machine, tmp_path: Path, folder: str) -> None:
    """What is to be typed later is quoted as it needs to be, wherever it is typed; here Python is one that tells."""
    program = tmp_path / "venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/bash\nwhile [[ $1 != --script ]]; do shift; done\nprintf "%s" "$2"\n')
    program.chmod(0o755)
    done = machine.script("--local", "--run", folder, VENV=str(tmp_path / "venv"))
    assert done.stderr == ""
    told = subprocess.run(["bash", "-c", f"printf '%s\\n' {done.stdout}"], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == [str(SCRIPT), "--run", str(tmp_path / folder)]


@pytest.mark.parametrize("words", [("bash", SCRIPT.name), ("bash", f"./{SCRIPT.name}"), (f"./{SCRIPT.name}",)])
def test_hints_name_the_script_as_it_can_be_called(words: tuple[str, ...]) -> None:
    """Called by bash alone its bare name is no command."""
    done = subprocess.run([*words, "--nonsense"], cwd=SCRIPT.parent, capture_output=True, text=True, check=False)
    hint = done.stderr.splitlines()[-1].removesuffix(" --help tells what there is.")
    again = subprocess.run([*shlex.split(hint), "--help"], cwd=SCRIPT.parent, capture_output=True, check=False)
    assert (done.returncode, again.returncode) == (2, 0)


def test_stopping_what_does_not_run_is_no_fault(machine: Machine, tmp_path: Path) -> None:
    """It is as one wished; asking how it is tells the difference."""
    words = ("--local", "--run", str(tmp_path / "run"))
    assert machine.script(*words, "--stop").returncode == 0
    assert machine.script(*words, "--status").returncode == 3
    assert machine.script(*words, "--start", "redis").returncode == 3

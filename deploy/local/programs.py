"""Where the programs are that this project does not bring along, and how to get those that are missing."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

# Where packages put servers, and not every person's search path leads.
FURTHER = ("/usr/local/sbin", "/usr/sbin", "/usr/share/grafana/bin", "/opt/homebrew/bin", "/usr/local/bin")
GRAFANA_HOMES = ("/usr/share/grafana", "/opt/homebrew/share/grafana", "/usr/local/share/grafana")


class Program(NamedTuple):
    """A program that a component needs.

    Attributes:
        names: What it may be called; the first one found is taken.
        elsewhere: How to get it where Debian's package is not to be had.
        package: Debian's package, or empty where there is none.
    """

    names: tuple[str, ...]
    elsewhere: str
    package: str = ""

    @property
    def remedy(self) -> str:
        """How to get it."""
        return f"Debian, Ubuntu: {install(self.package)}; {self.elsewhere}" if self.package else self.elsewhere


def install(*packages: str) -> str:
    """Return the command that gets packages of Debian."""
    return f"sudo apt install {' '.join(packages)}"


PROGRAMS = {
    "redis": Program(("redis-server", "valkey-server"), "macOS: brew install redis", "redis-server"),
    "prometheus": Program(("prometheus",), "others: https://prometheus.io/download/", "prometheus"),
    "alertmanager": Program(
        ("prometheus-alertmanager", "alertmanager"),
        "others: https://prometheus.io/download/",
        "prometheus-alertmanager",
    ),
    "node-exporter": Program(
        ("prometheus-node-exporter", "node_exporter"),
        "others: https://prometheus.io/download/",
        "prometheus-node-exporter",
    ),
    "redis-exporter": Program(
        ("prometheus-redis-exporter", "redis_exporter"),
        "others: https://github.com/oliver006/redis_exporter/releases",
        "prometheus-redis-exporter",
    ),
    "grafana": Program(
        ("grafana", "grafana-server"),
        "Containers bring it (--docker); others: https://grafana.com/docs/grafana/latest/setup-grafana/installation/",
    ),
}


def search_path(environment: Mapping[str, str]) -> str:
    """Return the directories to look in: this Python environment's own, the person's, the usual ones for servers."""
    own = str(Path(sys.prefix) / "bin")
    return os.pathsep.join([own, environment.get("PATH", os.defpath), *FURTHER])


def find(component: str, path: str) -> str | None:
    """Return the program of a component, or None where it is not installed.

    Args:
        component: One of `PROGRAMS`.
        path: Directories to look in.
    """
    found = (shutil.which(name, path=path) for name in PROGRAMS[component].names)
    return next((program for program in found if program), None)


def grafana_home(program: str, environment: Mapping[str, str]) -> str | None:
    """Return where Grafana's own files are, or None when they are not where they usually are.

    Args:
        program: Grafana's program; an unpacked archive has its files beside it.
        environment: GF_PATHS_HOME says where they are.
    """
    wanted = environment.get("GF_PATHS_HOME")
    homes = [wanted] if wanted else [str(Path(program).resolve().parent.parent), *GRAFANA_HOMES]
    return next((home for home in homes if Path(home, "conf", "defaults.ini").is_file()), None)

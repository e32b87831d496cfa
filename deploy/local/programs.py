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
        remedy: How to get it.
    """

    names: tuple[str, ...]
    remedy: str


PROGRAMS = {
    "redis": Program(
        ("redis-server", "valkey-server"),
        "Debian, Ubuntu: sudo apt install redis-server; macOS: brew install redis",
    ),
    "prometheus": Program(
        ("prometheus",),
        "Debian, Ubuntu: sudo apt install prometheus; others: https://prometheus.io/download/",
    ),
    "alertmanager": Program(
        ("prometheus-alertmanager", "alertmanager"),
        "Debian, Ubuntu: sudo apt install prometheus-alertmanager; others: https://prometheus.io/download/",
    ),
    "node-exporter": Program(
        ("prometheus-node-exporter", "node_exporter"),
        "Debian, Ubuntu: sudo apt install prometheus-node-exporter; others: https://prometheus.io/download/",
    ),
    "redis-exporter": Program(
        ("prometheus-redis-exporter", "redis_exporter"),
        "Debian, Ubuntu: sudo apt install prometheus-redis-exporter; "
        "others: https://github.com/oliver006/redis_exporter/releases",
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

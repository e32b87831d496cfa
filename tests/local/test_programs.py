"""Where programs are found."""

from pathlib import Path

import pytest

from deploy.local import programs


def _program(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("node-exporter", "prometheus-node-exporter"),
        ("node-exporter", "node_exporter"),
        ("alertmanager", "prometheus-alertmanager"),
        ("alertmanager", "alertmanager"),
    ],
)
def test_debian_s_and_upstream_s_names_are_known(tmp_path: Path, component: str, name: str) -> None:
    """Whichever package it came with."""
    program = _program(tmp_path / name)
    assert programs.find(component, str(tmp_path)) == program


def test_what_is_not_installed_is_not_found(tmp_path: Path) -> None:
    """A file that is no program is none."""
    (tmp_path / "prometheus").touch(mode=0o644)
    assert programs.find("prometheus", str(tmp_path)) is None


def test_this_environment_s_redis_comes_first(tmp_path: Path) -> None:
    """The binary that the lock file brought is preferred to the system's."""
    path = programs.search_path({"PATH": str(tmp_path)}).split(":")
    assert path.index(str(tmp_path)) > 0
    assert programs.find("redis", ":".join(path)) not in {None, _program(tmp_path / "redis-server")}


def test_grafana_s_own_files_are_beside_an_unpacked_archive(tmp_path: Path) -> None:
    """The directory above the program's is its home."""
    program = _program(tmp_path / "grafana-12" / "bin" / "grafana")
    assert programs.grafana_home(program, {"GF_PATHS_HOME": str(tmp_path)}) is None
    (tmp_path / "grafana-12" / "conf").mkdir()
    (tmp_path / "grafana-12" / "conf" / "defaults.ini").touch()
    assert programs.grafana_home(program, {}) == str(tmp_path / "grafana-12")

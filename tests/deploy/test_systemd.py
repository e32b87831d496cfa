"""The units of systemd: accepted by it, closely confined, and true to the settings."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bff.settings import GatewaySettings
from shared.settings.declared import variables
from tests.monitoring.definitions import ROOT

_UNITS = ROOT / "deploy" / "systemd"
_SERVICE = _UNITS / "profile-gateway.service"
_DEFAULTS = {one.name: one.default for one in variables(GatewaySettings)}
_INSTALLED = "/opt/profile-gateway/.venv/bin/python"


def _values(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units with a Python that is there."""
    for unit in _UNITS.iterdir():
        (tmp_path / unit.name).write_text(unit.read_text().replace(_INSTALLED, sys.executable))
    return sorted(tmp_path.iterdir())


def _analyze(*arguments: object) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.fail("systemd-analyze is not on PATH: install it (Debian: systemd), or deselect: -m 'not systemd'")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.systemd
def test_systemd_accepts_the_units(units: list[Path]) -> None:
    """Without a word: no directive is misspelt, unknown or out of place."""
    done = _analyze("verify", *units)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.systemd
def test_systemd_notices_what_is_wrong(units: list[Path]) -> None:
    """The check above can fail."""
    service = next(unit for unit in units if unit.suffix == ".service")
    service.write_text(service.read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in _analyze("verify", *units).stderr


@pytest.mark.systemd
def test_the_service_may_do_little() -> None:
    """By systemd's own measure, from 0 to 10: what it needs of the network is most of what is left."""
    done = _analyze("security", "--offline=true", "--no-pager", "--threshold=20", _SERVICE)
    assert done.returncode == 0, done.stdout


def test_there_is_time_to_stop() -> None:
    """More than draining and finishing take by default."""
    (seconds,) = _values(_SERVICE, "TimeoutStopSec")
    takes = sum(float(_DEFAULTS[f"SHUTDOWN_{name}_SECONDS"]) for name in ("DRAIN", "GRACE"))
    assert float(seconds) > takes + 5


def test_what_is_set_is_a_setting() -> None:
    """Variables of the units are the gateway's, or Python's own."""
    words = " ".join(_values(_SERVICE, "Environment")).split()
    names = {word.partition("=")[0] for word in words}
    assert {name for name in names if not name.startswith("PYTHON")} <= _DEFAULTS.keys()


def test_the_socket_is_where_the_gateway_would_listen() -> None:
    """Address and port are the defaults of the settings."""
    assert _values(_UNITS / "profile-gateway.socket", "ListenStream") == [f"{_DEFAULTS['HOST']}:{_DEFAULTS['PORT']}"]

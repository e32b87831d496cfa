"""``.env.example`` and docker-compose.yml know every setting, by the default that the code has."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from shared.settings.declared import variables
from tests.architecture.test_documentation import ALL_SETTINGS, ROOT, to_document

_OF_EACH_PROCESS: Final = {"PORT", "DATABASE_URL", "READ_CACHE_NAMESPACE"}
"""What differs from process to process, so that one file for all cannot set it."""
_NOT_IN_CONTAINERS: Final = {"HOST"}
"""What the image sets."""
_FIXED_FOR_SERVICES: Final = {"READ_CACHE_NAMESPACE"}
"""What the services' user of Redis has its rights by."""
_APPS: Final = {settings.__module__.rpartition(".")[0]: settings for settings in ALL_SETTINGS}


@cache
def _example() -> Mapping[str, str]:
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))


@cache
def _compose() -> Mapping[str, Any]:
    document: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def _environment(app: str) -> Mapping[str, str | None]:
    (found,) = [one for one in _compose()["services"].values() if one.get("command") == ["python", "-m", app]]
    environment: Mapping[str, str | None] = found["environment"]
    return environment


def test_the_example_has_every_variable_with_its_default() -> None:
    """A line each, commented out; those of declared things stand there once, for all."""
    wanted = {one.name: one.default for settings in ALL_SETTINGS for one in to_document(settings)}
    wanted = {name: default for name, default in wanted.items() if name not in _OF_EACH_PROCESS}
    assert {name: default for name, default in wanted.items() if _example().get(name) != default} == {}


def test_the_example_has_what_compose_reads_with_its_default() -> None:
    """Passwords, sizes and names that docker-compose.yml puts in itself."""
    read = dict(re.findall(r"(?<!\$)\$\{([A-Z_]+):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text()))
    assert read
    assert {name: default for name, default in read.items() if _example().get(name) != default} == {}


@pytest.mark.parametrize("app", _APPS)
def test_containers_are_given_every_setting(app: str) -> None:
    """By its name; a secret may come as a file too. Those of declared things come in a file of their own."""
    plain = [one for one in to_document(_APPS[app]) if not one.name.startswith(("X_", "OTEL_"))]
    wanted = {one.name for one in plain} | {f"{one.name}_FILE" for one in plain if one.secret}
    wanted -= _NOT_IN_CONTAINERS if app == "bff" else _NOT_IN_CONTAINERS | _FIXED_FOR_SERVICES
    assert sorted(wanted - _environment(app).keys()) == []


@pytest.mark.parametrize("app", _APPS)
def test_containers_are_given_nothing_else(app: str) -> None:
    """A variable that is gone, or misspelt, would be set in vain; what is not set has the app's own default."""
    mine = list(variables(_APPS[app]))
    known = {one.name for one in mine} | {f"{one.name}_FILE" for one in mine if one.secret}
    given = _environment(app)
    assert sorted(given.keys() - known) == []
    port = next(one.default for one in mine if one.name == "PORT")
    fixed = {name: value for name, value in given.items() if value is not None and not name.endswith("_URL")}
    assert fixed == {"PORT": port}


def test_the_gateway_and_prometheus_are_told_the_same_addresses() -> None:
    """Those of the samples' containers, and what stands in the file for declared services."""
    targets, gateway = (_compose()["services"][name] for name in ("targets", "api-gateway"))
    assert targets["env_file"] == gateway["env_file"]
    ports = {name: one["environment"].get("PORT") for name, one in _compose()["services"].items() if "build" in one}
    assert {name: value for name, value in gateway["environment"].items() if name in targets["environment"]} == {
        f"{name.upper().replace('-', '_')}_URL": f"http://{name}:{ports[name]}"
        for name in ports
        if name.endswith("-service")
    }


def test_the_file_for_declared_services_sets_nothing() -> None:
    """It is there, so that compose finds it, and every line is a comment."""
    (named,) = _compose()["services"]["api-gateway"]["env_file"]
    file = Path(named.removeprefix("${SERVICES_ENV_FILE:-").removesuffix("}"))
    assert {line[:1] for line in (ROOT / file).read_text().splitlines()} == {"#"}

"""Schemathesis finds nothing: what it makes of an OpenAPI document, the app answers as the document says."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.processes import StartApp
from tests.fixtures.system import SERVICES

TOKEN = "schemathesis-needs-this-token-here"
RULES = Path(__file__).with_name("schemathesis.toml").read_text()
LEAST_CASES = 300


@pytest.fixture(scope="module")
def urls(founded_data: Path, start_app_session: StartApp) -> Mapping[str, str]:
    """Where the services and two gateways are, one of which has admin routes."""
    services = {
        name: start_app_session(
            f"services.{name}", DATABASE_URL=f"sqlite:///{founded_data / name}.db", DATABASE_TIMEOUT_SECONDS="60"
        ).url
        for name in SERVICES
    }
    named = {f"{name[:-1].upper()}_SERVICE_URL": url for name, url in services.items()}
    gateways = {"gateway": named, "gateway with admin routes": {**named, "ADMIN_TOKEN": TOKEN}}
    return services | {name: start_app_session("bff", **environment).url for name, environment in gateways.items()}


def _run(folder: Path, *arguments: str, further_rules: str = "") -> "subprocess.CompletedProcess[str]":
    config = folder / "schemathesis.toml"
    config.write_text(RULES + further_rules)
    return subprocess.run(
        [Path(sys.executable).with_name("st"), f"--config-file={config}", "run", "--no-color", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.parametrize("name", [*SERVICES, "gateway", "gateway with admin routes"])
def test_it_finds_nothing(urls: Mapping[str, str], tmp_path: Path, name: str) -> None:
    """Examples, every corner that a schema has, and what chance brings, right and wrong, of every operation."""
    bearer = f'\n[auth.openapi.admin_token]\nbearer = "{TOKEN}"\n' if name.endswith("admin routes") else ""
    ended = _run(tmp_path, f"{urls[name]}/openapi.json", further_rules=bearer)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    cases = re.search(r"(\d+) generated, (\d+) passed", ended.stdout)
    assert cases is not None, ended.stdout
    assert int(cases[2]) >= LEAST_CASES, ended.stdout


@pytest.mark.parametrize("change", ["a status less", "another type"])
def test_what_differs_from_a_document_is_found(urls: Mapping[str, str], tmp_path: Path, change: str) -> None:
    """That nothing is found above is no matter of how it is run."""
    with urllib.request.urlopen(f"{urls['gateway']}/openapi.json") as answer:
        document: Any = json.load(answer)
    if change == "a status less":
        del document["paths"]["/api/profile/{user_id}"]["get"]["responses"]["400"]
    else:
        document["components"]["schemas"]["Index"]["properties"]["version"]["type"] = "integer"
    (tmp_path / "wrong.json").write_text(json.dumps(document))
    ended = _run(tmp_path, "wrong.json", f"--url={urls['gateway']}", "--phases=coverage")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert ("Undocumented status code" if change == "a status less" else "Response violates schema") in ended.stdout

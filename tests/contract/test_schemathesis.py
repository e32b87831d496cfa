"""Schemathesis finds nothing: what it makes of an OpenAPI document, the app answers as the document says."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer
from tests.fixtures.processes import StartApp
from tests.fixtures.system import SERVICES

TOKEN = "schemathesis-needs-this-token-here"
RULES = Path(__file__).with_name("schemathesis.toml").read_text()
LEAST_CASES = 300
ISSUED = Issuer()
ALL_SCOPES = "profile:read:any profile:write:any orders:write:any ops:read cache:purge events:write tokens:revoke"


@pytest.fixture(scope="module")
def urls(
    founded_data: Path, start_app_session: StartApp, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """Where the services and three gateways are: one has admin routes, and one all that an edge may ask for."""
    keys = tmp_path_factory.mktemp("issuer") / "keys.json"
    keys.write_bytes(ISSUED.key_set())
    data = tmp_path_factory.mktemp("changed") / "data"  # whoever shares the other ones reads them
    shutil.copytree(founded_data, data)
    services = {
        name: start_app_session(
            f"services.{name}", DATABASE_URL=f"sqlite:///{data / name}.db", DATABASE_TIMEOUT_SECONDS="60"
        ).url
        for name in SERVICES
    }
    named = {f"{name[:-1].upper()}_SERVICE_URL": url for name, url in services.items()}
    asking = {
        "AUTH": "jwt", "AUTH_JWKS_FILE": str(keys), "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_RESOURCE": "https://api.example.org", "CORS_ORIGINS": "https://app.example.org",
        "RATE_LIMIT_USER": "1000000/60", "RATE_LIMIT_ADDRESS": "1000000/60", "RATE_LIMIT_FAILURES": "1000000/60",
    }  # fmt: skip
    gateways = {
        "gateway": named,
        "gateway with admin routes": {**named, "ADMIN_TOKEN": TOKEN},
        "gateway that asks": {**named, **asking},
    }
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


def _refusals(name: str) -> str:
    """What no schema says: a price has at most two decimals, and a key is of one order."""
    own = {"users": "", "products": "PATCH /products/{product_id}", "orders": "POST /orders"}
    operation = own.get(name, "POST /api/orders")
    if not operation:
        return ""
    accepted = 'checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "422"]'
    return f'\n[[operations]]\ninclude-name = "{operation}"\n{accepted}\n'


def _bearer(name: str) -> str:
    """How requests to this app are authenticated, as a configuration of Schemathesis has it."""
    if name == "gateway with admin routes":
        return f'\n[auth.openapi.admin_token]\nbearer = "{TOKEN}"\n'
    if name == "gateway that asks":
        return f'\n[auth.openapi.access_token]\nbearer = "{ISSUED.token("schemathesis", scope=ALL_SCOPES)}"\n'
    return ""


@pytest.mark.parametrize("name", [*SERVICES, "gateway", "gateway with admin routes", "gateway that asks"])
def test_it_finds_nothing(urls: Mapping[str, str], tmp_path: Path, name: str) -> None:
    """Examples, every corner that a schema has, and what chance brings, right and wrong, of every operation."""
    ended = _run(tmp_path, f"{urls[name]}/openapi.json", further_rules=_bearer(name) + _refusals(name))
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


def test_a_gateway_that_asks_in_its_document_alone_is_found(urls: Mapping[str, str], tmp_path: Path) -> None:
    """It is tried without a token, and with others, too."""
    with urllib.request.urlopen(f"{urls['gateway that asks']}/openapi.json") as answer:
        (tmp_path / "asks.json").write_bytes(answer.read())
    ended = _run(
        tmp_path,
        "asks.json",
        f"--url={urls['gateway']}",
        "--include-path=/api/profile/{user_id}",
        further_rules=_bearer("gateway that asks"),
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "API accepts requests without authentication" in ended.stdout

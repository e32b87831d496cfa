"""What it costs when no traces are sent: nothing is imported. And that an endpoint is not ignored without the extra."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.asking import ask
from tests.fixtures.collector import Collector
from tests.fixtures.counting_services import CountingServices
from tests.fixtures.processes import ROOT, App, free_port


@pytest.fixture
def services() -> Iterator[CountingServices]:
    """Three services that note what they are asked."""
    with CountingServices() as running:
        yield running


def imported_by(module: str, path: str, folder: Path, **environment: str) -> set[str]:
    """What a process that has answered ``path`` has imported, by its own account on standard error."""
    app = App(module, free_port(), {}, folder / "log")
    account = folder / "imports"
    with app.log.open("wb") as log, account.open("wb") as told:
        app.process = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", module],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PORT": str(app.port), **environment},
            stdout=log,
            stderr=told,
        )
    try:
        app.wait_ready()
        assert ask(app, path)[0] == 200
    finally:
        assert app.stop() == 0
    return {line.rpartition("|")[2].strip() for line in account.read_text().splitlines()}


OFF: tuple[dict[str, str], ...] = ({}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"})
OURS = {
    "shared.observing.telemetry.otel",
    "opentelemetry.sdk.trace",
    "opentelemetry.proto.trace.v1.trace_pb2",
    "requests",
}


@pytest.mark.parametrize("environment", [*OFF, {"OTEL_TRACES_EXPORTER": "otlp"}])
def test_when_off_nothing_is_imported(
    tmp_path: Path, services: CountingServices, collector: Collector, environment: dict[str, str]
) -> None:
    """A gateway that has served requests has imported neither the tracer nor the exporter; when on, both."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} if environment else {}
    imported = imported_by("bff", "/api/profile/ada", tmp_path, **services.environment, **endpoint, **environment)
    assert "bff.endpoints.aggregates" in imported
    assert OURS & imported == (set() if environment in OFF else OURS)


def test_when_off_a_service_imports_nothing_of_it_either(tmp_path: Path) -> None:
    """But for the half of OpenTelemetry that redis-py imports by itself."""
    imported = imported_by("services.users", "/users/user123", tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/users.db")
    assert "services.users.endpoints" in imported
    assert OURS & imported == set()


def test_when_off_the_gateway_adds_nothing_to_what_redis_py_imports() -> None:
    """redis-py imports the metrics half of OpenTelemetry by itself, where that is installed."""
    program = """
import sys
import redis.asyncio
theirs = set(sys.modules)
from bff.app import create_app
from bff.settings import GatewaySettings
from shared.settings.loading import load
create_app(load(GatewaySettings, {"REDIS_URL": "redis://127.0.0.1:1/0"}))
print([name for name in set(sys.modules) - theirs if name.startswith("opentelemetry")])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_the_extra_an_endpoint_is_refused(tmp_path: Path) -> None:
    """The process does not start, says what is missing, and ends with status 2; without an endpoint all is well."""
    for package in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not package.name.startswith(("opentelemetry", "__pycache__")):
            (tmp_path / package.name).symlink_to(package)

    def check(**environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-S", "-m", "bff", "--check"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert check().returncode == 0
    refused = check(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "pip install .[otel]" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert check(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318", OTEL_SDK_DISABLED="true").returncode == 0

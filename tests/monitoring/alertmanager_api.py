"""A real Alertmanager under our own configuration."""

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.processes import free_port, wait_until

_NAMES: Final = ("prometheus-alertmanager", "alertmanager")
_TIMEOUT_SECONDS: Final = 10


@dataclass(frozen=True)
class AlertmanagerApi:
    """The HTTP API of the Alertmanager at ``port`` of this machine."""

    port: int

    def is_ready(self) -> bool:
        """True when it takes alerts."""
        try:
            return self._ask("GET", "/-/ready")[0] == 200
        except OSError:
            return False

    def send(self, alerts: Sequence[Mapping[str, str]]) -> None:
        """Let alerts with these labels fire."""
        status, body = self._ask("POST", "/api/v2/alerts", json.dumps([{"labels": labels} for labels in alerts]))
        assert status == 200, body

    def silent(self) -> list[tuple[str, str]]:
        """Of each alert that another one keeps silent: its name, and its service or else instance; sorted."""
        found = json.loads(self._ask("GET", "/api/v2/alerts")[1])
        silent = [alert["labels"] for alert in found if alert["status"]["inhibitedBy"]]
        return sorted((labels["alertname"], labels.get("service_name") or labels["instance"]) for labels in silent)

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def running_alertmanager(config: Path, folder: Path) -> Iterator[AlertmanagerApi]:
    """One that is ready, with its data and log in ``folder``, until the end."""
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.fail(f"{' or '.join(_NAMES)} is not on PATH: install it, or deselect these tests: -m 'not alertmanager'")
    api = AlertmanagerApi(free_port())
    command = [
        program,
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{api.port}",
        "--cluster.listen-address=",
    ]
    log = folder / "alertmanager.log"
    with (
        log.open("ab") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=dict(os.environ)) as process,
    ):
        try:
            wait_until(api.is_ready, "Alertmanager is not ready:\n{}", log)
            yield api
        finally:
            process.terminate()

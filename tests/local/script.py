"""Runs start_with_monitoring.sh as a person would, beside whatever else runs on the machine."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from deploy.local import identity
from deploy.local.identity import Identity
from deploy.local.ports import PORTS
from deploy.local.run_directory import RunDirectory
from deploy.local.status import Phase
from tests.fixtures.processes import ROOT, free_port

SCRIPT = ROOT / "start_with_monitoring.sh"
MONITORING = ("prometheus", "alertmanager", "grafana", "node-exporter", "redis-exporter")
Done = subprocess.CompletedProcess[str]


def environment(**more: str) -> dict[str, str]:
    """A small environment: this Python's packages, ports that nobody uses, and what is given."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    chosen = {port.variable: str(free_port()) for port in PORTS.values()}
    return kept | {"VENV": sys.prefix, "PYTHONWARNINGS": "error"} | chosen | more


class System:
    """One system of the test's own, in directories of its own.

    Args:
        folder: Where data and state go; other tests use another one.
        without: Components to leave out.
    """

    def __init__(self, folder: Path, *without: str) -> None:
        self.run = RunDirectory(folder / "run here")
        self.data = folder / "data here"
        self._folder = folder
        self._without = [word for name in without for word in ("--without", name)]
        self._environment = environment()
        self._seen: set[Identity] = set()

    @property
    def gateway(self) -> str:
        """Address of the gateway."""
        return self.url("api-gateway")

    def command(self, *arguments: str, **more: str) -> Done:
        """Run the script to its end, from another folder than the checkout."""
        done = subprocess.run(
            self._words(*arguments),
            cwd=self._folder,
            env=self._environment | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        self._seen.update(self.run.leaders())
        return done

    def start(self, *arguments: str, **more: str) -> Done:
        """Start detached."""
        return self.command("--local", "--detach", *self._without, "--data", self.data.name, *arguments, **more)

    def attached(self) -> "subprocess.Popen[str]":
        """Start as the leader of a group, the way a terminal does: with no signal ignored."""
        return subprocess.Popen(
            ["env", "--default-signal", *self._words("--local", *self._without, "--data", self.data.name)],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def profile(self, user: str) -> dict[str, Any]:
        """Ask the gateway for a profile."""
        profile: dict[str, Any] = self._get("api-gateway", f"/api/profile/{user}")
        return profile

    def users(self) -> list[str]:
        """Ask the user service whom it knows; the last ones are nobody's first request."""
        return [user["id"] for user in self._get("user-service", "/users?limit=100")]

    def metrics(self, name: str) -> str:
        """What a component tells Prometheus."""
        with urllib.request.urlopen(f"{self.url(name)}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def targets(self) -> dict[str, str]:
        """Ask Prometheus how each job's target is."""
        targets = self._get("prometheus", "/api/v1/targets")["data"]["activeTargets"]
        return {target["labels"]["job"]: target["health"] for target in targets}

    def alertmanagers(self) -> list[str]:
        """Ask Prometheus where it sends alerts."""
        found = self._get("prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
        return [one["url"] for one in found]

    def kill(self, name: str) -> None:
        """End a component as a crash would."""
        status = self.run.status(name)
        assert status is not None
        assert status.child is not None
        os.kill(status.child.pid, signal.SIGKILL)

    def has(self, name: str, phase: Phase) -> bool:
        """Tell whether a component is in that phase."""
        status = self.run.status(name)
        return status is not None and status.phase is phase

    def leftovers(self) -> list[Identity]:
        """What still runs of all that was ever recorded."""
        self._seen.update(self.run.leaders())
        return [process for leader in self._seen for process in identity.session(leader)]

    def files(self) -> set[str]:
        """What is in the run directory, logs apart."""
        if not self.run.path.exists():
            return set()
        return {path.name for path in self.run.path.iterdir() if not path.name.endswith((".log", ".log.1"))}

    def url(self, name: str) -> str:
        """Address of a component."""
        return f"http://127.0.0.1:{self._environment[PORTS[name].variable]}"

    def _get(self, name: str, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url(name)}{path}", timeout=10) as answer:
            return json.load(answer)

    def _words(self, *arguments: str) -> list[str]:
        return [str(SCRIPT), *arguments, "--run", self.run.path.name]

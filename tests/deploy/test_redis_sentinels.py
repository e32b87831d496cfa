"""The chart's Redis with Sentinels on hosts of their own: pods are lost, their names are gone, and one is master."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.deploy import chart
from tests.fixtures.processes import wait_until

pytestmark = pytest.mark.helm

_PASSWORD = "secret-1"
_SET = "bff-profile-gateway-redis"
_DOMAIN = f"{_SET}.default.svc.cluster.local"
_NUMBERS = range(3)
_IP = shutil.which("ip") or ""
"""From Debian's package iproute2."""


class _Pod:
    """One of the set: a host with its network and name, where both containers' scripts run."""

    def __init__(self, number: int, network: str, folder: Path, scripts: Mapping[str, str]) -> None:
        self.name = f"{_SET}-{number}.{_DOMAIN}"
        self.address = f"10.77.0.{number + 1}"
        self.network, self._number, self._folder = network, number, folder
        self._processes: list[subprocess.Popen[bytes]] = []
        for name, text in scripts.items():
            (folder / name).write_text(text.replace("/scripts/", f"{folder}/").replace("/data", f"{folder}/$role"))
        self.hosts = folder / "hosts"

    def start(self) -> None:
        """With nothing of what was there before, as a pod does."""
        for role in ("redis", "sentinel"):
            shutil.rmtree(self._folder / role, ignore_errors=True)
            (self._folder / role).mkdir()
            script = f"mount --bind {self.hosts} /etc/hosts; hostname {_SET}-{self._number}; exec sh {role}.sh"
            with (self._folder / f"{role}.log").open("ab") as log:
                command = [_IP, "netns", "exec", self.network, "unshare", "--uts", "sh", "-c", script]
                self._processes.append(
                    subprocess.Popen(
                        command, cwd=self._folder, env=self._environment(role), stdout=log, stderr=subprocess.STDOUT
                    )
                )

    def kill(self) -> None:
        """As a lost node would."""
        while self._processes:
            process = self._processes.pop()
            process.kill()
            process.wait()

    def ask(self, *command: str) -> list[str]:
        """What Redis says, or with ``-p 26379`` its Sentinel, by lines."""
        asked = [_IP, "netns", "exec", self.network, "redis-cli", *command]
        done = subprocess.run(asked, env=self._environment(), capture_output=True, text=True, check=False)
        return done.stdout.splitlines()

    def known(self) -> Mapping[str, str]:
        """What its Sentinel knows of the set."""
        lines = self.ask("-p", "26379", "sentinel", "master", "gateway")
        return dict(zip(lines[::2], lines[1::2], strict=False))

    def is_replica_of(self, master: str) -> bool:
        """And has all that the master has."""
        return {f"master_host:{master}", "master_link_status:up"} <= set(self.ask("info", "replication"))

    def _environment(self, role: str = "") -> Mapping[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"
        return {"PATH": path, "REDISCLI_AUTH": _PASSWORD, "role": role}


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[list[_Pod]]:
    """Three hosts at one switch; only root can make them."""
    values = {"redis": {"mode": "sentinel", "existingSecret": "gateway-redis"}}
    scripts = chart.of_kind(chart.render(values), "ConfigMap")["redis"]["data"]
    prefix = hashlib.sha256(bytes(tmp_path)).hexdigest()[:8]
    with ExitStack() as ends:

        def made(name: str) -> str:
            if not _IP or subprocess.run([_IP, "netns", "add", name], capture_output=True, check=False).returncode:
                pytest.skip("no network of its own can be made here")
            ends.callback(subprocess.run, [_IP, "netns", "del", name], check=True)
            return name

        def run(network: str, *words: str) -> None:
            subprocess.run([_IP, "-n", network, *words], check=True, capture_output=True)

        switch = made(f"switch-{prefix}")
        run(switch, "link", "add", "name", "switch", "up", "type", "bridge")
        found = []
        for number in _NUMBERS:
            folder = tmp_path / str(number)
            folder.mkdir()
            pod = _Pod(number, made(f"pod-{prefix}-{number}"), folder, scripts)
            run(switch, *f"link add port{number} up master switch type veth peer name eth0 netns {pod.network}".split())
            run(pod.network, *f"address add {pod.address}/24 dev eth0".split())
            for link in ("eth0", "lo"):
                run(pod.network, "link", "set", link, "up")
            found.append(pod)
            ends.callback(pod.kill)
        yield found


def _tell_names(pods: list[_Pod], *, but: _Pod | None = None) -> None:
    """What name servers say: a pod that is gone has no name."""
    for pod in pods:
        pod.hosts.write_text("".join(f"{one.address} {one.name}\n" for one in pods if one is not but))


def _master(asked: list[_Pod]) -> str:
    """Whom all their Sentinels name, once they agree."""
    found: set[str] = set()

    def agree() -> bool:
        found.clear()
        found.update(pod.known().get("ip", "") for pod in asked)
        return len(found) == 1 and "" not in found

    wait_until(agree, "they do not agree")
    return found.pop()


def _wait_for_figure(pods: list[_Pod], name: str) -> None:
    """Until each Sentinel knows the two others, or two that follow: it would take over from none else."""
    wait_until(lambda: all(pod.known().get(name) == "2" for pod in pods), f"{name} is not 2 everywhere")


def _lose(lost: _Pod, pods: list[_Pod]) -> None:
    """Lose one, and get it back once another has taken over."""
    others = [pod for pod in pods if pod is not lost]
    wait_until(lambda: all(pod.is_replica_of(lost.name) for pod in others), "not all follow the master")
    _wait_for_figure(others, "num-slaves")
    _tell_names(pods, but=lost)
    lost.kill()
    wait_until(lambda: _master(others) != lost.name, "nobody takes over")
    _tell_names(pods)
    lost.start()
    wait_until(lambda: lost.is_replica_of(_master(others)), "it does not follow")


def test_one_is_always_master(pods: list[_Pod]) -> None:
    """Each time that the master is lost, another takes over; who comes back, with nothing, follows and counts once."""
    _tell_names(pods)
    for pod in pods:
        pod.start()
    for _ in range(2):
        _wait_for_figure(pods, "num-other-sentinels")
        master = _master(pods)
        _lose(next(pod for pod in pods if pod.name == master), pods)
    _wait_for_figure(pods, "num-other-sentinels")

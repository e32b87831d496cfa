"""The whole system as real processes, watched by a real Prometheus under our own configuration and rules."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from deploy import targets
from deploy.local.prometheus import TARGETS
from tests.fixtures.certificates import AUTHORITY, HOST, client_context, new_pair
from tests.fixtures.issuer import Issuer, KeyServer
from tests.fixtures.processes import App, free_port, wait_until
from tests.fixtures.redis_server import RedisServer
from tests.monitoring.definitions import CONFIG, RULE_FILES, yaml_of
from tests.monitoring.prometheus_api import PrometheusApi
from tests.monitoring.traffic import LightTraffic

_ADMIN_TOKEN = "purge-me-0123456789"
_CACHE_TTL_SECONDS = "2"
"""So short that entries expire, are refreshed early and must be stood in for while the tests wait."""

_GATEWAY = "api-gateway"
_LIMITS = {
    "RATE_LIMIT_USER": "1000000/60",
    "RATE_LIMIT_ADDRESS": "1000000/60",
    "RATE_LIMIT_FAILURES": "1000/60",
}
"""Which nobody uses up."""
_TOKEN_SECONDS = 3600

_MODULES = {"user-service": "users", "order-service": "orders", "product-service": "products"}


@dataclass(frozen=True)
class LiveSystem:
    """What runs: the apps by the names of their jobs, Redis, Prometheus, clients, and who publishes keys for tokens."""

    prometheus: PrometheusApi
    apps: Mapping[str, App]
    redis: RedisServer
    traffic: LightTraffic
    keys: KeyServer


@contextmanager
def live_system(
    folder: Path,
    *,
    rule_files: Sequence[Path] = RULE_FILES,
    gateway: Mapping[str, str] | None = None,
    purges: bool = True,
    guarded: bool = False,
) -> Iterator[LiveSystem]:
    """Gateway, services, Redis, exporters and Prometheus on free ports, under light traffic, once every target is up.

    ``gateway`` has further settings of the gateway; ``purges`` are part of the traffic, or not. A ``guarded`` gateway
    asks for tokens, counts requests and speaks TLS. Logs and data go to ``folder``.
    """
    jobs = [job["job_name"] for job in yaml_of(CONFIG)["scrape_configs"] if "static_configs" in job]
    ports = {job: free_port() for job in (*jobs, *_MODULES)}
    redis = RedisServer(_program("redis-server"), folder, free_port())
    commands = _commands(folder, ports, redis.port, rule_files, guarded=guarded)
    token, issuer = _ADMIN_TOKEN, Issuer()
    with ExitStack() as stack:
        keys = stack.enter_context(KeyServer(issuer.key_set()))
        if guarded:
            token = issuer.token(
                scope="profile:read:any cache:purge events:write", exp=int(time.time()) + _TOKEN_SECONDS
            )
            gateway = {**keys.environment, **_LIMITS, **new_pair(folder).environment, **(gateway or {})}
        redis.start()
        stack.callback(redis.kill)
        apps = _apps(folder, ports, redis.url, gateway or {})
        (folder / TARGETS).parent.mkdir()
        targets.write(targets.addresses(apps[_GATEWAY].environment), folder / TARGETS)
        for app in apps.values():
            stack.callback(app.stop)
            app.start()
        for name, command in commands.items():
            stack.enter_context(_running(command, folder / f"{name}.log"))
        context = client_context() if guarded else None
        traffic = stack.enter_context(LightTraffic(ports[_GATEWAY], token, purges=purges, context=context))
        prometheus = PrometheusApi(ports["prometheus"])
        wait_until(prometheus.is_ready, "Prometheus is not ready:\n{}", folder / "prometheus.log")
        wait_until(prometheus.all_up, "some target is not up")
        yield LiveSystem(prometheus, apps, redis, traffic, keys)


def _apps(folder: Path, ports: Mapping[str, int], redis_url: str, more: Mapping[str, str]) -> dict[str, App]:
    apps = {
        job: App(
            f"services.{module}",
            ports[job],
            {"DATABASE_URL": f"sqlite:///{folder / module}.db"},
            folder / f"{module}.log",
        )
        for job, module in _MODULES.items()
    }
    # By name, so that there are instances that are looked up.
    gateway = {f"{job.upper().replace('-', '_')}_URL": f"http://localhost:{app.port}" for job, app in apps.items()} | {
        "REDIS_URL": redis_url,
        "ADMIN_TOKEN": _ADMIN_TOKEN,
        "CACHE_TTL_SECONDS": _CACHE_TTL_SECONDS,
        **more,
    }
    return apps | {_GATEWAY: App("bff", ports[_GATEWAY], gateway, folder / "bff.log")}


def _commands(
    folder: Path, ports: Mapping[str, int], redis_port: int, rule_files: Sequence[Path], *, guarded: bool
) -> dict[str, list[str]]:
    listen = {job: f"--web.listen-address=127.0.0.1:{port}" for job, port in ports.items()}
    config = folder / "prometheus.yml"
    authority = folder / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(authority))
    config.write_text(_derived_config(ports, rule_files, authority if guarded else None))
    return {
        "redis-exporter": [
            _program("prometheus-redis-exporter", "redis_exporter"),
            listen["redis-exporter"],
            f"--redis.addr=redis://127.0.0.1:{redis_port}",
        ],
        "node-exporter": [_program("prometheus-node-exporter", "node_exporter"), listen["node-exporter"]],
        "prometheus": [
            _program("prometheus"),
            listen["prometheus"],
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
        ],
    }


def _derived_config(ports: Mapping[str, int], rule_files: Sequence[Path], authority: Path | None) -> str:
    config = yaml_of(CONFIG)
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(file) for file in rule_files]
    del config["alerting"]
    for job in config["scrape_configs"]:
        for group in job.get("static_configs", ()):
            group["targets"] = [f"127.0.0.1:{ports[job['job_name']]}"]
        if authority is not None and job["job_name"] == _GATEWAY:
            job |= {"scheme": "https", "tls_config": {"ca_file": str(authority), "server_name": HOST}}
    return yaml.safe_dump(config)


def _program(*names: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    pytest.fail(f"{' or '.join(names)} is not on PATH: install it, or deselect these tests: -m 'not prometheus'")


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            yield
        finally:
            process.terminate()

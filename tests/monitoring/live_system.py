"""The whole system as real processes, watched by a real Prometheus under our own configuration and rules."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from tests.fixtures.processes import App, free_port, wait_until
from tests.fixtures.redis_server import RedisServer
from tests.monitoring.definitions import CONFIG, PROMETHEUS, yaml_of
from tests.monitoring.prometheus_api import PrometheusApi
from tests.monitoring.traffic import light_traffic

_ADMIN_TOKEN = "purge-me-0123456789"
_CACHE_TTL_SECONDS = "2"
"""So short that entries expire, are refreshed early and must be stood in for while the tests wait."""

_SEEN_WHEN_WELL = (
    "cache_coherent == 1",
    'cache_hits_total{cache_type="memory"} > 0',
    "cache_early_refreshes_total > 0",
    'cache_coalesced_total{scope="process"} > 0',
    "cache_invalidations_total > 0",
    "cache_redis_lag_seconds > 0",
    'part_sources_total{part="products", source="cache"} > 0',
    'http_requests_total{method="DELETE", status="204"} > 0',
)
"""What the traffic does to the cache, before anything fails."""

_MODULES = {"user-service": "users", "order-service": "orders", "product-service": "products"}


@contextmanager
def live_system(folder: Path) -> Iterator[PrometheusApi]:
    """Gateway, services, Redis, exporters and Prometheus on free ports, under light traffic.

    By the time it is handed over, every target has been up and the cache has been seen at work; the order service has
    been killed, older parts have stood in for it in some answers and others have missed it, and its breaker has opened;
    it has come back, and every target is up again. Logs and data go to ``folder``.
    """
    jobs = [job["job_name"] for job in yaml_of(CONFIG)["scrape_configs"]]
    ports = {job: free_port() for job in jobs}
    redis = RedisServer(_program("redis-server"), folder, free_port())
    commands = _commands(folder, ports, redis.port)
    with ExitStack() as stack:
        redis.start()
        stack.callback(redis.kill)
        apps = _apps(folder, ports, redis.url)
        for app in apps.values():
            stack.callback(app.stop)
            app.start()
        for name, command in commands.items():
            stack.enter_context(_running(command, folder / f"{name}.log"))
        stack.enter_context(light_traffic(ports["api-gateway"], _ADMIN_TOKEN))
        prometheus = PrometheusApi(ports["prometheus"])
        wait_until(prometheus.is_ready, "Prometheus is not ready:\n{}", folder / "prometheus.log")
        wait_until(prometheus.all_up, "some target is not up")
        for seen in _SEEN_WHEN_WELL:
            _wait_for(prometheus, seen)
        apps["order-service"].kill()
        for status in ("missing", "stale"):
            _wait_for(prometheus, f'aggregate_parts_total{{part="orders", status="{status}"}} > 0')
        _wait_for(prometheus, 'upstream_breaker_changes_total{service_name="order_service", state="open"} > 0')
        apps["order-service"].start()
        wait_until(prometheus.all_up, "some target is not up again")
        yield prometheus


def _wait_for(prometheus: PrometheusApi, expression: str) -> None:
    complaint = f"never seen: {expression}".replace("{", "{{").replace("}", "}}")
    wait_until(lambda: bool(prometheus.samples(expression)), complaint)


def _apps(folder: Path, ports: Mapping[str, int], redis_url: str) -> dict[str, App]:
    apps = {
        job: App(
            f"services.{module}",
            ports[job],
            {"DATABASE_URL": f"sqlite:///{folder / module}.db"},
            folder / f"{module}.log",
        )
        for job, module in _MODULES.items()
    }
    gateway = {f"{job.upper().replace('-', '_')}_URL": app.url for job, app in apps.items()} | {
        "REDIS_URL": redis_url,
        "ADMIN_TOKEN": _ADMIN_TOKEN,
        "CACHE_TTL_SECONDS": _CACHE_TTL_SECONDS,
    }
    return apps | {"api-gateway": App("bff", ports["api-gateway"], gateway, folder / "bff.log")}


def _commands(folder: Path, ports: Mapping[str, int], redis_port: int) -> dict[str, list[str]]:
    listen = {job: f"--web.listen-address=127.0.0.1:{port}" for job, port in ports.items()}
    config = folder / "prometheus.yml"
    config.write_text(_derived_config(ports))
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


def _derived_config(ports: Mapping[str, int]) -> str:
    config = yaml_of(CONFIG)
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(PROMETHEUS / pattern) for pattern in config["rule_files"]]
    del config["alerting"]
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
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

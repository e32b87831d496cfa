"""The whole system, started, used, broken and ended through start_with_monitoring.sh."""

import os
import re
import shlex
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from deploy.local.ports import PORTS
from deploy.local.status import Phase
from tests.fixtures.processes import free_port, wait_until
from tests.local.script import MONITORING, System


def _requests(method: str, endpoint: str, status: int) -> str:
    return f'http_requests_total{{endpoint="{endpoint}",method="{method}",status="{status}"}}'


OWN_ORDERS = _requests("GET", "/orders/<order_id>", 200)
PROFILES = "/api/profile/<user_id>"
SHOWN_BY_THE_DEMO = (
    ("api-gateway", 'cache_hits_total{cache_type="memory"}'),
    ("api-gateway", 'cache_misses_total{cache_type="memory"}'),
    ("api-gateway", 'cache_coalesced_total{scope="process"}'),
    ("api-gateway", _requests("GET", PROFILES, 200)),
    ("api-gateway", _requests("GET", PROFILES, 304)),
    ("api-gateway", _requests("GET", PROFILES, 400)),
    ("api-gateway", _requests("GET", PROFILES, 404)),
    ("api-gateway", _requests("GET", "unmatched", 404)),
    ("api-gateway", _requests("HEAD", PROFILES, 200)),
    ("api-gateway", _requests("DELETE", "/api/cache/profile/<user_id>", 204)),
    ("user-service", _requests("GET", "/users", 200)),
    ("order-service", OWN_ORDERS),
    ("product-service", _requests("GET", "/products/<product_id>", 404)),
    ("product-service", _requests("POST", "/products/batch", 200)),
)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """A system without monitoring, not started; whatever a test starts is ended."""
    yield from _ended(System(tmp_path, *MONITORING))


@pytest.fixture
def monitored(tmp_path: Path) -> Iterator[System]:
    """A system with everything, not started."""
    yield from _ended(System(tmp_path))


def _ended(system: System) -> Iterator[System]:
    yield system
    system.command("--stop")
    assert system.leftovers() == []
    assert system.files() == set()


def test_a_life(system: System) -> None:
    """Started it answers; without a service it is partial, and whole again by itself; ended it is gone."""
    started = system.start()
    assert (started.returncode, started.stderr) == (0, "")
    assert f"{system.gateway}/api/profile/user123" in started.stdout
    profile = system.profile("user123")
    assert (len(profile["orders"]), len(profile["products"])) == (2, 3)
    assert system.profile("user123")["metadata"]["cached"]

    written = [*system.run.path.rglob("*"), *system.data.rglob("*")]
    assert [path for path in written if path.lstat().st_mode & 0o077] == []

    again = system.start()
    assert (again.returncode, "It is running already." in again.stdout) == (0, True)
    assert system.command("--status").returncode == 0
    assert system.command("--local", "--clean").returncode == 1
    with_demo = system.command("--local", "--demo")
    assert with_demo.returncode == 1
    assert with_demo.stderr.startswith("It is running without demo: end it first, with ")

    system.kill("redis")
    assert system.profile("user123")["user"]["id"] == "user123"
    system.kill("order-service")
    wait_until(lambda: system.has("order-service", Phase.PAUSING), "its end is not noticed")
    assert system.command("--status").returncode == 1
    wait_until(lambda: system.command("--status").returncode == 0, "it does not come back")

    unknown = system.users()[-1]
    assert system.command("--stop", "user-service").returncode == 0
    assert system.profile(unknown)["metadata"]["parts"]["user"]["status"] == "missing"
    assert system.command("--start", "user-service").returncode == 0
    assert system.command("--stop", "grafana").returncode == 1

    assert system.command("--stop").stdout.startswith("All has ended")
    assert system.command("--status").returncode == 3
    assert (system.data / "users.db").exists()


def test_interrupted_it_leaves_nothing(system: System) -> None:
    """Ctrl-C ends a system that shows its logs, and logs have the name of who wrote them before them."""
    with system.attached() as command:
        assert command.stdout is not None
        for line in command.stdout:
            if "| " in line and "api-gateway" in line:
                break
            if "What it writes" in line:
                system.profile("user123")
        os.killpg(command.pid, signal.SIGINT)
        rest, _ = command.communicate(timeout=30)
    assert command.returncode == 130
    assert "All has ended" in rest
    assert system.leftovers() == []
    assert system.files() == set()


def test_interrupted_while_starting_it_leaves_nothing(system: System) -> None:
    """However early it comes."""
    with system.attached() as command:
        assert command.stdout is not None
        command.stdout.readline()
        os.killpg(command.pid, signal.SIGTERM)
        rest, _ = command.communicate(timeout=30)
    assert command.returncode == 143, rest
    assert system.leftovers() == []
    assert system.files() == set()


def test_a_port_in_use_is_told_before_anything_starts(system: System) -> None:
    """Nothing is started, and nothing is made."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = system.start(ORDER_SERVICE_PORT=str(port))
    assert done.returncode == 1
    assert f"Port {port} is in use by process " in done.stderr
    assert "order-service needs it" in done.stderr
    assert system.files() == set()


def test_a_wrong_setting_is_told_with_the_words_of_the_app(system: System) -> None:
    """The end of its log is shown, and everything else is ended again."""
    done = system.start(CACHE_TTL_SECONDS="soon")
    assert done.returncode == 1
    assert "api-gateway is not healthy: has ended (2)" in done.stdout
    assert "CACHE_TTL_SECONDS" in done.stdout
    assert system.leftovers() == []


def test_a_wrong_address_of_a_service_is_told_before_anything_starts(system: System) -> None:
    """Prometheus is to be told where they are, so addresses are read first."""
    done = system.start("--without", "order-service", ORDER_SERVICE_URL="nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("ORDER_SERVICE_URL='nowhere': expected an http:// or https:// address")
    assert system.files() == set()


def test_a_broken_data_directory_is_told_before_anything_starts(system: System) -> None:
    """A file in its place is named."""
    system.data.touch()
    done = system.start()
    assert done.returncode == 1
    assert done.stderr == f"The data directory {system.data} cannot be used: File exists.\n"


def test_clean_begins_anew(system: System) -> None:
    """Data that an earlier run has left, even broken, is replaced by the sample data."""
    system.data.mkdir()
    (system.data / "users.db").write_text("this is no database")
    assert system.start("--clean").returncode == 0
    assert system.profile("user123")["user"]["id"] == "user123"


def test_the_demo_shows_something_of_everything(system: System) -> None:
    """Every kind of traffic is counted; it goes on while a service is away, and can be stopped by itself."""
    started = system.start("--demo", ADMIN_TOKEN="purge-me-0123456789")
    assert (started.returncode, started.stderr) == (0, "")
    for name, counted in SHOWN_BY_THE_DEMO:
        complaint = f"{name} never counts {counted}".replace("{", "{{").replace("}", "}}")
        wait_until(partial(_counts, system, name, counted), complaint)
    system.kill("user-service")
    before = _count(system, "order-service", OWN_ORDERS)
    wait_until(lambda: _count(system, "order-service", OWN_ORDERS) > before, "it does not go on")
    assert system.has("demo", Phase.RUNNING)
    assert system.command("--stop", "demo").returncode == 0
    assert "demo" in system.command("--status").stdout
    assert system.command("--stop").returncode == 0


def test_with_auth_an_issuer_runs_beside_it(system: System) -> None:
    """The requests that the start shows are answered as it says, and the demo's, which show a token, are let in."""
    assert system.start().returncode == 0
    refused = system.start("--auth")
    assert refused.returncode == 1
    assert refused.stderr.startswith("It is running without --auth: end it first, with ")
    assert system.command("--stop").returncode == 0

    started = system.start("--auth", "--demo")
    assert (started.returncode, started.stderr) == (0, "")
    issue = re.search(r"TOKEN=\$\((.*)\)$", started.stdout, re.MULTILINE)
    assert issue is not None
    token = subprocess.run(["bash", "-c", issue[1]], capture_output=True, text=True, check=True).stdout.strip()
    shown = [line.partition("  # ") for line in started.stdout.splitlines() if "/api/profile/" in line]
    assert [expected[:3] for _, _, expected in shown] == ["401", "403", "200"]
    for command, _, expected in shown:
        assert str(_status(*shlex.split(command.replace("$TOKEN", token)))) == expected[:3]
    wait_until(partial(_counts, system, "api-gateway", _requests("HEAD", PROFILES, 200)), "the demo does not begin")
    assert _count(system, "api-gateway", _requests("GET", PROFILES, 401)) == 1  # that which was shown
    written = [*system.run.path.rglob("*"), *system.data.rglob("*")]
    assert [path for path in written if path.lstat().st_mode & 0o077] == []


def _status(_curl: str, _include: str, url: str, *field: str) -> int:
    """What curl would tell of these words."""
    named = dict(one.split(": ", 1) for one in field[1:])
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=named), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _count(system: System, name: str, counted: str) -> float:
    found = re.search(rf"^{re.escape(counted)} (\S+)$", system.metrics(name), re.MULTILINE)
    return float(found[1]) if found else 0.0


def _counts(system: System, name: str, counted: str) -> bool:
    return _count(system, name, counted) > 0


@pytest.mark.prometheus
def test_prometheus_sees_every_target_up(monitored: System) -> None:
    """Each component that exports metrics is scraped where it runs, and has counted the first requests."""
    assert monitored.start().returncode == 0
    wait_until(lambda: set(monitored.targets().values()) == {"up"}, "a target is not up")
    assert set(monitored.targets()) == set(PORTS) - {"redis", "alertmanager", "grafana", "issuer"}


@pytest.mark.prometheus
def test_a_service_left_out_is_asked_and_scraped_where_it_is_elsewhere(monitored: System) -> None:
    """It is a person's own then: nothing of it is started, and the start says where the gateway asks."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        started = monitored.start("--without", "order-service", ORDER_SERVICE_URL=f"http://127.0.0.1:{port}")
        assert started.returncode == 0
        said = f"order_service is not started here: the gateway asks http://127.0.0.1:{port} (ORDER_SERVICE_URL)."
        assert said in started.stdout
        wait_until(lambda: monitored.targets().get("order-service") == "down", "it is not scraped")
        wait_until(lambda: monitored.targets().get("user-service") == "up", "another one is not")


@pytest.mark.prometheus
@pytest.mark.alertmanager
def test_prometheus_sends_alerts_to_the_alertmanager_beside_it(monitored: System) -> None:
    """It has found the one that was started with it."""
    assert monitored.start().returncode == 0
    wanted = f"{monitored.url('alertmanager')}/api/v2/alerts"
    wait_until(lambda: monitored.alertmanagers() == [wanted], "Prometheus knows no Alertmanager")

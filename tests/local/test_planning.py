"""What runs, and how."""

import shlex
from pathlib import Path

import pytest

from deploy.local import planning
from deploy.local.component import Plan
from deploy.local.components import BUILDERS, SERVICES, Site
from deploy.local.planning import Machine
from deploy.local.programs import PROGRAMS

PROGRAM_OF = {name: f"/opt/some programs/{name}" for name in PROGRAMS}
ROOT = Path("/home/jo/my checkout")
DECLARED = ("user_service", "order_service", "product_service")
FULL = Machine("/venv/bin/python", PROGRAM_OF, "/opt/grafana home", lambda _: True, str)


def _plan(machine: Machine = FULL, *without: str, auth: bool = False, **environment: str) -> tuple[Plan, Site]:
    return planning.plan(
        machine,
        environment,
        root=ROOT,
        data=ROOT / ".data",
        derived=ROOT / ".run" / "derived",
        declared=DECLARED,
        without=frozenset(without),
        auth=auth,
    )


def _environment(plan: Plan, name: str) -> dict[str, str]:
    component = plan.component(name)
    assert component is not None
    return component.environment


def _command(plan: Plan, name: str) -> tuple[str, ...]:
    component = plan.component(name)
    assert component is not None
    return component.command


def test_a_machine_that_has_everything_runs_everything() -> None:
    """Nothing is absent and nothing needs to be said."""
    plan, _ = _plan(auth=True)
    assert [component.name for component in plan.components] == list(BUILDERS)
    assert not plan.absent
    assert not plan.notes


def test_a_bare_machine_runs_gateway_and_services() -> None:
    """What is missing is named, each with the way to get it."""
    plan, _ = _plan(Machine("/venv/bin/python", is_free=lambda _: True))
    assert {component.name for component in plan.components} == {"api-gateway", *SERVICES}
    reasons = {one.name: one.reason for one in plan.absent}
    assert reasons["redis"] == "not installed; the cache is in memory alone"
    assert reasons["redis-exporter"] == "not installed"
    assert reasons["alertmanager"] == "not installed"
    assert all(one.remedy for one in plan.absent)


@pytest.mark.parametrize("installed", [(), ("grafana",), ("prometheus",), ("redis", "prometheus"), ("redis-exporter",)])
@pytest.mark.parametrize("without", [(), ("redis",), ("alertmanager", "node-exporter")])
def test_what_is_missing_comes_with_one_line(installed: tuple[str, ...], without: tuple[str, ...]) -> None:
    """The packages of all that is neither there nor left out; nothing is said of those that Debian has not."""
    machine = Machine("", {name: PROGRAM_OF[name] for name in installed}, "/opt/grafana home", lambda _: True)
    plan, _ = _plan(machine, *without)
    wanted = [one.package for name, one in PROGRAMS.items() if name not in (*installed, *without) and one.package]
    line = f"On Debian, Ubuntu one line gets them: sudo apt install {' '.join(wanted)}"
    assert plan.notes == ((line,) if len(wanted) > 1 else ())


def test_one_missing_program_needs_no_line_of_its_own() -> None:
    """Its remedy is beside it."""
    machine = Machine("", {name: at for name, at in PROGRAM_OF.items() if name != "redis"}, "/opt/g", lambda _: True)
    assert _plan(machine)[0].notes == ()


def test_without_redis_the_gateway_keeps_the_persons_own_setting() -> None:
    """Nothing is passed that would hide a REDIS_URL of the environment, and no exporter watches nothing."""
    plan, _ = _plan(FULL, "redis")
    assert "REDIS_URL" not in _environment(plan, "api-gateway")
    assert {one.name: one.reason for one in plan.absent} == {
        "redis": "left out (--without)",
        "redis-exporter": "there is no Redis to watch",
    }


def test_the_demo_asks_what_runs_here_and_nobody_else() -> None:
    """A service that was left out may be a person's own, which is asked by the gateway alone."""
    plan, _ = planning.plan(
        FULL,
        {"GATEWAY_PORT": "9000"},
        root=ROOT,
        data=ROOT / ".data",
        derived=ROOT / ".run" / "derived",
        declared=DECLARED,
        without=frozenset({"order-service"}),
        demo=True,
    )
    assert _command(plan, "demo") == (
        "/venv/bin/python",
        "-m",
        "deploy.demo",
        "--gateway",
        "http://127.0.0.1:9000",
        "--users",
        "http://127.0.0.1:8001",
        "--products",
        "http://127.0.0.1:8003",
    )


def _auth(plan: Plan) -> dict[str, str]:
    """What the gateway is told about tokens."""
    return {name: value for name, value in _environment(plan, "api-gateway").items() if name.startswith("AUTH")}


def test_without_auth_nothing_is_said_about_tokens() -> None:
    """Neither does an issuer run, nor is it missed; the person's own settings stand."""
    plan, _ = _plan(AUTH="jwt", AUTH_JWKS_URL="https://issuer.example.org/keys")
    assert _auth(plan) == {}
    assert plan.component("issuer") is None
    assert "issuer" not in {one.name for one in plan.absent}


def test_with_auth_gateway_and_issuer_fit_together() -> None:
    """Wherever both are: keys, names and what clients reach are said to one as to the other."""
    plan, _ = _plan(FULL, auth=True, ISSUER_PORT="9020", GATEWAY_PORT="9000", AUTH="off", AUTH_ISSUER="")
    issuer = plan.component("issuer")
    assert issuer is not None
    assert _auth(plan) == {
        "AUTH": "jwt",
        "AUTH_JWKS_URL": "http://127.0.0.1:9020/.well-known/jwks.json",
        "AUTH_ISSUER": "http://127.0.0.1:9020",
        "AUTH_AUDIENCE": "http://127.0.0.1:9000",
        "AUTH_RESOURCE": "http://127.0.0.1:9000",
    }
    assert (issuer.url, issuer.probe) == ("http://127.0.0.1:9020", "http://127.0.0.1:9020/health")
    assert " ".join(issuer.command) == (
        f"/venv/bin/python -m deploy.issuer serve --data {ROOT}/.data --port 9020 "
        "--issuer http://127.0.0.1:9020 --audience http://127.0.0.1:9000"
    )


@pytest.mark.parametrize("name", ["AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_RESOURCE"])
def test_what_the_person_has_set_wins(name: str) -> None:
    """And the issuer goes by it, so that its tokens are good."""
    plan, _ = _plan(FULL, auth=True, **{name: "https://mine.example.org"})
    usual = _auth(_plan(FULL, auth=True)[0])
    assert _auth(plan) == usual | {name: "https://mine.example.org"}
    assert ("https://mine.example.org" in _command(plan, "issuer")) == (name != "AUTH_RESOURCE")


@pytest.mark.parametrize("name", ["AUTH_JWKS_URL", "AUTH_JWKS_FILE"])
def test_another_issuer_leaves_no_work_for_ours(name: str) -> None:
    """The gateway asks for its tokens, by the person's settings alone."""
    plan, _ = planning.plan(
        FULL,
        {name: "https://issuer.example.org/keys"},
        root=ROOT,
        data=ROOT / ".data",
        derived=ROOT / ".run" / "derived",
        declared=DECLARED,
        demo=True,
        auth=True,
    )
    assert _auth(plan) == {"AUTH": "jwt"}
    assert {one.name: one.reason for one in plan.absent} == {"issuer": f"{name} leads to another one"}
    assert "--token-command" not in _command(plan, "demo")


def test_the_demo_shows_tokens_of_the_issuer_beside_it() -> None:
    """They allow it to read everybody's profile; a path with a space is one word of the command."""
    plan, _ = planning.plan(
        FULL,
        {},
        root=ROOT,
        data=ROOT / ".data",
        derived=ROOT / ".run" / "derived",
        declared=DECLARED,
        demo=True,
        auth=True,
    )
    *_, option, words = _command(plan, "demo")
    assert option == "--token-command"
    python, *rest = shlex.split(words)
    assert (python, rest[:4]) == ("/venv/bin/python", ["-m", "deploy.issuer", "token", "demo"])
    assert rest[4:] == ["--data", f"{ROOT}/.data", "--scope", "profile:read profile:read:any"]


def test_alertmanager_is_our_own_and_stands_alone() -> None:
    """It has the checkout's configuration, keeps its state with the data, and looks for no peers."""
    plan, site = _plan(FULL, ALERTMANAGER_PORT="9999")
    assert site.ports["alertmanager"] == 9999
    assert _command(plan, "alertmanager") == (
        PROGRAM_OF["alertmanager"],
        f"--config.file={ROOT}/prometheus/alertmanager.yml",
        f"--storage.path={ROOT}/.data/alertmanager",
        "--web.listen-address=127.0.0.1:9999",
        "--cluster.listen-address=",
    )


def test_without_prometheus_there_is_nothing_to_alert_of() -> None:
    """Left out, it takes Alertmanager with it, and says why."""
    plan, _ = _plan(FULL, "prometheus")
    assert {one.name: one.reason for one in plan.absent} == {
        "prometheus": "left out (--without)",
        "alertmanager": "there is no Prometheus to send it alerts",
    }


def test_a_sample_that_nothing_declares_does_not_run() -> None:
    """Whoever has put services of their own in the place of the samples has no use for these."""
    plan, _ = planning.plan(
        FULL, {}, root=ROOT, data=ROOT / ".data", derived=ROOT / ".run" / "derived", declared=("user_service", "mine")
    )
    assert {one.name: one.reason for one in plan.absent} == dict.fromkeys(
        ("order-service", "product-service"), "no aggregate that is declared needs it"
    )
    assert _environment(plan, "api-gateway").keys() == {"PORT", "USER_SERVICE_URL", "REDIS_URL"}


def test_a_service_left_out_leaves_its_address_to_the_person() -> None:
    """So the gateway can be pointed at a service of one's own."""
    plan, _ = _plan(FULL, "order-service")
    environment = _environment(plan, "api-gateway")
    assert "ORDER_SERVICE_URL" not in environment
    assert environment["USER_SERVICE_URL"] == "http://127.0.0.1:8001"


def test_the_gateway_is_told_where_everything_is() -> None:
    """Ports that were set or moved reach the gateway."""
    machine = Machine("/venv/bin/python", PROGRAM_OF, "/opt/grafana", lambda port: port != 6379, str)
    plan, _ = _plan(machine, GATEWAY_PORT="9000", PRODUCT_SERVICE_PORT="9003")
    assert _environment(plan, "api-gateway") == {
        "PORT": "9000",
        "USER_SERVICE_URL": "http://127.0.0.1:8001",
        "ORDER_SERVICE_URL": "http://127.0.0.1:8002",
        "PRODUCT_SERVICE_URL": "http://127.0.0.1:9003",
        "REDIS_URL": "redis://127.0.0.1:6380/0",
    }
    assert plan.notes == ("Port 6379 is in use by 6379; redis uses 6380.",)


def test_each_service_owns_a_database_in_the_data_directory() -> None:
    """A path with a space is part of the address as it is."""
    plan, _ = _plan()
    assert _environment(plan, "order-service") == {
        "HOST": "127.0.0.1",
        "PORT": "8002",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "DATABASE_URL": "sqlite:////home/jo/my checkout/.data/orders.db",
    }
    assert _command(plan, "order-service") == ("/venv/bin/python", "-m", "services.orders")


def test_redis_is_a_bounded_cache_on_the_loopback_address() -> None:
    """Nothing is written to disk, the least recently used goes first, nobody outside can ask."""
    plan, _ = _plan(FULL, REDIS_MAX_MEMORY="64mb")
    command = " ".join(_command(plan, "redis"))
    for option in ("--bind 127.0.0.1", "--save  ", "--appendonly no", "--maxmemory 64mb", "allkeys-lru"):
        assert option in command


def test_grafana_shows_the_local_prometheus() -> None:
    """Data source, dashboards and log-in come from the checkout and the environment."""
    plan, _ = _plan(FULL, PROMETHEUS_PORT="9999", GRAFANA_ADMIN_PASSWORD="secret")
    environment = _environment(plan, "grafana")
    assert environment["PROMETHEUS_URL"] == "http://127.0.0.1:9999"
    assert environment["DASHBOARDS_PATH"] == f"{ROOT}/grafana/dashboards"
    assert environment["GF_PATHS_PROVISIONING"] == f"{ROOT}/grafana/provisioning"
    assert (environment["GF_SECURITY_ADMIN_USER"], environment["GF_SECURITY_ADMIN_PASSWORD"]) == ("admin", "secret")
    assert _command(plan, "grafana") == (PROGRAM_OF["grafana"], "server", "--homepath=/opt/grafana home")


def test_grafana_without_its_own_files_is_left_out() -> None:
    """The remedy tells how to say where they are."""
    plan, _ = _plan(Machine("/venv/bin/python", PROGRAM_OF, None, lambda _: True))
    (absent,) = plan.absent
    assert (absent.name, "GF_PATHS_HOME" in absent.remedy) == ("grafana", True)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("10.0.0.5", "http://10.0.0.5:8000"),
    ],
)
def test_the_gateway_may_listen_elsewhere(host: str, url: str) -> None:
    """It is asked where it listens; the services stay on the loopback address."""
    plan, _ = _plan(FULL, HOST=host)
    gateway, users = plan.component("api-gateway"), plan.component("user-service")
    assert gateway is not None
    assert users is not None
    assert (gateway.url, users.url) == (url, "http://127.0.0.1:8001")

"""How each component is started, given the ports of all that run."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.issuer.server import HEALTH_PATH, JWKS_PATH
from deploy.issuer.tokens import ANY_SCOPE
from deploy.local.component import Component
from deploy.local.ports import LOOPBACK

# The samples of this repository; those run that are declared.
SERVICES = {
    "user-service": "services.users",
    "order-service": "services.orders",
    "product-service": "services.products",
}
DEMO = "demo"
ISSUER = "issuer"
DEMO_ASKS = {
    "api-gateway": "--gateway",
    "user-service": "--users",
    "order-service": "--orders",
    "product-service": "--products",
}
WILDCARDS = {"", "0.0.0.0", "::"}


@dataclass(frozen=True, slots=True)
class Site:
    """What the commands are made from.

    Attributes:
        root: The checkout.
        data: Where data goes.
        derived: Where configuration made from the checkout's goes.
        python: The interpreter that has the packages.
        ports: The port of each component that runs; one without is not there.
        programs: The program of each component that is not ours.
        environment: Settings of the person.
        grafana_home: Where Grafana's own files are.
        auth: Whether the gateway asks for tokens, whatever the person's settings say.
    """

    root: Path
    data: Path
    derived: Path
    python: str
    ports: Mapping[str, int]
    programs: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    grafana_home: str | None = None
    auth: bool = False

    def address(self, name: str) -> str:
        """Return host and port of a component."""
        host = self.environment.get("HOST", "") if name == "api-gateway" else ""
        host = LOOPBACK if host in WILDCARDS else host
        return f"{f'[{host}]' if ':' in host else host}:{self.ports[name]}"

    def url(self, name: str) -> str:
        """Return the HTTP address of a component."""
        return f"http://{self.address(name)}"


def declared_as(name: str) -> str:
    """Return what a service is called where it is declared, as its settings and metrics are."""
    return name.replace("-", "_")


def api_gateway(site: Site) -> Component:
    """The gateway, with the addresses of what else runs here; otherwise it keeps the person's settings."""
    environment = {"PORT": str(site.ports["api-gateway"])}
    environment |= {f"{declared_as(name).upper()}_URL": site.url(name) for name in SERVICES if name in site.ports}
    environment |= _redis_url(site)
    if site.auth:
        environment["AUTH"] = "jwt"
    if ISSUER in site.ports:
        environment |= _authentication(site)
    return _http(site, "api-gateway", "/health/ready", (site.python, "-m", "bff"), environment)


def _redis_url(site: Site) -> dict[str, str]:
    """Where Redis is, if it runs here."""
    return {"REDIS_URL": f"redis://{site.address('redis')}/0"} if "redis" in site.ports else {}


def issuer(site: Site) -> Component:
    """Who issues tokens to try the gateway with; it goes by the names that the gateway is to ask for."""
    names = _authentication(site)
    options = {
        "--data": str(site.data),
        "--port": str(site.ports[ISSUER]),
        "--issuer": names["AUTH_ISSUER"],
        "--audience": names["AUTH_AUDIENCE"],
    }
    words = (word for pair in options.items() for word in pair)
    return _http(site, ISSUER, HEALTH_PATH, (site.python, "-m", "deploy.issuer", "serve", *words), {})


def _authentication(site: Site) -> dict[str, str]:
    """What fits together unless the person has set something else."""
    gateway = site.url("api-gateway")
    usual = {
        "AUTH_JWKS_URL": f"{site.url(ISSUER)}{JWKS_PATH}",
        "AUTH_ISSUER": site.url(ISSUER),
        "AUTH_AUDIENCE": gateway,
        "AUTH_RESOURCE": gateway,
    }
    return {name: site.environment.get(name) or value for name, value in usual.items()}


def service(site: Site, name: str) -> Component:
    """One of the samples, with an SQLite database of its own."""
    module = SERVICES[name]
    database = site.data / f"{module.rpartition('.')[2]}.db"
    environment = {"HOST": LOOPBACK, "PORT": str(site.ports[name]), "DATABASE_URL": f"sqlite:///{database}"}
    environment |= _redis_url(site)
    return _http(site, name, "/health/ready", (site.python, "-m", module), environment)


def redis(site: Site) -> Component:
    """A cache and nothing else: bounded, least recently used goes first, never written to disk."""
    options = {
        "--bind": LOOPBACK,
        "--port": str(site.ports["redis"]),
        "--save": "",
        "--appendonly": "no",
        "--maxmemory": site.environment.get("REDIS_MAX_MEMORY") or "128mb",
        "--maxmemory-policy": "allkeys-lru",
    }
    command = (site.programs["redis"], *(word for pair in options.items() for word in pair))
    url = f"redis://{site.address('redis')}"
    return Component("redis", url, url, command, {})


def redis_exporter(site: Site) -> Component:
    """What tells Prometheus about Redis."""
    options = (
        f"--redis.addr=redis://{site.address('redis')}",
        f"--web.listen-address={site.address('redis-exporter')}",
    )
    return _http(site, "redis-exporter", "/metrics", (site.programs["redis-exporter"], *options), {})


def node_exporter(site: Site) -> Component:
    """What tells Prometheus about this machine."""
    command = (site.programs["node-exporter"], f"--web.listen-address={site.address('node-exporter')}")
    return _http(site, "node-exporter", "/metrics", command, {})


def prometheus(site: Site) -> Component:
    """Prometheus, with a configuration derived from the checkout's."""
    options = (
        f"--config.file={site.derived / 'prometheus.yml'}",
        f"--storage.tsdb.path={site.data / 'prometheus'}",
        "--storage.tsdb.retention.time=15d",
        "--storage.tsdb.retention.size=2GB",
        f"--web.listen-address={site.address('prometheus')}",
    )
    return _http(site, "prometheus", "/-/ready", (site.programs["prometheus"], *options), {})


def alertmanager(site: Site) -> Component:
    """What sorts the alerts of Prometheus and tells of them; it stands alone, so it looks for no peers."""
    options = (
        f"--config.file={site.root / 'prometheus' / 'alertmanager.yml'}",
        f"--storage.path={site.data / 'alertmanager'}",
        f"--web.listen-address={site.address('alertmanager')}",
        "--cluster.listen-address=",
    )
    return _http(site, "alertmanager", "/-/ready", (site.programs["alertmanager"], *options), {})


def grafana(site: Site) -> Component:
    """Grafana, with the checkout's data source and dashboards; it calls nobody outside."""
    source = site.url("prometheus") if "prometheus" in site.ports else "http://127.0.0.1:9090"
    data = site.data / "grafana"
    environment = {
        "DASHBOARDS_PATH": str(site.root / "grafana" / "dashboards"),
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_LOG_MODE": "console",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "GF_PATHS_DATA": str(data),
        "GF_PATHS_LOGS": str(data / "log"),
        "GF_PATHS_PLUGINS": str(data / "plugins"),
        "GF_PATHS_PROVISIONING": str(site.root / "grafana" / "provisioning"),
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_SECURITY_ADMIN_PASSWORD": site.environment.get("GRAFANA_ADMIN_PASSWORD") or "admin123",
        "GF_SECURITY_ADMIN_USER": site.environment.get("GRAFANA_ADMIN_USER") or "admin",
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": str(site.ports["grafana"]),
        "PROMETHEUS_URL": source,
    }
    program = site.programs["grafana"]
    server = ("server",) if Path(program).name == "grafana" else ()
    command = (program, *server, f"--homepath={site.grafana_home}")
    return _http(site, "grafana", "/api/health", command, environment)


def demo(site: Site) -> Component:
    """A little mixed traffic to what runs here; it answers nobody, so running is all that can be asked of it."""
    words = [word for name, option in DEMO_ASKS.items() if name in site.ports for word in (option, site.url(name))]
    if ISSUER in site.ports:
        issue = (site.python, "-m", "deploy.issuer", "token", DEMO, "--data", str(site.data), "--scope", ANY_SCOPE)
        words += ["--token-command", shlex.join(issue)]
    return Component(DEMO, "", "", (site.python, "-m", "deploy.demo", *words), {})


BUILDERS: Mapping[str, Callable[[Site], Component]] = {
    "redis": redis,
    **{name: lambda site, name=name: service(site, name) for name in SERVICES},  # type: ignore[misc]
    ISSUER: issuer,
    "api-gateway": api_gateway,
    "redis-exporter": redis_exporter,
    "node-exporter": node_exporter,
    "prometheus": prometheus,
    "alertmanager": alertmanager,
    "grafana": grafana,
}


def _http(site: Site, name: str, path: str, command: tuple[str, ...], environment: dict[str, str]) -> Component:
    return Component(name, site.url(name), f"{site.url(name)}{path}", command, environment)

"""Decides what runs: what was not left out, is installed, and has something to do."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import components, ports
from deploy.local.component import Absent, Plan
from deploy.local.components import BUILDERS, ISSUER, SERVICES, Site
from deploy.local.programs import PROGRAMS, install

LEFT_OUT = "left out (--without)"
UNUSED = "no aggregate that is declared needs it"
_IDLE_WITHOUT = {
    "redis-exporter": ("redis", "there is no Redis to watch"),
    "alertmanager": ("prometheus", "there is no Prometheus to send it alerts"),
}
_OTHER_KEYS = ("AUTH_JWKS_URL", "AUTH_JWKS_FILE")


@dataclass(frozen=True, slots=True)
class Machine:
    """What is found on this machine.

    Attributes:
        python: The interpreter that has the packages.
        programs: The program of each component that is installed, of those in `PROGRAMS`.
        grafana_home: Where Grafana's own files are.
        is_free: Tells whether a port can be listened on.
        describe: Tells who holds a port.
    """

    python: str
    programs: Mapping[str, str] = field(default_factory=dict)
    grafana_home: str | None = None
    is_free: Callable[[int], bool] = ports.is_free
    describe: Callable[[int], str] = lambda port: f"another process ({port})"


def plan(
    machine: Machine,
    environment: Mapping[str, str],
    *,
    root: Path,
    data: Path,
    derived: Path,
    declared: Container[str],
    without: frozenset[str] = frozenset(),
    demo: bool = False,
    auth: bool = False,
) -> tuple[Plan, Site]:
    """Decide what runs and how.

    Args:
        machine: What is found on this machine.
        environment: The person's settings.
        root: The checkout.
        data: Where data goes.
        derived: Where derived configuration goes.
        declared: The services that the gateway calls.
        without: Components to leave out.
        demo: Whether a little mixed traffic is sent all the time.
        auth: Whether the gateway asks for tokens, of an issuer that runs here unless the settings name one.

    Returns:
        The plan, and what its commands were made from.

    Raises:
        Refused: A port that is needed cannot be had.
    """
    unused = {name for name in SERVICES if components.declared_as(name) not in declared}
    wanted = [name for name in BUILDERS if auth or name != ISSUER]
    looked = [
        Absent(name, UNUSED) if name in unused else _absent(name, machine, without, environment) for name in wanted
    ]
    absent = [one for one in looked if one is not None]
    missing = {one.name for one in absent}
    names = [name for name in wanted if name not in missing]
    choice = ports.choose(names, environment, machine.is_free, machine.describe)
    site = Site(
        root=root,
        data=data,
        derived=derived,
        python=machine.python,
        ports=choice.ports,
        programs=machine.programs,
        environment=environment,
        grafana_home=machine.grafana_home,
        auth=auth,
    )
    made = [BUILDERS[name](site) for name in names]
    if demo:
        made.append(components.demo(site))
    return Plan(
        str(root),
        tuple(made),
        tuple(absent),
        (*_at_once(missing, machine, without), *choice.notes),
        machine.python,
        str(data),
    ), site


def _at_once(missing: set[str], machine: Machine, without: frozenset[str]) -> list[str]:
    names = [PROGRAMS[name].package for name in PROGRAMS if name in missing - set(machine.programs) - without]
    wanted = [name for name in names if name]
    return [f"On Debian, Ubuntu one line gets them: {install(*wanted)}"] if len(wanted) > 1 else []


def _absent(name: str, machine: Machine, without: frozenset[str], environment: Mapping[str, str]) -> Absent | None:
    if name in without:
        return Absent(name, LEFT_OUT)
    if name in PROGRAMS and name not in machine.programs:
        memory_alone = "; the cache is in memory alone" if name == "redis" else ""
        return Absent(name, f"not installed{memory_alone}", PROGRAMS[name].remedy)
    if name in _IDLE_WITHOUT:
        needed, reason = _IDLE_WITHOUT[name]
        return Absent(name, reason) if _absent(needed, machine, without, environment) else None
    if name == ISSUER:
        return next((Absent(name, f"{one} leads to another one") for one in _OTHER_KEYS if environment.get(one)), None)
    if name == "grafana" and machine.grafana_home is None:
        remedy = "GF_PATHS_HOME=… names the directory that holds conf/defaults.ini"
        return Absent(name, f"{machine.programs[name]} is there, its own files are not found", remedy)
    return None

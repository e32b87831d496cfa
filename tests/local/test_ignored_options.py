"""What a system that runs already does not heed is said, with the command that helps."""

import sys
from pathlib import Path

import pytest

from bff.settings import DECLARED
from deploy.local import ignored_options, options, planning
from deploy.local.component import Plan
from deploy.local.components import BUILDERS, DEMO, ISSUER
from deploy.local.planning import Machine
from deploy.local.ports import PORTS
from deploy.local.programs import PROGRAMS

SCRIPT = "./start_with_monitoring.sh --run '/tmp/run here'"
DISPENSABLE = sorted(set(BUILDERS) - {"api-gateway"})
FULL = Machine(sys.executable, {name: f"/opt/{name}" for name in PROGRAMS}, "/opt/grafana", lambda _: True, str)


def _plan(*without: str, machine: Machine = FULL, auth: bool = True) -> Plan:
    plan, _ = planning.plan(
        machine,
        {},
        root=Path("/checkout"),
        data=Path("/data"),
        derived=Path("/derived"),
        declared=DECLARED.services,
        without=frozenset(without),
        auth=auth,
    )
    return plan


def _of_a_start(plan: Plan, *words: str, **environment: str) -> list[str]:
    asked = options.parse(["start", "--script", SCRIPT, *words])
    return list(ignored_options.for_start(plan, asked, environment))


def _of_one(plan: Plan, command: str, name: str) -> list[str]:
    return list(ignored_options.for_component(plan, options.parse([command, name, "--script", SCRIPT])))


def test_whoever_asks_for_what_there_is_hears_nothing() -> None:
    """The same words again, in whatever part, count."""
    ports = {setting.variable: str(setting.usual) for setting in PORTS.values()}
    assert _of_a_start(_plan("redis"), "--without", "redis", "--data", "/data", **ports) == []
    assert _of_a_start(_plan("redis"), "--detach", "--timeout", "5") == []


@pytest.mark.parametrize("name", DISPENSABLE)
def test_leaving_out_what_runs_is_ignored(name: str) -> None:
    """The line says how to end it alone; what does not run is left out already."""
    (line,) = _of_a_start(_plan(), "--without", name)
    assert line == f"--without {name} is ignored: it runs. End it alone: {SCRIPT} --stop {name}"
    assert _of_a_start(_plan(name), "--without", name) == []


def test_other_data_are_ignored() -> None:
    """The line says where data are."""
    (line,) = _of_a_start(_plan(), "--data", "/elsewhere")
    assert line == "--data /elsewhere is ignored: data is in /data."


@pytest.mark.parametrize("name", sorted(PORTS))
def test_another_port_is_ignored(name: str) -> None:
    """The line says where the component is; the port of what does not run is nobody's."""
    plan, variable = _plan(), PORTS[name].variable
    component = plan.component(name)
    assert component is not None
    (line,) = _of_a_start(plan, **{variable: "12345"})
    assert line == f"{variable}=12345 is ignored: {name} is at {component.url}."
    if name != "api-gateway":
        assert _of_a_start(_plan(name), **{variable: "12345"}) == []


def test_another_python_is_ignored() -> None:
    """The line names the one it runs with."""
    machine = Machine("/other/bin/python", is_free=lambda _: True)
    assert _of_a_start(_plan(machine=machine)) == [f"{sys.executable} is ignored: it runs with /other/bin/python."]


@pytest.mark.parametrize("name", DISPENSABLE)
def test_what_was_left_out_cannot_be_started_alone(name: str) -> None:
    """The lines say that it was left out, and how to have it."""
    assert _of_one(_plan(name), "start", name) == [
        f"{name} does not run here: left out (--without).",
        f"For it to run, start without --without {name} once all has ended: {SCRIPT} --stop",
    ]
    assert _of_one(_plan(name), "stop", name) == [f"{name} does not run here: left out (--without)."]


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_what_is_not_installed_cannot_be_started_alone(name: str) -> None:
    """The lines say how to get it; it is found by the next start of everything."""
    first, remedy, last = _of_one(_plan(machine=Machine("", is_free=lambda _: True)), "start", name)
    assert first.startswith(f"{name} does not run here: not installed")
    assert remedy == PROGRAMS[name].remedy
    assert last == f"For it to run, start anew once all has ended: {SCRIPT} --stop"


@pytest.mark.parametrize(("name", "option"), [(DEMO, "--demo"), (ISSUER, "--auth")])
def test_what_needs_an_option_cannot_be_added(name: str, option: str) -> None:
    """It is a matter of the start."""
    assert _of_one(_plan(auth=False), "start", name) == [
        f"{name} does not run here: it was started without {option}.",
        f"For it to run, start with {option} once all has ended: {SCRIPT} --stop",
    ]


@pytest.mark.parametrize("command", ["start", "stop"])
def test_an_unknown_name_is_told_from_one_that_does_not_run(command: str) -> None:
    """Those that run are listed."""
    names = ", ".join(BUILDERS)
    assert _of_one(_plan(), command, "gateway") == [f"gateway is no component. These run: {names}."]

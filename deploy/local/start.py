"""Starts the system: everything that could stand in the way is looked at before a process is started."""

import os
import sys
from collections.abc import Iterator, Mapping

from bff.settings import DECLARED
from deploy import targets
from deploy.local import data, permissions, planning, port_owner, programs, prometheus, supervisor, table
from deploy.local.component import Plan
from deploy.local.components import Site, declared_as
from deploy.local.errors import Refused
from deploy.local.options import Options
from deploy.local.run_directory import RunDirectory
from deploy.local.say import say
from shared.errors import SettingsError
from shared.settings.environment import read_environment


def start(options: Options, run: RunDirectory) -> Plan:
    """Start all processes; whether they are well is seen later.

    Args:
        options: What was asked for.
        run: The run directory, locked.

    Raises:
        Refused: It cannot be started; nothing was.
    """
    run.require_writable()
    permissions.restrict(run.files())
    left = supervisor.clear(run)
    if left:
        say(f"An earlier run was killed; {left} processes it had left behind have been ended.")
    environment = read_settings(options)
    directory = options.data or options.root / ".data"
    data.prepare(directory, clean=options.clean)
    plan, site = planning.plan(
        _machine(environment),
        environment,
        root=options.root,
        data=directory,
        derived=run.derived,
        declared=DECLARED.services,
        without=options.without,
        demo=options.demo,
        auth=options.auth,
    )
    found = _addresses(plan, environment)
    say(f"Starting {len(plan.components)} processes; data in {directory}, logs in {options.run}.")
    for line in (*table.absent(plan), *_elsewhere(site, found), *plan.notes):
        say(f"  {line}")
    _derive(site, found)
    supervisor.launch(run, plan)
    return plan


def read_settings(options: Options) -> Mapping[str, str]:
    """Return the person's settings: the environment, and `.env` of the checkout.

    Raises:
        Refused: That file cannot be read.
    """
    try:
        return read_environment(os.environ, options.root / ".env")
    except SettingsError as error:
        raise Refused(*error.mistakes) from error


def _machine(environment: Mapping[str, str]) -> planning.Machine:
    path = programs.search_path(environment)
    found = {name: program for name in programs.PROGRAMS if (program := programs.find(name, path))}
    home = programs.grafana_home(found["grafana"], environment) if "grafana" in found else None
    return planning.Machine(sys.executable, found, home, describe=port_owner.describe)


def _addresses(plan: Plan, environment: Mapping[str, str]) -> Mapping[str, str]:
    gateway = plan.component("api-gateway")
    try:
        return targets.addresses({**environment, **(gateway.environment if gateway else {})})
    except SettingsError as error:
        raise Refused(*error.mistakes) from error


def _elsewhere(site: Site, found: Mapping[str, str]) -> Iterator[str]:
    here = {declared_as(name) for name in site.ports}
    for name, url in found.items():
        if name not in here:
            yield f"{name} is not started here: the gateway asks {url} ({name.upper()}_URL)."


def _derive(site: Site, found: Mapping[str, str]) -> None:
    if "prometheus" not in site.ports:
        return
    source = site.root / "prometheus" / "prometheus.yml"
    addresses = {name: site.address(name) for name in site.ports}
    derived = prometheus.derive(source.read_text(), source.parent, addresses)
    (site.derived / prometheus.TARGETS).parent.mkdir(parents=True, exist_ok=True)
    (site.derived / "prometheus.yml").write_text(derived)
    targets.write(found, site.derived / prometheus.TARGETS)

"""Options and settings that a command gives to a running system, and that are ignored: it runs as it was started."""

import sys
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from deploy.local.component import Plan
from deploy.local.components import DEMO, ISSUER
from deploy.local.options import Options
from deploy.local.planning import LEFT_OUT
from deploy.local.ports import PORTS

_OPTION_FOR = {DEMO: "--demo", ISSUER: "--auth"}


def for_start(plan: Plan, options: Options, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for all that a second start asks for and that is otherwise.

    Args:
        plan: What runs.
        options: What was asked for.
        environment: The person's settings as they are now.
    """
    for name in sorted(options.without):
        if plan.component(name) is not None:
            yield f"--without {name} is ignored: it runs. End it alone: {options.script} --stop {name}"
    if options.data is not None and str(options.data) != plan.data:
        yield f"--data {options.data} is ignored: data is in {plan.data}."
    for name, setting in PORTS.items():
        component, wanted = plan.component(name), environment.get(setting.variable)
        if wanted and component is not None and str(urlsplit(component.url).port) != wanted:
            yield f"{setting.variable}={wanted} is ignored: {name} is at {component.url}."
    if plan.python != sys.executable:
        yield f"{sys.executable} is ignored: it runs with {plan.python}."


def for_component(plan: Plan, options: Options) -> Iterator[str]:
    """Yield lines that say why there is nothing to start or stop, and what to do for it.

    Args:
        plan: What runs; the component is not among it.
        options: Which component is meant.
    """
    name = options.component or ""
    absent = next((one for one in plan.absent if one.name == name), None)
    if absent is None and name not in _OPTION_FOR:
        yield f"{name} is no component. These run: {', '.join(one.name for one in plan.components)}."
        return
    reason = absent.reason if absent else f"it was started without {_OPTION_FOR[name]}"
    yield f"{name} does not run here: {reason}."
    if options.command == "start":
        if absent and absent.remedy:
            yield absent.remedy
        how = (
            f"with {_OPTION_FOR[name]}"
            if absent is None
            else f"without --without {name}"
            if reason == LEFT_OUT
            else "anew"
        )
        yield f"For it to run, start {how} once all has ended: {options.script} --stop"

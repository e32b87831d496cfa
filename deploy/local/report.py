"""What a person is shown about a running system, or about one that did not come up."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from deploy.local import table
from deploy.local.component import Plan
from deploy.local.components import DEMO, ISSUER, SERVICES
from deploy.local.progress import Failure
from deploy.local.run_directory import RunDirectory
from deploy.local.say import say
from deploy.local.table import Row

LAST_LINES = 15
# What our own probes leave in a log while they wait would push out the reason that is looked for.
ACCESS = '"logger":"access"'


def show(plan: Plan, run: RunDirectory, script: str) -> int:
    """Show the table of what runs where, what to try and how to end it.

    Args:
        plan: What runs.
        run: Where its state is.
        script: What the person types to reach this very system.

    Returns:
        0 when all is healthy, else 1.
    """
    rows = table.rows(plan, run)
    lines = ["", *table.draw(rows, run.path), *(f"  {line}" for line in table.absent(plan)), *hints(plan, rows, script)]
    for line in lines:
        say(line)
    return 0 if all(row.state == table.HEALTHY for row in rows) else 1


def hints(plan: Plan, rows: Sequence[Row], script: str) -> list[str]:
    """Return lines that say what to try, how to start again what is stopped, and how to end it.

    Args:
        plan: What runs.
        rows: How it is.
        script: What the person types to reach this very system.
    """
    gateway = plan.component("api-gateway")
    if gateway is None:
        return []
    has_samples = plan.component("user-service") is not None
    lines = [
        "",
        "Try:",
        *(_profiles(plan, gateway.url) if has_samples else [f"  curl {gateway.url}/"]),
        f"  curl {gateway.url}/health",
        f"  curl {gateway.url}/api/cache/stats",
    ]
    grafana = plan.component("grafana")
    if grafana is not None:
        user = grafana.environment["GF_SECURITY_ADMIN_USER"]
        lines.append(f"Grafana: {grafana.url}, user {user}, password as set (admin123 where it is not).")
    stopped = [row.name for row in rows if row.state == table.STOPPED]
    running = [name for name in (*SERVICES, "redis", DEMO) if plan.component(name) and name not in stopped]
    return [
        *lines,
        "",
        *(f"Start again what stopped: {script} --start {name}" for name in stopped),
        *(f"Watch it do without one:  {script} --stop {name}" for name in running[:1] if name != DEMO),
        *(f"Send no more traffic:     {script} --stop {name}" for name in running if name == DEMO),
        f"What runs:                {script} --status",
        f"End it:                   {script} --stop",
    ]


def asks_for_tokens(plan: Plan) -> bool:
    """Tell whether it was started with --auth."""
    gateway = plan.component("api-gateway")
    return gateway is not None and gateway.environment.get("AUTH") == "jwt"


def _profiles(plan: Plan, gateway: str) -> list[str]:
    ask = f"  curl -i {gateway}/api/profile/"
    if plan.component(ISSUER) is None:
        return [f"{ask}user123"]
    data = [] if Path(plan.data) == Path(plan.root, ".data") else ["--data", plan.data]
    issue = shlex.join([plan.python, "-m", "deploy.issuer", "token", "user123", *data])
    shown = ' -H "Authorization: Bearer $TOKEN"'
    return [
        f"{ask}user123  # 401: nobody knows who asks",
        f"  TOKEN=$(cd {shlex.quote(plan.root)} && {issue})",
        f"{ask}user456{shown}  # 403: it is somebody else's",
        f"{ask}user123{shown}  # 200",
    ]


def failed(failures: Sequence[Failure], run: RunDirectory) -> int:
    """Show what did not come up, each with the end of its log, requests apart.

    Returns:
        0 when there is nothing to show, else 1.
    """
    for failure in failures:
        say(f"\n{failure.name} is not healthy: {failure.reason}. The end of {run.log(failure.name)}:")
        for line in _end_of_log(run, failure.name):
            say(f"  {line}")
    return 1 if failures else 0


def _end_of_log(run: RunDirectory, name: str) -> list[str]:
    log = run.log(name)
    if not log.exists():
        return ["(it has written nothing)"]
    lines = log.read_text(errors="replace").splitlines()
    return [line for line in lines if ACCESS not in line][-LAST_LINES:]

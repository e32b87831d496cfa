"""What a person can ask for."""

import time
from functools import partial

from deploy.local import follow, ignored_options, progress, report, supervisor, traffic
from deploy.local.component import Component, Plan
from deploy.local.components import DEMO
from deploy.local.errors import Interrupted, Refused
from deploy.local.options import Options
from deploy.local.run_directory import RunDirectory
from deploy.local.say import say
from deploy.local.signals import ignored
from deploy.local.start import read_settings, start
from deploy.local.status import Phase

NOT_RUNNING = 3
STEP_SECONDS = 0.1
STOP_SECONDS = 10.0
# Longer than Prometheus' scrape interval, so that it sees counters rise.
TRAFFIC_SECONDS = 6.0
BRIEF_SECONDS = 0.5


def run(options: Options) -> int:
    """Do what was asked for.

    Returns:
        Exit status.

    Raises:
        Refused: It cannot be done.
        Interrupted: A signal came; what this command had started has been ended.
    """
    if options.command == "status":
        return status(options)
    if options.command == "stop":
        return stop_one(options) if options.component else stop_all(options)
    return start_one(options) if options.component else start_all(options)


def start_all(options: Options) -> int:
    """Start the system and stay with it, or show the one that runs already.

    Returns:
        Exit status: 0 when all is healthy.
    """
    run = RunDirectory(options.run)
    mine = False
    try:
        with run.locked():
            mine = not supervisor.is_alive(run)
            if not mine and options.clean:
                raise Refused(f"It is running: end it first, with {options.script} --stop")
            plan = start(options, run) if mine else _plan(run, options)
            if options.demo and plan.component(DEMO) is None:
                raise Refused(f"It is running without {DEMO}: end it first, with {options.script} --stop")
            if options.auth and not report.asks_for_tokens(plan):
                raise Refused(f"It is running without --auth: end it first, with {options.script} --stop")
        return _run_in_foreground(plan, run, options) if mine else _show_running(plan, run, options)
    except (Interrupted, BrokenPipeError):
        if mine:
            with ignored():
                say("\nEnding …")
                _end(run)
        raise


def stop_all(options: Options) -> int:
    """End the system, and whatever a killed supervisor has left behind."""
    run = RunDirectory(options.run)
    if not options.run.is_dir() or (run.plan() is None and not supervisor.is_alive(run)):
        say("Nothing is running.")
        return 0
    with run.locked(), ignored():
        _end(run)
    return 0


def status(options: Options) -> int:
    """Show what runs.

    Returns:
        Exit status: 0 when all is healthy, 1 when something is not, 3 when nothing runs.
    """
    run = RunDirectory(options.run)
    if not supervisor.is_alive(run):
        killed = f"The supervisor was killed; {options.script} --stop cleans up after it."
        say("Nothing is running." if run.plan() is None else killed)
        return NOT_RUNNING
    return report.show(_plan(run, options), run, options.script)


def start_one(options: Options) -> int:
    """Start one component that was stopped, and wait until it is well."""
    run, component = _one(options)
    run.hold(component.name).unlink(missing_ok=True)
    failures = progress.wait(
        [component], run, partial(supervisor.is_alive, run), timeout=options.timeout, tolerant=True
    )
    return report.failed(failures, run)


def stop_one(options: Options) -> int:
    """Stop one component, and leave it stopped until it is started again."""
    run, component = _one(options)
    run.hold(component.name).touch()
    limit = time.monotonic() + STOP_SECONDS
    while not _is_held(run, component):
        if time.monotonic() > limit:
            raise Refused(f"{component.name} has not stopped within {STOP_SECONDS:g} s.")
        time.sleep(STEP_SECONDS)
    say(f"{component.name} is stopped. Start it again: {options.script} --start {component.name}")
    return 0


def _run_in_foreground(plan: Plan, run: RunDirectory, options: Options) -> int:
    is_alive = partial(supervisor.is_alive, run)
    failures = progress.wait(plan.components, run, is_alive, timeout=options.timeout)
    if failures:
        report.failed(failures, run)
        with ignored():
            _end(run)
        return 1
    if plan.component(DEMO) is None:
        seconds = TRAFFIC_SECONDS if plan.component("prometheus") else BRIEF_SECONDS
        say(f"Sending a little traffic for {seconds:g} s …")
        traffic.send(plan, seconds=seconds)
    report.show(plan, run, options.script)
    if options.detach:
        return 0
    say("\nIt runs until you press Ctrl-C. What it writes:\n")
    follow.follow(plan, run, is_alive)
    say("It was ended from elsewhere.")
    return 0


def _show_running(plan: Plan, run: RunDirectory, options: Options) -> int:
    say("It is running already. Settings that have changed since count from its next start on.")
    for line in ignored_options.for_start(plan, options, read_settings(options)):
        say(f"  {line}")
    wanted = [one for one in plan.components if not _is_held(run, one)]
    progress.wait(wanted, run, partial(supervisor.is_alive, run), timeout=options.timeout, tolerant=True)
    return report.show(plan, run, options.script)


def _end(run: RunDirectory) -> None:
    started = time.monotonic()
    supervisor.end(run)
    say(f"All has ended, after {time.monotonic() - started:.1f} s. Data and logs are kept.")


def _plan(run: RunDirectory, options: Options) -> Plan:
    plan = run.plan()
    if plan is None:
        raise Refused(f"{run.plan_file} is gone although the system runs. End it with {options.script} --stop")
    return plan


def _one(options: Options) -> tuple[RunDirectory, Component]:
    run = RunDirectory(options.run)
    if not supervisor.is_alive(run):
        raise Refused("Nothing is running.")
    plan = _plan(run, options)
    component = plan.component(options.component or "")
    if component is None:
        raise Refused(*ignored_options.for_component(plan, options))
    return run, component


def _is_held(run: RunDirectory, component: Component) -> bool:
    status = run.status(component.name)
    return status is not None and status.phase is Phase.HELD

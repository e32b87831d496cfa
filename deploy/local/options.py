"""The words of the command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.ports import PORTS


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for.

    Attributes:
        command: start, stop or status.
        component: The one component that is meant, or None for all.
        root: The checkout.
        data: Where data is to go, or None when nothing was said of it.
        run: Where state and logs go.
        detach: Whether to return once all is healthy.
        clean: Whether to begin with empty data.
        demo: Whether a little mixed traffic is sent all the time.
        auth: Whether the gateway asks for tokens.
        without: Components to leave out.
        timeout: How many seconds the system has to become healthy.
        script: What the person types to reach this very system, for the hints.
    """

    command: str
    component: str | None
    root: Path
    data: Path | None
    run: Path
    detach: bool
    clean: bool
    demo: bool
    auth: bool
    without: frozenset[str]
    timeout: float
    script: str


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; ends with status 2 and a message where it is wrong."""
    parser = argparse.ArgumentParser(prog="start_with_monitoring.sh", usage="%(prog)s --help tells how")
    parser.add_argument("command", choices=("start", "stop", "status"))
    parser.add_argument("component", nargs="?")
    parser.add_argument("--root", type=Path, default=Path.cwd())
    parser.add_argument("--data", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--detach", action="store_true")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--auth", action="store_true")
    parser.add_argument("--without", action="append", default=[], choices=tuple(PORTS), metavar="COMPONENT")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS")
    parser.add_argument("--script", default="./start_with_monitoring.sh")
    found = parser.parse_args(arguments)
    if "api-gateway" in found.without:
        parser.error("the gateway cannot be left out")
    root = found.root.absolute()
    return Options(
        command=found.command,
        component=found.component,
        root=root,
        data=found.data and found.data.absolute(),
        run=(found.run or root / ".run").absolute(),
        detach=found.detach,
        clean=found.clean,
        demo=found.demo,
        auth=found.auth,
        without=frozenset(found.without),
        timeout=found.timeout,
        script=found.script,
    )

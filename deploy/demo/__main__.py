"""The command line: `python -m deploy.demo --gateway URL [--users URL] [--orders URL] [--products URL]`."""

import argparse
import asyncio
import contextlib
import shlex
import signal
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from deploy.demo.calls import Target
from deploy.demo.token import Token
from deploy.demo.traffic import Traffic
from shared.broken_pipe import tolerate_broken_pipe
from shared.errors import SettingsError
from shared.observing import logs
from shared.settings.environment import read_environment

_OPTIONS = {
    "--gateway": Target.GATEWAY,
    "--users": Target.USERS,
    "--orders": Target.ORDERS,
    "--products": Target.PRODUCTS,
}


def main(arguments: Sequence[str]) -> int:
    """Send traffic until SIGTERM or SIGINT comes; ADMIN_TOKEN, of the environment or `.env`, lets it purge.

    Returns:
        Exit status: 0, or 2 when something that was given makes no sense.
    """
    given = _parse(arguments)
    addresses = {target: url for target in _OPTIONS.values() if (url := getattr(given, target))}
    try:
        admin_token = read_environment().get("ADMIN_TOKEN", "").strip()
    except SettingsError as error:
        sys.stderr.write("".join(f"{line}\n" for line in error.mistakes))
        return 2
    logs.configure("demo", "info")
    try:
        asyncio.run(_until_told(Traffic(addresses, admin_token, given.rate, Token(given.token_command))))
    finally:
        logs.flush()
    return 0


async def _until_told(traffic: Traffic) -> None:
    task = asyncio.create_task(traffic.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description="Sends a little mixed traffic.")
    for option, target in _OPTIONS.items():
        parser.add_argument(
            option,
            dest=target,
            type=_address,
            required=target is Target.GATEWAY,
            metavar="URL",
            help=f"base address of {target}",
        )
    parser.add_argument("--rate", type=_rate, default=15.0, metavar="NUMBER", help="about so many requests a second")
    parser.add_argument(
        "--token-command",
        type=_command,
        default=(),
        metavar="WORDS",
        help="a program and its arguments that print a bearer token for the gateway; it is run every ten minutes",
    )
    return parser.parse_args(arguments)


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is no http:// address")
    return text.rstrip("/")


def _command(text: str) -> Sequence[str]:
    return shlex.split(text)


def _rate(text: str) -> float:
    rate = float(text)
    if not 0.1 <= rate <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.1 and 100")
    return rate


if __name__ == "__main__":
    with tolerate_broken_pipe():
        sys.exit(main(sys.argv[1:]))

"""The command line: `python -m deploy.issuer serve | token SUBJECT | rotate`, each with `--help`."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from deploy.issuer import tokens
from deploy.issuer.keys import AUDIENCE
from deploy.issuer.server import LOOPBACK, Server, serve_until_told
from deploy.issuer.signing import new_key
from deploy.issuer.store import Store, Unusable
from deploy.local import permissions
from shared.broken_pipe import tolerate_broken_pipe

PORT = 8020
_LONGEST_WORD = 256


def main(arguments: Sequence[str]) -> int:
    """Do what was asked for.

    Returns:
        Exit status: 0, 1 where keys or port are not to be had, or 2 where the words make no sense.
    """
    permissions.set_umask()
    given = _parse(arguments)
    store = Store(given.data)
    try:
        if given.command == "serve":
            return _serve(store, given)
        if given.command == "rotate":
            with store.changing() as change:
                change.keys = change.keys.rotated(new_key(), time.time())
            return 0
        wish = tokens.Wish(given.subject, given.scope, given.ttl, given.audience, given.issuer, given.expired)
        sys.stdout.write(f"{tokens.issue(store, wish)}\n")
    except Unusable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _serve(store: Store, given: argparse.Namespace) -> int:
    issuer = given.issuer or f"http://{LOOPBACK}:{given.port}"
    with store.changing() as change:
        change.keys = msgspec.structs.replace(change.keys, issuer=issuer, audience=given.audience or AUDIENCE)
    try:
        server = Server(store, given.port)
    except OSError as error:
        sys.stderr.write(f"Port {given.port} cannot be listened on: {error.strerror}.\n")
        return 1
    with server:
        serve_until_told(server)
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--data", type=Path, default=Path(".data"), metavar="DIR", help="where the keys are (.data)")
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--issuer", type=_word, metavar="URL", help="the claim iss")
    named.add_argument("--audience", type=_word, metavar="URL", help="the claim aud")
    parser = argparse.ArgumentParser(prog="python -m deploy.issuer", description="A development issuer.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve | token | rotate")
    serve = commands.add_parser("serve", parents=[shared, named], help="publish the keys until told to end")
    serve.add_argument("--port", type=_number(65535), default=PORT, metavar="NUMBER", help=f"port ({PORT})")
    token = commands.add_parser("token", parents=[shared, named], help="print an access token, and nothing else")
    token.add_argument("subject", type=_word, metavar="SUBJECT", help="whom it is about, such as user123")
    token.add_argument("--scope", type=_scope, default=tokens.SCOPE, help=f"what it allows ({tokens.SCOPE})")
    token.add_argument(
        "--ttl",
        type=_number(tokens.LONGEST_TTL_SECONDS),
        default=tokens.TTL_SECONDS,
        metavar="SECONDS",
        help=f"how long it is good ({tokens.TTL_SECONDS})",
    )
    token.add_argument("--expired", action="store_true", help="one that has ended")
    commands.add_parser("rotate", parents=[shared], help="sign with a new key from now on")
    return parser.parse_args(arguments)


def _word(text: str) -> str:
    if not (0 < len(text) <= _LONGEST_WORD and text.isascii() and text.isprintable() and " " not in text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to {_LONGEST_WORD} visible ASCII characters")
    return text


def _scope(text: str) -> str:
    for name in text.split(" ") if text else []:
        _word(name)
    return text


def _number(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and 0 < int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {most}")
        return int(text)

    return parse


if __name__ == "__main__":
    with tolerate_broken_pipe():
        sys.exit(main(sys.argv[1:]))

"""The process environment, with an optional ``.env`` file under it (the environment wins)."""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from dotenv.parser import parse_stream

from shared.errors import SettingsError


def read_environment(environ: Mapping[str, str] = os.environ, dotenv: Path = Path(".env")) -> Mapping[str, str]:
    """``environ`` over the assignments in ``dotenv``, where that file exists.

    Raises:
        SettingsError: the file cannot be read, or has lines that are no assignment.
    """
    if not dotenv.exists():
        return environ
    try:
        with dotenv.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{dotenv}: cannot be read ({error})"]) from error
    bad = [f"{dotenv}: line {b.original.line} is no NAME=value assignment" for b in bindings if b.error]
    if bad:
        raise SettingsError(bad)
    return {b.key: b.value for b in bindings if b.key and b.value is not None} | dict(environ)


def export_environment(environ: Mapping[str, str], prefix: str, to: MutableMapping[str, str] = os.environ) -> None:
    """Give variables that begin with ``prefix`` to libraries that read the process environment, and to its children."""
    to.update({name: value for name, value in environ.items() if name.startswith(prefix)})

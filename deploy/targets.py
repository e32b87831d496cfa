"""Where Prometheus finds the services: `python -m deploy.targets` writes down what is declared and set."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

from bff.catalogue import Catalogue
from bff.settings import DECLARED
from shared.broken_pipe import tolerate_broken_pipe
from shared.errors import SettingsError
from shared.settings.environment import read_environment
from shared.settings.loading import load_variables
from shared.upstream.lookup.address import By, targets


class Group(TypedDict):
    """Some targets and the labels that they share, in the form of Prometheus' `file_sd_configs`."""

    targets: list[str]
    labels: Mapping[str, str]


def addresses(environ: Mapping[str, str], declared: Catalogue = DECLARED) -> Mapping[str, str]:
    """The address of each declared service, by name, as the gateway reads it from its environment.

    Raises:
        SettingsError: one cannot be used.
    """
    return load_variables({name: service.variables()["url"] for name, service in declared.services.items()}, environ)


def groups(found: Mapping[str, str], declared: Catalogue = DECLARED) -> list[Group]:
    """Groups of each declared service that has metrics, at the addresses at which it was ``found``."""
    return [
        group
        for name, service in declared.services.items()
        if service.metrics_path
        for group in _groups(found[name], service.metrics_path, name, essential=service.essential)
    ]


def _groups(address: str, path: str, name: str, *, essential: bool) -> Iterator[Group]:
    """One for each scheme and path; SRV records, whose ports are not known here, are left out."""
    places: dict[tuple[str, str], list[str]] = {}
    for target in targets(address):
        if target.by is not By.SRV:
            url = urlsplit(target.url)
            host = f"[{target.host}]" if ":" in target.host else target.host
            places.setdefault((url.scheme, url.path), []).append(f"{host}:{target.port}")
    for (scheme, base), found in places.items():
        yield _group(found, scheme, base + path, name, essential=essential)


def _group(found: list[str], scheme: str, path: str, name: str, *, essential: bool) -> Group:
    return {
        "targets": found,
        "labels": {
            "__scheme__": scheme,
            "__metrics_path__": path,
            "job": name.replace("_", "-"),
            "service": name,
            "essential": str(essential).lower(),
        },
    }


def write(found: Mapping[str, str], file: Path) -> None:
    """Replace `file` in one step: Prometheus may read it at any time.

    Raises:
        OSError: it cannot be written.
    """
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        fresh.write_text(_text(found))
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def _text(found: Mapping[str, str]) -> str:
    return json.dumps(groups(found), indent=2) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the targets; return the exit status: 1 where they cannot be written, 2 where an address cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m deploy.targets", description=__doc__)
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to; standard output without it")
    options = parser.parse_args(arguments)
    try:
        found = addresses(read_environment())
    except SettingsError as error:
        sys.stderr.write("".join(f"{mistake}\n" for mistake in error.mistakes))
        return 2
    if options.output is None:
        sys.stdout.write(_text(found))
        return 0
    try:
        write(found, options.output)
    except OSError as error:
        sys.stderr.write(f"{options.output}: cannot be written ({error.strerror})\n")
        return 1
    return 0


if __name__ == "__main__":
    with tolerate_broken_pipe():
        sys.exit(main(sys.argv[1:]))

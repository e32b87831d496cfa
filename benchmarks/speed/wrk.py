"""wrk, the load generator: as many requests as the gateway answers, over connections that are kept alive."""

import asyncio
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.common.ports import LOCAL
from benchmarks.common.process import CannotRun

_SCRIPT: Final = Path(__file__).with_name("load.lua")
_MARGIN_SECONDS: Final = 20.0
_figures = re.compile(r"^FIGURES (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Load:
    """What is asked for in turn; a ``*`` in a path becomes a number that nobody has asked for before.

    Attributes:
        paths: one for each request.
        headers: of every request.
        own: what the request for each path has besides; nothing, or as many as there are paths.
        refused: whether every answer is to be a status from 400 on.
        connections: over which it is asked; None for as many as the plan has.
    """

    paths: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    own: Sequence[Mapping[str, str]] = ()
    refused: bool = False
    connections: int | None = None

    def headers_of(self, number: int) -> Mapping[str, str]:
        """All of the request for that path."""
        return {**self.headers, **self.own[number]} if self.own else self.headers


@dataclass(frozen=True)
class Answered:
    """What came of it; p50 and p99 in seconds, ``size`` is bytes for each answer."""

    requests: int
    seconds: float
    size: float
    p50: float
    p99: float
    errors: int


def program() -> str:
    """Where wrk is.

    Raises:
        CannotRun: it is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        raise CannotRun("There is no wrk on PATH, which makes the load. Debian: apt install wrk.")
    return found


async def run(load: Load, port: int, *, seconds: int, connections: int, first: int, folder: Path) -> Answered:
    """Load ``port`` for so long; numbers for ``*`` come after ``first``.

    Raises:
        CannotRun: wrk does not do its work.
    """
    paths = folder / "paths.txt"
    paths.write_text("".join(f"{line}\n" for line in _lines(load)))
    headers = [part for name, value in load.headers.items() for part in ("-H", f"{name}: {value}")]
    process = await asyncio.create_subprocess_exec(
        program(), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", *headers,
        "-s", str(_SCRIPT), f"http://{LOCAL}:{port}/", "--", str(paths), str(first),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds + _MARGIN_SECONDS):
            said = (await process.communicate())[0].decode(errors="replace")
    except TimeoutError:
        raise CannotRun("wrk does not end.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found = _figures.search(said)
    if found is None:
        raise CannotRun(f"wrk gave no figures:\n{said[-500:]}")
    got = json.loads(found[1])
    requests = max(1, got["requests"])
    return Answered(
        requests=got["requests"],
        seconds=got["microseconds"] / 1e6,
        size=got["bytes"] / requests,
        p50=got["p50"] / 1e6,
        p99=got["p99"] / 1e6,
        errors=got["errors"] + (got["requests"] - got["refused"] if load.refused else got["refused"]),
    )


def _lines(load: Load) -> Iterator[str]:
    """As the script reads them."""
    for number, path in enumerate(load.paths):
        own = load.own[number] if load.own else {}
        yield "\t".join([path, *(f"{name}: {value}" for name, value in own.items())])

"""Private parts of libraries are used where docs/decisions/0020-private-parts.md says so, and are as it says."""

import ast
import asyncio
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import pytest
from aiohttp import TCPConnector
from prometheus_client import Gauge, Histogram
from sanic import Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.http import Http
from sanic.server import HttpProtocol

from tests.fixtures.private_parts import OURS, members, private, used

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/decisions/0020-private-parts.md"
FILES = [file for package in OURS for file in sorted((ROOT / package).rglob("*.py"))]


class Row(NamedTuple):
    """A row of the page: what it says of each of the ``members`` of a part, where they are used, and what fails."""

    part: str
    members: Mapping[str, str]
    files: list[str]
    tests: list[str]


def _rows() -> Iterator[Row]:
    for line in re.findall(r"^\| (`[a-z_]+\.[^|]*`.*) \|$", PAGE.read_text(), re.MULTILINE):
        (part, *names), files, _, tests = (re.findall(r"`([^`]+)`", cell) for cell in line.split(" | "))
        said = {name: more for one in names for name, more in re.findall(r"^(\w+)(.*)", one)}
        yield Row(part, said, files, tests)


ROWS: Final = [*_rows()]
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.part} {' '.join(row.members)}")


def _module(file: Path) -> Callable[[], ModuleType]:
    return lambda: import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_whatever_is_private_is_on_the_page(file: Path) -> None:
    """Imported, inherited, overridden, or another object's."""
    rows = [row for row in ROWS if str(file.relative_to(ROOT)) in row.files]
    listed = {name for row in rows for name in (*row.members, *row.part.split(".")[-2:])}
    assert private(file.read_text(), _module(file)) - listed == set()


@each_row
def test_whatever_is_on_the_page_is_used(row: Row) -> None:
    """Each member in one of the files, and in each of them something."""
    names = row.members.keys() or {row.part.rpartition(".")[2]}
    found = [names & {*used(ast.parse((ROOT / file).read_text()))} for file in row.files]
    assert set[str]().union(*found) == names
    assert all(found)


def _at(path: str) -> Any:
    module, names = path, list[str]()
    while True:
        try:
            return reduce(getattr, names, import_module(module))
        except ModuleNotFoundError:
            module, _, name = module.rpartition(".")
            names.insert(0, name)


def _protocol() -> HttpProtocol:
    return HttpProtocol(loop=asyncio.get_running_loop(), app=Sanic("private-parts", configure_logging=False))


def _http() -> Http:
    protocol = _protocol()
    protocol.recv_buffer = bytearray()
    return Http(protocol)


NEW: Final[Mapping[str, Callable[[], Any]]] = {
    "aiohttp.TCPConnector": TCPConnector,
    "prometheus_client.Gauge": lambda: Gauge("gauge", "", ["label"], registry=None),
    "prometheus_client.Histogram": lambda: Histogram("histogram", "", registry=None),
    "sanic.application.state.ApplicationServerInfo": lambda: ApplicationServerInfo({}),
    "sanic.application.state.ApplicationState": lambda: Sanic("private-parts", configure_logging=False).state,
    "sanic.http.Http": _http,
    "sanic.server.HttpProtocol": _protocol,
}
"""How an instance is made of what the page tells the types of attributes of."""


@each_row
async def test_what_is_on_the_page_is_in_the_library(row: Row, loop: object) -> None:
    """By its name, with its parameters, and of its type."""
    library = row.part.partition(".")[0]
    version = f"{library} {metadata.version(library)}"
    try:
        part = _at(row.part)
    except (ImportError, AttributeError):
        pytest.fail(f"{version} has no {row.part}: see {PAGE.name}")
    kinds = inspect.getmro(part) if inspect.isclass(part) else ()
    for name, more in row.members.items():
        told = f"{row.part}.{name}{more}"
        is_there = hasattr(part, name) or any(name in members(kind) for kind in kinds)
        assert is_there, f"{version} has no {told}: see {PAGE.name}"
        if more.startswith("("):
            found = {*inspect.signature(getattr(part, name)).parameters}
            assert {*more[1:-1].split(", ")} <= found, f"{version} takes {found} for {told}: see {PAGE.name}"
        elif more:
            made = type(getattr(NEW[row.part](), name))
            assert more[2:] in {one.__name__ for one in made.__mro__}, f"{version} has a {made} as {told}"


def test_each_row_has_a_test() -> None:
    """By its file and name."""
    assert [row.part for row in ROWS if not row.tests] == []
    for file, name in re.findall(r"`(tests/[^`]+)::(\w+)`", PAGE.read_text()):
        assert re.search(rf"^ *(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), (file, name)


@pytest.mark.parametrize(
    "source",
    [
        "import sanic.http",
        "from sanic.http import Http",
        "from prometheus_client import values",
        "from asyncio import _get_running_loop",
        "connection._protocol = None",
        "getattr(connection, '_protocol')",
        "class Own(HttpProtocol):\n def check_timeouts(self): pass",
        "class Own(HttpProtocol):\n HTTP_CLASS = object",
        "class Own(HttpProtocol):\n def go(self): return self._http",
        "class Own(HttpProtocol):\n def go(self): return self.recv_buffer",
        "class Own(TCPConnector):\n def go(self): return lambda: self._conns",
        "class Own(Gauge):\n def go(self): return super()._value",
    ],
)
def test_each_way_to_use_something_private_is_noticed(source: str) -> None:
    """The search is real."""
    assert len(private(source, lambda: _made(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from sanic.response import raw",
        "class Own(HttpProtocol):\n def data_received(self, data): self._own = data",
        "class Own(Gauge):\n def go(self): self.labels('x')",
        "class Own:\n def go(self, other): self._own = 1; return other._own",
        "change._replace(value=1)",
    ],
)
def test_what_is_documented_or_ones_own_is_left_alone(source: str) -> None:
    """Callbacks of asyncio as well."""
    assert private(source, lambda: _made(source)) == set()


def _made(source: str) -> ModuleType:
    module = ModuleType("bff.own")
    names = {"__name__": "bff.own", "HttpProtocol": HttpProtocol, "TCPConnector": TCPConnector, "Gauge": Gauge}
    vars(module).update(names)
    exec(source, vars(module))  # noqa: S102 - it is written above
    return module

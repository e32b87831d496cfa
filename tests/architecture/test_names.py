"""Particular services, parts and aggregates are named where they are declared, and nowhere else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.settings import DECLARED

ROOT = Path(__file__).resolve().parents[2]
KINDS = {kind.name for kind in DECLARED.kinds}
COMMANDS = {command.name for command in DECLARED.commands}
NAMES = {*DECLARED.services, *DECLARED.parts, *KINDS, *COMMANDS}
VARIABLES = {name.upper() for name in NAMES}
AGGREGATES = {kind.load.__module__ for kind in DECLARED.kinds}
COMMANDING = {f"bff.commands.{file.stem}" for file in (ROOT / "bff/commands").glob("[!_]*.py") if file.stem != "kind"}
MODULES = re.compile("|".join([r"bff\.sources(\..+)?", *map(re.escape, AGGREGATES | COMMANDING)]))
PATHS = [
    *(kind.path for kind in DECLARED.kinds),
    *(path.partition("{")[0] for command in DECLARED.commands for path in (command.path, command.to)),
    *(str(getattr(part.path, "text", part.path)).partition("{")[0] for part in DECLARED.parts.values()),
]
IN_TEXT = [*DECLARED.services, *(name.replace("_", "-") for name in DECLARED.services), *PATHS]
DECLARING = {
    ROOT / "bff/aggregates/__init__.py",
    ROOT / "bff/commands/__init__.py",
    *(ROOT / "bff/sources").iterdir(),
    *(ROOT / f"{module.replace('.', '/')}.py" for module in AGGREGATES | COMMANDING),
}
FILES = [file for package in ("bff", "shared") for file in (ROOT / package).rglob("*") if file not in DECLARING]
OTHERS = [file for file in FILES if file.suffix == ".py"]
PAGES = [file for file in FILES if file.suffix in {".html", ".js", ".css", ".svg"}]


def _named(tree: ast.AST) -> Iterator[str]:
    """Declared things that are named in code, as names, as text or by importing their modules."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if MODULES.fullmatch(alias.name))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            imported = [f"{module}.{alias.name}" for alias in node.names]
            yield from [module] if any(map(MODULES.fullmatch, (module, *imported))) else []
            yield from (alias.name for alias in node.names if alias.name in VARIABLES)
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in VARIABLES:
                yield name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            text = node.value
            yield from [text] if text in NAMES or any(name in text.lower() for name in IN_TEXT) else []


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_particular_is_named(file: Path) -> None:
    """Whatever has to know it takes it from the declarations."""
    assert [*_named(ast.parse(file.read_text()))] == []


def test_no_page_names_anything_particular() -> None:
    """Pages show what they are told of."""
    assert PAGES
    found = {file.name: [name for name in IN_TEXT if name in file.read_text().lower()] for file in PAGES}
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "line",
    [
        "from bff.sources.users import User",
        "from bff.sources import users",
        "import bff.sources.users",
        "from bff.aggregates.profile import load_profile",
        "from bff.aggregates import profile",
        "from bff.aggregates import PROFILE",
        "from bff.commands.orders import WantedOrder",
        "from bff.commands import CHANGE_PROFILE",
        "send('place_order')",
        "path = '/api/orders'",
        "parts = [sources.USER]",
        "seen = {'orders'}",
        "os.environ['USER_SERVICE_URL']",
        "metrics.errors.labels('user_service')",
        "job = 'user-service'",
        "path = '/api/profile/user123'",
        "path = f'/orders/user/{user_id}'",
    ],
)
def test_each_way_to_name_something_is_noticed(line: str) -> None:
    """The rule is real."""
    assert len([*_named(ast.parse(line))]) == 1

"""Particular services, parts and aggregates are named where they are declared, and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.settings import DECLARED

ROOT = Path(__file__).resolve().parents[2]
KINDS = {kind.name for kind in DECLARED.kinds}
NAMES = {*DECLARED.services, *DECLARED.parts, *KINDS}
VARIABLES = {name.upper() for name in NAMES}
DECLARING = {
    ROOT / "bff/aggregates/__init__.py",
    *(ROOT / "bff/sources").iterdir(),
    *(ROOT / f"bff/aggregates/{name}.py" for name in KINDS),
}
OTHERS = [file for package in ("bff", "shared") for file in (ROOT / package).rglob("*.py") if file not in DECLARING]


def _named(tree: ast.AST) -> Iterator[str]:
    """Declared things that are named in code, as names, as text or by importing their modules."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module.startswith("bff.sources.") or module.removeprefix("bff.aggregates.") in KINDS:
                yield module
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in VARIABLES:
                yield name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            text = node.value
            services = (name for name in DECLARED.services if name in text.lower())
            yield from [text] if text in NAMES or any(services) else []


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_particular_is_named(file: Path) -> None:
    """Whatever has to know it takes it from the declarations."""
    assert [*_named(ast.parse(file.read_text()))] == []


@pytest.mark.parametrize(
    "line",
    [
        "from bff.sources.users import User",
        "from bff.aggregates.profile import load_profile",
        "parts = [sources.USER]",
        "seen = {'orders'}",
        "os.environ['USER_SERVICE_URL']",
        "metrics.errors.labels('user_service')",
    ],
)
def test_each_way_to_name_something_is_noticed(line: str) -> None:
    """The rule is real."""
    assert len([*_named(ast.parse(line))]) == 1

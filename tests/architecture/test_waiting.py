"""No test waits for time to pass, and the long ones are known."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.parallel import LONG

ROOT = Path(__file__).resolve().parents[2]
STEP_SECONDS = 0.02
"""Between two looks at what happens elsewhere."""

JUMPING = "tests.fixtures.jumping_loop"
"""On its loop whatever is waited for passes at once."""


def _lets_time_pass(call: ast.Call) -> bool:
    """Whether it is ``sleep(x)`` or ``Event().wait(x)``, unless ``x`` is known to be but a step."""
    named = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    is_event = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call)
    if not call.args or not (named == "sleep" or (named == "wait" and is_event)):
        return False
    seconds = call.args[0]
    return not (isinstance(seconds, ast.Constant) and float(str(seconds.value)) <= STEP_SECONDS)


def _naps(tree: ast.AST, *, polled: bool = False) -> Iterator[int]:
    """The lines in which time is let pass, but in the round of a ``while``, where something is looked at again."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and not polled and _lets_time_pass(node):
            yield node.lineno
        yield from _naps(node, polled=polled or isinstance(node, ast.While))


def _imports(tree: ast.AST) -> set[str | None]:
    return {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize(
    ("source", "naps"),
    [
        ("time.sleep(1)", 1),
        ("await asyncio.sleep(seconds)", 1),
        ("sleep(0.5)", 1),
        ("for _ in range(9): await asyncio.sleep(0.1)", 1),
        ("threading.Event().wait(0.5)", 1),
        ("await asyncio.sleep(0)", 0),
        ("while not done(): time.sleep(0.02)", 0),
        ("while not done(): time.sleep(PAUSE)", 0),
        ("await event.wait()", 0),
    ],
)
def test_naps_are_found(source: str, naps: int) -> None:
    """Time that is let pass, in whichever way, and not the pause before one looks again."""
    assert len(list(_naps(ast.parse(source)))) == naps


def test_no_test_lets_time_pass() -> None:
    """Whoever waits does so for an event, and looks again until it has happened."""
    found = []
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text())
        if JUMPING not in _imports(tree):
            found += [f"{file.relative_to(ROOT)}:{line}" for line in _naps(tree)]
    assert found == []


@pytest.mark.parametrize("file", LONG)
def test_long_files_exist(file: str) -> None:
    """One that has moved would begin late, and be waited for."""
    assert (ROOT / file).exists()

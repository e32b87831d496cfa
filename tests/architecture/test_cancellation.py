"""Whoever waits for the end of tasks that it has cancelled does so in the one way that does not wait for ever."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("bff", "services", "shared", "deploy", "benchmarks", "tests/fixtures", "tests/kit")


def _hopes(source: str) -> list[str]:
    """Functions that cancel something and then gather whatever comes of it, without a bound."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
            cancels = any(isinstance(call.func, ast.Attribute) and call.func.attr == "cancel" for call in calls)
            gathers = any(keyword.arg == "return_exceptions" for call in calls for keyword in call.keywords)
            found += [function.name] * (cancels and gathers)
    return found


@pytest.mark.parametrize(
    ("body", "hopes"),
    [
        ("task.cancel()\n await asyncio.gather(task, return_exceptions=True)", True),
        ("for task in tasks: task.cancel()\n await gather(*tasks, return_exceptions=True)", True),
        ("await cancel_and_wait(task)", False),
        ("task.cancel()", False),
        ("await asyncio.gather(*works, return_exceptions=True)", False),
    ],
)
def test_hopes_are_found(body: str, hopes: bool) -> None:
    """One cancellation, and a wait that relies on it."""
    assert bool(_hopes(f"async def end():\n {body}")) is hopes


def test_nobody_relies_on_one_cancellation() -> None:
    """A task may lose it, and then whoever waits for its end waits for ever."""
    found = [
        f"{file.relative_to(ROOT)}: {name}"
        for folder in FOLDERS
        for file in sorted((ROOT / folder).rglob("*.py"))
        for name in _hopes(file.read_text())
    ]
    assert found == []

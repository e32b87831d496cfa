"""Every test checks all that it seems to check, and on a machine that has next to nothing installed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tests", "benchmarks", "bff", "services", "shared")
# What a Debian with git and Python has for certain; what else there may be is looked for (`shutil.which`).
PROGRAMS = {"bash", "env", "git", "nohup", "sh"}
STARTERS = {"run", "Popen", "call", "check_call", "check_output", "create_subprocess_exec"}
CLAIMS = (ast.Compare, ast.BoolOp, ast.Not)
ALWAYS_TRUE = (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.GeneratorExp, ast.Lambda, ast.JoinedStr, ast.Constant)


def _half_asserted(source: str) -> list[int]:
    """Lines of assertions that claim something in the place of their message, or what is true in any case."""
    found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert))
    return [
        node.lineno
        for node in found
        if (node.msg is not None and any(isinstance(part, CLAIMS) for part in ast.walk(node.msg)))
        or any(isinstance(part, ALWAYS_TRUE) for part in _operands(node.test))
    ]


def _operands(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _operands(value)
    else:
        yield node


def _programs(source: str) -> set[str]:
    """Programs that are started by their names."""
    nodes = list(ast.walk(ast.parse(source)))
    calls = [node for node in nodes if isinstance(node, ast.Call) and node.args and _name(node.func) in STARTERS]
    words = [call.args[0] for call in calls]
    named = {word.id for word in words if isinstance(word, ast.Name)}
    words += [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id in named for to in node.targets)
    ]
    firsts = [word.elts[0] if isinstance(word, ast.List | ast.Tuple) and word.elts else word for word in words]
    return {first.value for first in firsts if isinstance(first, ast.Constant) and isinstance(first.value, str)}


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr if _name(function.value) in {"subprocess", "asyncio"} else ""
    return function.id if isinstance(function, ast.Name) else ""


def _sources(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield str(file.relative_to(ROOT)), file.read_text()


def test_every_assertion_claims_all_that_it_says() -> None:
    """None of all tests has half of its claim where the message goes, or claims what cannot be false."""
    assert {file: lines for file, source in _sources("tests") if (lines := _half_asserted(source))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "assert a, b == (2, 3)",
        "assert a == 2, b == 3",
        "assert a == 2, not b",
        "assert a, b is None and c",
        "assert (a, b == 2)",
        "assert [a == 2]",
        "assert {a == 2}",
        "assert {'a': a}",
        "assert (a == b for a in c)",
        "assert lambda: a == 2",
        "assert a == 2 or 3",
        "assert a and 'b' or c",
        "assert f'{a} == 2'",
        "assert 'a == 2'",
    ],
)
def test_half_an_assertion_is_noticed(line: str) -> None:
    """Whatever its form: the first test above would fail."""
    assert _half_asserted(f"a = 1\n{line}") == [2]


@pytest.mark.parametrize(
    "line",
    [
        "assert (a, b) == (2, 3)",
        "assert a == 2, b",
        "assert a == 2, (b, c)",
        "assert a == 2, f'{b} of {c}'",
        "assert a in [2, 3] or not b",
        "assert [one for one in a if one == 2]",
    ],
)
def test_a_whole_assertion_is_left_alone(line: str) -> None:
    """A message may be anything that is no claim."""
    assert _half_asserted(line) == []


def test_no_program_is_taken_for_granted() -> None:
    """What the tests start by its name is there on a Debian with no more than Python and git."""
    assert {file: programs for file, source in _sources(*FOLDERS) if (programs := _programs(source) - PROGRAMS)} == {}


@pytest.mark.parametrize(
    "line",
    [
        'subprocess.run(["kill", "-KILL", str(pid)], check=True)',
        'subprocess.Popen(("kill", pid))',
        'check_output("kill")',
        'asyncio.create_subprocess_exec("kill", str(pid))',
        'command = ["kill", str(pid)]\nsubprocess.run(command)',
    ],
)
def test_a_program_that_may_be_missing_is_noticed(line: str) -> None:
    """In whatever way it is started: the test above would fail."""
    assert _programs(line) == {"kill"}

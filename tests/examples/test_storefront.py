"""*Add a service* and *Add an aggregate* (``docs/``), followed to the letter in a copy of this tree."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLES: Final = ROOT / "docs" / "examples"
PAGES: Final = ("add-a-service.md", "add-an-aggregate.md")
LIST: Final = "bff/aggregates/__init__.py"


def _run(
    folder: Path, *arguments: str, status: int = 0, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """``python -m`` in the copy, whose modules are taken before any others."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree with the files of the examples, and the line in the list that the page shows."""
    folder = tmp_path_factory.mktemp("copy")
    for name in _of_the_tree():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    shutil.copytree(EXAMPLES / "bff", folder / "bff", dirs_exist_ok=True)
    shutil.copytree(EXAMPLES / "tests", folder / "tests", dirs_exist_ok=True)
    (folder / LIST).write_text(_with_storefront((ROOT / LIST).read_text()))
    return folder


def _of_the_tree() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


def _with_storefront(text: str) -> str:
    imported, listed = _blocks("add-an-aggregate.md")[LIST].splitlines()[::2]
    before = listed.replace(", STOREFRONT)", ",)")
    assert before in text
    profile = "from bff.aggregates.profile import PROFILE\n"
    return text.replace(before, listed).replace(profile, f"{profile}{imported}\n")


def _blocks(page: str) -> Mapping[str, str]:
    """The Python on a page, by the path in the sentence before it."""
    text = (ROOT / "docs" / page).read_text()
    return dict(re.findall(r"`([\w/.]+\.py)`[^`]*\n\n```python\n(.*?)\n```", text, re.DOTALL))


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_show_the_files_of_the_examples(page: str) -> None:
    """Byte for byte, but for the list, which is no new file."""
    shown = {name: code for name, code in _blocks(page).items() if name != LIST}
    assert shown
    for name, code in shown.items():
        assert (EXAMPLES / name).read_text() == f"{code}\n"


def test_every_file_of_the_examples_is_shown() -> None:
    """Two new files, and one of tests: there is nothing else to it."""
    files = {str(file.relative_to(EXAMPLES)) for file in EXAMPLES.rglob("*.py")}
    assert files == {name for page in PAGES for name in _blocks(page)} - {LIST}
    assert len(files) == 3


def test_the_example_passes_its_tests(copy: Path) -> None:
    """And everything that holds of each declaration: documentation, directions, names."""
    chosen = ["tests/integration/test_storefront.py", "tests/architecture", "tests/unit/test_declarations.py"]
    _run(copy, "pytest", "-q", "-p", "no:cacheprovider", *chosen)


def test_the_example_is_typed_and_formatted(copy: Path) -> None:
    """As strictly as everything else."""
    files = [str(file.relative_to(EXAMPLES)) for file in sorted(EXAMPLES.rglob("*.py"))]
    _run(copy, "ruff", "check", "--no-cache", *files, LIST)
    _run(copy, "ruff", "format", "--no-cache", "--check", *files, LIST)
    _run(copy, "mypy", "--cache-dir", os.devnull, *files)


def test_the_settings_follow(copy: Path) -> None:
    """With what is declared as default, and each mistake told with the others."""
    shown = _run(copy, "bff", "--check").stdout.splitlines()
    assert {
        "REVIEW_SERVICE_URL=http://127.0.0.1:8004",
        "REVIEW_SERVICE_TOKEN=",
        "REVIEW_SERVICE_ATTEMPT_TIMEOUT_SECONDS=0.3",
        "REVIEW_SERVICE_CONCURRENCY=",
    } <= set(shown)
    wrong = {"REVIEW_SERVICE_URL": "reviews", "REVIEW_SERVICE_CONCURRENCY": "0"}
    refused = _run(copy, "bff", "--check", status=2, environment=wrong).stderr
    assert all(f"{name}='{value}': expected" in refused for name, value in wrong.items())


def test_a_declaration_that_contradicts_itself_is_told_in_a_sentence(copy: Path, tmp_path: Path) -> None:
    """Whoever forgets a part of the aggregate learns it at the start, and which."""
    odd = tmp_path / "odd"
    shutil.copytree(copy, odd)
    file = odd / "bff/aggregates/storefront.py"
    file.write_text(
        file.read_text().replace("parts=(USER, ORDERS, PRODUCTS, REVIEWS)", "parts=(USER, ORDERS, PRODUCTS)")
    )
    refused = _run(odd, "bff", "--check", status=2).stderr
    sentence = "aggregate 'storefront': it counts 'reviews', which is none of its parts"
    assert refused == f"api-gateway: what it is made of cannot be used: {sentence}\n"

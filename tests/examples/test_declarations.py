"""*Add a service* and *Add an aggregate* (``docs/``), followed to the letter: what is written, and what is refused."""

import os
import shutil
from pathlib import Path

import pytest

from tests.fixtures.example_tree import EXAMPLES, LIST, ExampleTree, blocks

PAGES = ("add-a-service.md", "add-an-aggregate.md")
FILES = sorted(str(file.relative_to(EXAMPLES)) for file in EXAMPLES.rglob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_the_files_of_the_examples(page: str) -> None:
    """Byte for byte, but for the list, which is no new file."""
    shown = {name: code for name, code in blocks(page).items() if name != LIST}
    assert shown
    for name, code in shown.items():
        assert (EXAMPLES / name).read_text() == f"{code}\n"


def test_there_is_nothing_else_to_write() -> None:
    """Two new files and one of tests, each on a page."""
    assert {*FILES} == {name for page in PAGES for name in blocks(page)} - {LIST}
    assert [name.partition("/")[0] for name in FILES] == ["bff", "bff", "tests"]


def test_it_passes_its_tests(example_tree: ExampleTree) -> None:
    """And everything that holds of each declaration: documentation, environments, directions, names."""
    example_tree.run(
        "pytest", "-q", "-p", "no:cacheprovider", "tests/integration/test_storefront.py", "tests/architecture"
    )


def test_it_is_typed_and_formatted(example_tree: ExampleTree) -> None:
    """As strictly as everything else."""
    example_tree.run("ruff", "check", "--no-cache", *FILES, LIST)
    example_tree.run("ruff", "format", "--no-cache", "--check", *FILES, LIST)
    example_tree.run("mypy", "--cache-dir", os.devnull, *FILES)


def test_mistakes_in_its_settings_are_told_together(example_tree: ExampleTree) -> None:
    """As of any other service."""
    refused = example_tree.run(
        "bff", "--check", status=2, REVIEW_SERVICE_URL="reviews", REVIEW_SERVICE_CONCURRENCY="0"
    ).stderr
    assert "REVIEW_SERVICE_URL='reviews': expected" in refused
    assert "REVIEW_SERVICE_CONCURRENCY='0': expected" in refused


PARTS = ("parts=(USER, ORDERS, PRODUCTS, REVIEWS)", "parts=(USER, ORDERS, PRODUCTS)")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([PARTS], "it counts 'reviews', which is none of its parts"),
        (
            [PARTS, ("counted=(ORDERS, PRODUCTS, REVIEWS)", "counted=()")],
            "it uses 'reviews', which is none of its parts",
        ),
        ([('"/api/storefront"', '"/api/profile"')], "2 aggregates have the path '/api/profile'"),
        ([('"/api/storefront"', '"/assets"')], "two routes answer GET /assets/<name:str>"),
    ],
)
def test_a_contradiction_is_told_in_a_sentence(
    example_tree: ExampleTree, tmp_path: Path, changes: list[tuple[str, str]], sentence: str
) -> None:
    """At the start, with status 2, before anything is served."""
    for package in ("bff", "shared"):
        shutil.copytree(example_tree.folder / package, tmp_path / package)
    file = tmp_path / "bff/aggregates/storefront.py"
    text = file.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    file.write_text(text)
    (line,) = ExampleTree(tmp_path).run("bff", "--check", status=2).stderr.splitlines()
    assert line.startswith("api-gateway: what it is made of cannot be used: ")
    assert line.endswith(sentence)

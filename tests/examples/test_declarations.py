"""*Add a service*, *an aggregate* and *a command* (``docs/``), followed to the letter: what is written and refused."""

import os
import shutil
from pathlib import Path

import pytest

from tests.fixtures.example_tree import EXAMPLES, LISTS, ExampleTree, blocks

PAGES = ("add-a-service.md", "add-an-aggregate.md", "add-a-command.md")
FILES = sorted(str(file.relative_to(EXAMPLES)) for file in EXAMPLES.rglob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_the_files_of_the_examples(page: str) -> None:
    """Byte for byte, but for the list, which is no new file."""
    shown = {name: code for name, code in blocks(page).items() if name not in LISTS.values()}
    assert shown
    for name, code in shown.items():
        assert (EXAMPLES / name).read_text() == f"{code}\n"


def test_there_is_nothing_else_to_write() -> None:
    """One new file each, and one of tests for what clients see, each on a page."""
    assert {*FILES} == {name for page in PAGES for name in blocks(page)} - {*LISTS.values()}
    assert [name.partition("/")[0] for name in FILES] == ["bff", "bff", "bff", "tests", "tests"]


def test_it_passes_its_tests(example_tree: ExampleTree) -> None:
    """And everything that holds of each declaration: documentation, environments, directions, names."""
    example_tree.run(
        "pytest", "-q", "-p", "no:cacheprovider", *(name for name in FILES if "test_" in name), "tests/architecture"
    )


def test_it_is_typed_and_formatted(example_tree: ExampleTree) -> None:
    """As strictly as everything else."""
    example_tree.run("ruff", "check", "--no-cache", *FILES, *LISTS.values())
    example_tree.run("ruff", "format", "--no-cache", "--check", *FILES, *LISTS.values())
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
        ([('to="/reviews/user/{user_id}"', 'to="/reviews/{id}"')], "'/reviews/{id}' has the parameter 'id'"),
        ([('f"user:{asked.subject}"', "asked.subject")], "'user123' is no tag"),
    ],
)
def test_a_contradiction_is_told_in_a_sentence(
    example_tree: ExampleTree, tmp_path: Path, changes: list[tuple[str, str]], sentence: str
) -> None:
    """At the start, with status 2, before anything is served."""
    for package in ("bff", "shared"):
        shutil.copytree(example_tree.folder / package, tmp_path / package)
    for before, after in changes:
        files = [tmp_path / "bff/aggregates/storefront.py", tmp_path / "bff/commands/reviews.py"]
        (file,) = [one for one in files if before in one.read_text()]
        file.write_text(file.read_text().replace(before, after))
    (line,) = ExampleTree(tmp_path).run("bff", "--check", status=2).stderr.splitlines()
    assert line.startswith("api-gateway: what it is made of cannot be used: ")
    assert line.endswith(sentence)

"""What the documentation lists is what there is."""

import re
from collections.abc import Iterable, Iterator
from configparser import ConfigParser
from itertools import product
from pathlib import Path

import pytest

from bff.settings import GatewaySettings, PartSettings
from services.orders.settings import OrderSettings
from services.products.settings import ProductSettings
from services.users.settings import UserSettings
from shared.http import problems
from shared.settings.declared import Group, Settings, Variable, declarations, prefixed
from shared.upstream.service import ServiceSettings
from tests.fixtures.metric_names import exported_names

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ALL_SETTINGS = (GatewaySettings, UserSettings, OrderSettings, ProductSettings)
STANDS_FOR: dict[type, str] = {ServiceSettings: "X_SERVICE", PartSettings: "X"}
"""What stands for the name of a thing in the variables that there are of each."""


def _documented_variables() -> dict[str, str]:
    rows = re.findall(r"^\| `([A-Z_]+)` \|([^|]*)\|", (DOCS / "configuration.md").read_text(), re.MULTILINE)
    return dict(rows)


def to_document(settings: type[Settings]) -> Iterator[Variable]:
    """Every variable; one that there is of each of several things is there once, under a name that stands for all."""
    for declared in declarations(settings).values():
        if isinstance(declared, Group):
            yield from prefixed(declared.shape, STANDS_FOR[declared.shape], "thing", {}).values()
        else:
            yield declared


@pytest.mark.parametrize("settings", ALL_SETTINGS)
def test_every_variable_is_documented_with_its_default(settings: type[Settings]) -> None:
    """The configuration page names each variable and the default that the code has."""
    documented = _documented_variables()
    for variable in to_document(settings):
        defaults = documented[variable.name]
        assert variable.default.rpartition("/")[2] in defaults, variable.name


def test_no_variable_is_documented_that_does_not_exist() -> None:
    """The configuration page invents nothing."""
    known = {variable.name for settings in ALL_SETTINGS for variable in to_document(settings)}
    assert set(_documented_variables()) == known


def test_the_example_file_names_only_what_is_read() -> None:
    """Every line of ``.env.example`` is a variable of an app, of the compose file or of the start script."""
    known = {variable.name for settings in ALL_SETTINGS for variable in to_document(settings)}
    compose = (ROOT / "docker-compose.yml").read_text()
    for name in re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE):
        assert name in known or f"${{{name}:-" in compose or name.startswith("COMPOSE_"), name


def test_every_problem_is_documented() -> None:
    """The page of problems has each type and its status, and no other."""
    listed = re.findall(r"^\| `urn:problem:([a-z-]+)` \| (\d+) \|", (DOCS / "problems.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted((problem.slug, str(problem.status)) for problem in problems.ALL)


def test_every_metric_is_documented() -> None:
    """The monitoring page names each metric family, and none that does not exist."""
    exported = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported_names()}
    listed = set(re.findall(r"^\| `([a-z_]+)(?:\{[a-z_,]+\})?` \|", (DOCS / "monitoring.md").read_text(), re.MULTILINE))
    assert listed == exported


def test_every_test_that_a_page_names_is_there() -> None:
    """By file or folder; those that a page tells to write are among its examples."""
    for page in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]:
        for name in re.findall(r"`(tests/[a-z_/]+(?:\.py)?)`", page.read_text()):
            assert any((place / name).exists() for place in (ROOT, DOCS / "examples")), f"{page.name}: {name}"


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link in README, docs and clients points to a file or folder of the repository."""
    for page in [*ROOT.glob("*.md"), ROOT / "clients/README.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def _anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_to_headings_that_there_are() -> None:
    """Of the same page or of another."""
    for page in [*ROOT.glob("*.md"), ROOT / "clients/README.md", *DOCS.rglob("*.md")]:
        for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", page.read_text()):
            there = page.parent / target if target else page
            assert anchor in _anchors(there), f"{page.name}: {target}#{anchor}"


def _linked(page: Path) -> Iterator[Path]:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+\.md)", page.read_text()):
        yield (page.parent / target).resolve()


def test_every_page_is_found_from_the_readme() -> None:
    """By following links; runbooks, which alerts lead to, from the page about monitoring."""
    found: set[Path] = set()
    unread = {ROOT / "README.md"}
    while unread:
        page = unread.pop()
        found.add(page)
        unread |= set(_linked(page)) - found
    assert {*DOCS.rglob("*.md")} - found == set()


def _without_a_place(page: str, modules: Iterable[str]) -> list[str]:
    """Those of which the page names neither the module nor, in a folder of a room, that folder."""
    section = page.partition("## Where a thing lives")[2].partition("\n## ")[0]
    named = {word for code in re.findall(r"`([^`]+)`", section) for word in re.findall(r"\w+/?", code)}
    return [
        module
        for module in modules
        if (f"{Path(module).parent.name}/" if module.count("/") > 2 else Path(module).stem) not in named
    ]


def test_every_module_has_its_place_on_the_architecture_page() -> None:
    """Under *Where a thing lives*, but for what is declared."""
    declared = {ROOT / "bff/sources", ROOT / "bff/aggregates", ROOT / "bff/commands"}
    files = [file for package in ("bff", "shared") for file in (ROOT / package).rglob("[!_]*.py")]
    modules = [str(file.relative_to(ROOT)) for file in files if file.parent not in declared]
    assert _without_a_place((DOCS / "architecture.md").read_text(), modules) == []


@pytest.mark.parametrize("module", ["bff/new.py", "shared/new.py", "shared/cache/new.py", "shared/cache/new/one.py"])
def test_a_module_without_a_place_is_noticed(module: str) -> None:
    """Wherever it stands."""
    page = "# A\n\n## Where a thing lives\n\nnew, `shared/*.py`, `bff/cache/` `old`\n\n## Further\n\n`new/one`"
    assert _without_a_place(page, [module]) == [module]
    assert _without_a_place(page.replace("`old`", "`new/`, `new`"), [module]) == []


@pytest.mark.parametrize(
    "page",
    [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted(DOCS.rglob("*.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_page_begins_with_a_summary(page: Path) -> None:
    """Three lines below the title: what it is, who needs it, the one thing to know."""
    line = r"> - \*\*{}:\*\* .+\n(?:>   .+\n)*"
    summary = "".join(map(line.format, ("What it is", "Who needs it", "The one thing to know")))
    assert re.match(rf"# .+\n\n{summary}\n", page.read_text())


def test_the_picture_of_the_rooms_is_that_of_the_contracts() -> None:
    """Each room of ``setup.cfg`` is drawn, and each arrow leads from a room to one in the next layer."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    layers = [
        re.findall(r"\w+", layer) for layer in setup["importlinter:contract:rooms"]["layers"].split("\n") if layer
    ]
    *above, modules = layers
    picture = re.findall(r"^```mermaid\n(.*?)^```", (DOCS / "architecture.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    arrows = set(re.findall(r"(\w+) --> (\w+)", picture))
    below = [*above[1:], ["modules"]]
    assert arrows == {pair for upper, lower in zip(above, below, strict=True) for pair in product(upper, lower)}
    assert re.findall(r"\w+", *re.findall(r"modules\[(.*)\]", picture)) == modules

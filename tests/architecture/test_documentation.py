"""What the documentation lists is what there is."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.settings import GatewaySettings, PartSettings
from services.orders.settings import OrderSettings
from services.products.settings import ProductSettings
from services.users.settings import UserSettings
from shared.http import problems
from shared.observing import metrics
from shared.settings.declared import Group, Settings, Variable, declarations, prefixed, variables
from shared.upstream.service import ServiceSettings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ALL_SETTINGS = (GatewaySettings, UserSettings, OrderSettings, ProductSettings)
STANDS_FOR: dict[type, str] = {ServiceSettings: "X_SERVICE", PartSettings: "X"}
"""What stands for the name of a thing in the variables that there are of each."""


def _documented_variables() -> dict[str, str]:
    rows = re.findall(r"^\| `([A-Z_]+)` \|([^|]*)\|", (DOCS / "configuration.md").read_text(), re.MULTILINE)
    return dict(rows)


def _to_document(settings: type[Settings]) -> Iterator[Variable]:
    for declared in declarations(settings).values():
        if isinstance(declared, Group):
            yield from prefixed(declared.shape, STANDS_FOR[declared.shape], "thing", {}).values()
        else:
            yield declared


@pytest.mark.parametrize("settings", ALL_SETTINGS)
def test_every_variable_is_documented_with_its_default(settings: type[Settings]) -> None:
    """The configuration page names each variable and the default that the code has."""
    documented = _documented_variables()
    for variable in _to_document(settings):
        defaults = documented[variable.name]
        assert variable.default.rpartition("/")[2] in defaults, variable.name


def test_no_variable_is_documented_that_does_not_exist() -> None:
    """The configuration page invents nothing."""
    known = {variable.name for settings in ALL_SETTINGS for variable in _to_document(settings)}
    assert set(_documented_variables()) == known


def test_the_example_file_names_only_what_is_read() -> None:
    """Every line of ``.env.example`` is a variable of an app, of the compose file or of the start script."""
    known = {variable.name for settings in ALL_SETTINGS for variable in variables(settings)}
    compose = (ROOT / "docker-compose.yml").read_text()
    for name in re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE):
        assert name in known or name in compose or name.startswith("COMPOSE_"), name


def test_every_problem_is_documented() -> None:
    """The page of problems has each type and its status, and no other."""
    listed = re.findall(r"^\| `urn:problem:([a-z-]+)` \| (\d+) \|", (DOCS / "problems.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted((problem.slug, str(problem.status)) for problem in problems.ALL)


def test_every_metric_is_documented() -> None:
    """The monitoring page names each metric family, and none that does not exist."""
    exported = {re.sub(r"_(bucket|sum|count)$", "", name) for name in metrics.names()}
    listed = set(re.findall(r"^\| `([a-z_]+)(?:\{[a-z_,]+\})?` \|", (DOCS / "monitoring.md").read_text(), re.MULTILINE))
    assert listed == exported


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link in README and docs points to a file or folder of the repository."""
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"

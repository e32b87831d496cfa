"""Which module may import what."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bff", "services", "shared")


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _modules() -> list[Path]:
    return [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


def _lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", str(folder / "setup.cfg")],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_dependencies_point_one_way() -> None:
    """The contracts in setup.cfg hold: directions between packages, and between rooms."""
    done = _lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("bff/answer.py", "import services.settings"),
        ("services/settings.py", "import bff.answer"),
        ("shared/ids.py", "import bff.answer"),
        ("shared/observing/logs.py", "import shared.http.exchange"),
        ("bff/parts/path.py", "import bff.sources.users"),
        ("bff/sources/users.py", "import bff.aggregates.kind"),
        ("bff/pages/docs.py", "import bff.parts.part"),
        ("shared/cache/entry.py", "import shared.upstream.call"),
        ("shared/upstream/call.py", "import shared.cache.entry"),
        ("shared/edge/cors.py", "import shared.http.exchange"),
        ("shared/edge/ledger.py", "import redis"),
    ],
)
def test_an_import_in_the_wrong_direction_is_noticed(tmp_path: Path, module: str, line: str) -> None:
    """The contracts are real: a copy of the tree with one wrong import breaks them."""
    (tmp_path / "setup.cfg").write_text((ROOT / "setup.cfg").read_text())
    for file in _modules():
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text())
    wrong = tmp_path / module
    wrong.write_text(wrong.read_text() + f"\n{line}\n")
    done = _lint_imports(tmp_path)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout


@pytest.mark.parametrize(
    ("library", "place"),
    [
        ("aiocache", "shared/cache/tiered.py"),
        ("aiohttp", "shared/upstream/transport"),
        ("prometheus_client", "shared/observing/metrics/prometheus.py"),
        ("hiredis", "shared/cache/link.py"),
        ("jwt", "shared/edge/signatures.py"),
        ("dotenv", "shared/settings/environment.py"),
        ("opentelemetry", "shared/observing/telemetry/otel.py"),
        ("backports", "shared/http/coded_body.py"),
        ("compression", "shared/http/coded_body.py"),
        ("dns", "shared/upstream/lookup/srv.py"),
    ],
)
def test_one_place_alone_knows_a_library(library: str, place: str) -> None:
    """Where a library is wrapped, by a module or a package, nobody goes round the wrapping."""
    knowing = [file for file in _modules() if library in _imports(file)]
    assert knowing
    assert [str(file.relative_to(ROOT)) for file in knowing if ROOT / place not in (file, file.parent)] == []


def test_no_module_is_named_like_a_standard_one() -> None:
    """A module called like one of Python's own is imported in its place sooner or later."""
    clashes = [
        str(file.relative_to(ROOT))
        for file in _modules()
        if file.parent.name in PACKAGES and file.stem in sys.stdlib_module_names and not file.stem.startswith("__")
    ]
    assert clashes == []


def test_every_package_has_an_init_and_the_monitoring_folders_have_no_python() -> None:
    """Packages are real ones; ``prometheus`` and ``grafana`` cannot be imported by accident."""
    folders = {file.parent for file in _modules()} | {file.parent for file in (ROOT / "tests").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
    assert [*(ROOT / "prometheus").rglob("*.py"), *(ROOT / "grafana").rglob("*.py")] == []


def test_no_name_says_nothing() -> None:
    """No class or module is a manager, a helper, a handler or a collection of utilities (CONTRIBUTING.md, Words)."""
    empty = re.compile(r"(?:manager|helper|handler|util|utils|utilities|misc|common)s?$", re.IGNORECASE)
    names = {file.stem: file for file in _modules()}
    for file in _modules():
        names |= {node.name: file for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef)}
    assert {name: file for name, file in names.items() if empty.search(name)} == {}

"""The clients of this checkout, each in a copy of its own, generated as ``clients/README.md`` says."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.processes import ROOT

MADE = shutil.ignore_patterns("node_modules", "generated", "dist", "openapi.json")
LINKED = ("bff", "shared", "requirements", ".venv-clients")


@dataclass(frozen=True)
class Client:
    """A client in a folder; ``command`` runs its steps there."""

    folder: Path
    command: tuple[str, ...]

    def run(self, step: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Generate, check or start it."""
        return subprocess.run(
            [*self.command, step, *arguments],
            cwd=self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )


@dataclass(frozen=True)
class Clients:
    """A copy of the folder ``clients``."""

    folder: Path

    @property
    def typescript(self) -> Client:
        """It speaks through npm."""
        npm = shutil.which("npm")
        assert npm is not None, "npm is not installed"
        return Client(self.folder / "typescript", (npm, "--silent", "run"))

    @property
    def python(self) -> Client:
        """It speaks through its script."""
        return Client(self.folder / "python", ("./client.sh",))

    @property
    def by_language(self) -> Mapping[str, Client]:
        """Both."""
        return {"typescript": self.typescript, "python": self.python}


@pytest.fixture(scope="package")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """Both, installed and generated, in a copy of what of the checkout that takes."""
    checkout = tmp_path_factory.mktemp("checkout")
    made = Clients(shutil.copytree(ROOT / "clients", checkout / "clients", ignore=MADE))
    npm, folder = made.typescript.command[0], made.typescript.folder
    subprocess.run([ROOT / "requirements/venv.sh", ".venv-clients", "requirements/clients.lock"], cwd=ROOT, check=True)
    for name in LINKED:
        (checkout / name).symlink_to(ROOT / name)
    subprocess.run([npm, "ci", "--prefer-offline"], cwd=folder, check=True, timeout=250)
    for client in made.by_language.values():
        generated = client.run("generate")
        assert generated.returncode == 0, generated.stdout + generated.stderr
    return made

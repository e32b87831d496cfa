"""The dashboards are what `python -m deploy.dashboards` writes: nobody has edited one by hand or forgot to run it."""

from pathlib import Path

import pytest

from deploy.dashboards import render
from deploy.dashboards.__main__ import FOLDER, main
from tests.monitoring import definitions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with current dashboards."""
    render.write(tmp_path)
    return tmp_path


def test_the_committed_dashboards_are_current() -> None:
    """Each file is what its module makes, and there is no other."""
    assert FOLDER == definitions.GRAFANA / "dashboards"
    assert render.stale(FOLDER) == []


def test_the_same_is_made_each_time() -> None:
    """Nothing in a dashboard depends on when and where it was made."""
    assert render.files() == render.files()


def test_what_was_written_is_current(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run changes nothing, and the check agrees."""
    assert main(["--folder", str(folder)]) == 0
    assert main(["--check", "--folder", str(folder)]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["gateway.json", "another.json"])
def test_an_edited_or_a_foreign_file_is_noticed(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The check names a file that is not what is generated and leaves it alone; the next run puts things right."""
    (folder / name).write_text("{}")
    assert main(["--check", "--folder", str(folder)]) == 1
    assert capsys.readouterr().err.startswith(f"{name} is not current")
    assert (folder / name).read_text() == "{}"
    assert main(["--folder", str(folder)]) == 0
    assert render.stale(folder) == []


def test_a_missing_file_is_noticed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The check names a dashboard that was never written."""
    (folder / "host.json").unlink()
    assert main(["--check", "--folder", str(folder)]) == 1
    assert capsys.readouterr().err.startswith("host.json is not current")

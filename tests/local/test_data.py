"""The data directory."""

from pathlib import Path

import pytest

from deploy.local import data
from deploy.local.errors import Refused


def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    """A first start needs no preparation, wherever data is to go."""
    data.prepare(tmp_path / "some where" / "data", clean=False)
    assert list((tmp_path / "some where" / "data").iterdir()) == []


def test_data_is_kept_unless_asked_otherwise(tmp_path: Path) -> None:
    """A second start finds what the first has left."""
    (tmp_path / "users.db").touch()
    data.prepare(tmp_path, clean=False)
    assert (tmp_path / "users.db").exists()


def test_clean_removes_only_what_the_system_made(tmp_path: Path) -> None:
    """Whoever names a directory with other things in it keeps them."""
    for name in ("users.db", "users.db-wal", "products.db", "letters.txt", "other.db"):
        (tmp_path / name).touch()
    (tmp_path / "prometheus" / "wal").mkdir(parents=True)
    (tmp_path / "issuer").mkdir()
    data.prepare(tmp_path, clean=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters.txt", "other.db"]


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """The message names the path."""
    place = tmp_path / "file"
    place.touch()
    with pytest.raises(Refused, match=f"{place} cannot be used: File exists"):
        data.prepare(place, clean=False)


def test_a_place_that_takes_no_files_is_refused() -> None:
    """Not even root can write there."""
    with pytest.raises(Refused, match="/proc/data cannot be used"):
        data.prepare(Path("/proc/data"), clean=False)


def test_a_broken_database_file_is_named(tmp_path: Path) -> None:
    """A directory where a database belongs is told before a service fails on it."""
    (tmp_path / "orders.db").mkdir()
    with pytest.raises(Refused, match=r"orders.db cannot be written"):
        data.prepare(tmp_path, clean=False)


def test_a_path_that_no_database_address_can_hold_is_refused(tmp_path: Path) -> None:
    """A question mark would begin the options of the address."""
    with pytest.raises(Refused, match=r"\? or a #"):
        data.prepare(tmp_path / "what?", clean=False)

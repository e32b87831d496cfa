"""What a process counts, and its files: whole before they are used, and made again when they are not what they were."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.observing import metric_records
from shared.observing.metric_values import SharedValue, SharedValues
from tests.fixtures.small_disk import SmallDisk


def _counter(values: SharedValues, name: str) -> SharedValue:
    return values.value("counter", name, f"{name}_total", ["kind"], ["x"], "For a test.")


def _file(folder: Path) -> Path:
    return folder / f"counter_{os.getpid()}.db"


def _told(folder: Path) -> list[float]:
    return [value for _, value in metric_records.parse(_file(folder).read_bytes())]


def test_counting_is_seen_in_the_file(tmp_path: Path) -> None:
    """At once, also in files that have grown."""
    values = SharedValues(tmp_path)
    counters = [_counter(values, f"c{number}") for number in range(500)]
    for number, counter in enumerate(counters):
        counter.inc(number)
        counter.inc(0.5)
    gauge = values.value("gauge", "g", "g", [], [], "For a test.", multiprocess_mode="livesum")
    gauge.set(7)
    assert _told(tmp_path) == [number + 0.5 for number in range(500)]
    assert [counter.get() for counter in counters] == _told(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{kind}_{os.getpid()}.db" for kind in ("counter", "gauge_livesum")
    }


def test_a_file_has_no_holes(tmp_path: Path) -> None:
    """A write to a mapped hole asks for room when it is too late to be refused."""
    values = SharedValues(tmp_path)
    for number in range(1000):
        _counter(values, f"c{number}")
        found = _file(tmp_path).stat()
        assert found.st_blocks * 512 >= found.st_size > 0


@pytest.mark.parametrize("ahead", [0, 1, 300])
def test_a_full_disk_costs_the_file_and_nothing_else(
    small_disk: SmallDisk, ahead: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Counting goes on in memory, is told of once, and comes into a file when there is room."""
    values = SharedValues(small_disk.path)
    counters = [_counter(values, f"early{number}") for number in range(ahead)]
    small_disk.fill()
    counters += [_counter(values, f"late{number}") for number in range(400)]
    with caplog.at_level(logging.WARNING, "metrics"):
        for _ in range(3):
            for counter in counters:
                counter.inc(1)
            values.repair_files()
    assert [counter.get() for counter in counters] == [3] * (ahead + 400)
    assert [record.message for record in caplog.records] == ["metrics cannot be shared: they are kept in memory"]
    small_disk.free()
    values.repair_files()
    values.repair_files()
    assert _told(small_disk.path) == [3] * (ahead + 400)
    assert [record.message for record in caplog.records][1:] == ["metrics can be shared again"]


@pytest.mark.parametrize("record", [0, 1, 19, 20, 21, 59])
def test_damage_anywhere_is_mended_before_long(tmp_path: Path, record: int) -> None:
    """Not all is looked at each time, which would take too long."""
    values = SharedValues(tmp_path)
    counters = [_counter(values, f"c{number:02}") for number in range(60)]
    values.repair_files()
    with _file(tmp_path).open("r+b") as file:
        file.seek(8 + record * len(metric_records.record(counters[0].key, 0.0)) + 6)
        file.write(b"damage")
    for _ in range(4):
        counters[record].inc(1)
        values.repair_files()
    assert _told(tmp_path) == [4 if number == record else 0 for number in range(60)]


def _gone(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _emptied(folder: Path) -> None:
    _file(folder).unlink()


def _overwritten(folder: Path) -> None:
    with _file(folder).open("r+b") as file:
        file.write(b"\xff" * 500)


def _head_lost(folder: Path) -> None:
    with _file(folder).open("r+b") as file:
        file.write(b"\0" * 8)


def _cut(folder: Path) -> None:
    os.truncate(_file(folder), 0)


def _replaced(folder: Path) -> None:
    (folder / "other").write_text("something")
    (folder / "other").rename(_file(folder))


@pytest.mark.parametrize("harm", [_gone, _emptied, _overwritten, _head_lost, _cut, _replaced])
def test_a_file_that_is_not_what_it_was_is_made_again(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """With all that was counted before and since."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    values = SharedValues(folder)
    counters = [_counter(values, f"c{number}") for number in range(20)]
    counters[3].inc(5)
    harm(folder)
    values.repair_files()
    counters[3].inc(1)
    assert _told(folder)[3] == 6
    before = _file(folder).stat().st_ino
    values.repair_files()
    assert _file(folder).stat().st_ino == before
    assert folder.stat().st_mode & 0o077 == 0 or harm is not _gone


def test_a_folder_of_somebody_else_is_not_written_to(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A link in its place would lead anywhere."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "metrics").symlink_to(tmp_path / "elsewhere")
    values = SharedValues(tmp_path / "metrics")
    with caplog.at_level(logging.WARNING, "metrics"):
        values.repair_files()
    assert len(caplog.records) == 1


def test_what_is_dropped_leaves_room_for_others(tmp_path: Path) -> None:
    """However many come and go, the file stays small, and those that stay count on in it."""
    values = SharedValues(tmp_path)
    first = _counter(values, "first")
    expected, sizes = [0.0], set()
    for number in range(3000):
        passing = _counter(values, f"passing{number}")
        passing.set(-1)
        passing.drop()
        if number % 1000 == 0:
            expected.append(float(number))
            _counter(values, f"stays{number}").inc(number)
        first.inc(1)
        if number % 50 == 0:
            values.repair_files()
            sizes.add(_file(tmp_path).stat().st_size)
    expected[0] = 3000.0
    assert [value for value in _told(tmp_path) if value != -1] == expected
    assert len(_told(tmp_path)) < 200
    assert max(sizes) <= 1 << 16


def test_what_is_dropped_while_the_disk_is_full_is_gone_when_there_is_room(small_disk: SmallDisk) -> None:
    """What stays has lost nothing."""
    values = SharedValues(small_disk.path)
    stays = _counter(values, "stays")
    passing = [_counter(values, f"passing{number}") for number in range(300)]
    small_disk.fill()
    for one in passing:
        one.drop()
    values.repair_files()
    stays.inc(3)
    small_disk.free()
    values.repair_files()
    stays.inc(4)
    assert _told(small_disk.path) == [7.0]

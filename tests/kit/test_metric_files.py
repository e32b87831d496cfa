"""The files of several workers' metrics, while workers come and go."""

import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from struct import pack

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from shared.observing import metric_files, metrics
from shared.observing.metric_records import image, parse, record
from tests.fixtures.small_disk import SmallDisk

_LIVING = os.getpid()


def _gone() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def _write(folder: Path, name: str, text: str = "something") -> None:
    (folder / name).write_text(text)


def _names(folder: Path) -> list[str]:
    with metric_files.read(folder) as paths:
        return [Path(path).name for path in paths]


def _add_up(totals: Path, more: Path) -> None:
    with totals.open("a") as file:
        file.write(more.read_text())


def test_only_what_can_be_read_is(tmp_path: Path) -> None:
    """Gauges of a process that is gone do not count, nor does a file that its worker did not live to fill."""
    gone = _gone()
    for name in (f"gauge_livesum_{_LIVING}.db", f"gauge_livesum_{gone}.db", f"counter_{gone}.db"):
        _write(tmp_path, name)
    _write(tmp_path, f"histogram_{gone}.db", "")
    assert _names(tmp_path) == [f"counter_{gone}.db", f"gauge_livesum_{_LIVING}.db"]


def test_workers_that_have_ended_leave_two_files_together(tmp_path: Path) -> None:
    """However many there were, their totals are in one file a type, and their gauges are gone."""
    for pid in (101, 102, 103):
        for kind in ("counter", "histogram", "gauge_livesum", "gauge_livemax"):
            _write(tmp_path, f"{kind}_{pid}.db", f"{pid} ")
        metric_files.worker_ended(tmp_path, pid, _add_up)
        metric_files.worker_ended(tmp_path, pid, _add_up)
    assert _names(tmp_path) == ["counter_ended.db", "histogram_ended.db"]
    assert (tmp_path / "counter_ended.db").read_text() == "101 102 103 "


def test_a_worker_that_filled_no_file_leaves_none(tmp_path: Path) -> None:
    """One that was killed while it made its first file is no trouble to anybody."""
    _write(tmp_path, "counter_101.db", "")
    metric_files.worker_ended(tmp_path, 101, _add_up)
    assert [path.name for path in tmp_path.glob("*.db")] == []


def test_whoever_reads_finds_each_total_once(tmp_path: Path) -> None:
    """Files stay where they are until they have been read."""
    _write(tmp_path, "counter_101.db")
    with ThreadPoolExecutor(1) as pool:
        with metric_files.read(tmp_path) as paths:
            moved = pool.submit(metric_files.worker_ended, tmp_path, 101, _add_up)
            assert [Path(path).read_text() for path in paths] == ["something"]
            assert not (tmp_path / "counter_ended.db").exists()
        moved.result()
    assert _names(tmp_path) == ["counter_ended.db"]


def test_whoever_reads_for_long_holds_up_nobody(tmp_path: Path) -> None:
    """Nothing is moved meanwhile, and it can be at another time; others read what is there."""
    _write(tmp_path, "counter_101.db")
    with metric_files.read(tmp_path):
        assert not metric_files.worker_ended(tmp_path, 101, _add_up)
        assert _names(tmp_path) == ["counter_101.db"]
    assert metric_files.worker_ended(tmp_path, 101, _add_up)
    assert _names(tmp_path) == ["counter_ended.db"]


def test_a_move_that_is_held_up_holds_up_no_reader(tmp_path: Path) -> None:
    """Whoever moves totals may have been stopped in the middle of it."""
    _write(tmp_path, "counter_101.db")
    with (tmp_path / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert _names(tmp_path) == ["counter_101.db"]


def test_totals_that_find_no_room_stay_where_they_are(small_disk: SmallDisk, caplog: pytest.LogCaptureFixture) -> None:
    """They are read there, and moved as soon as there is room."""
    folder = small_disk.path
    sums = {f'["m", "m{number}", {{}}, "text"]'.encode(): 1.0 for number in range(100)}
    for pid in (101, 102):
        (folder / f"counter_{pid}.db").write_bytes(image(record(key, value) for key, value in sums.items()))
    assert metric_files.worker_ended(folder, 101)
    small_disk.fill()
    assert not metric_files.worker_ended(folder, 102)
    assert _names(folder) == ["counter_102.db", "counter_ended.db"]
    small_disk.free()
    assert metric_files.worker_ended(folder, 102)
    assert dict(parse((folder / "counter_ended.db").read_bytes())) == dict.fromkeys(sums, 2.0)
    assert sorted(path.name for path in folder.iterdir()) == ["ballast", "counter_ended.db", "lock"]


@pytest.mark.parametrize("damaged", ["counter_ended.db", "counter_101.db"])
def test_damaged_totals_are_told_of_and_cost_no_others(
    tmp_path: Path, damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What can be read is added up."""
    key = b'["m", "m", {}, "text"]'
    for name in ("counter_ended.db", "counter_101.db"):
        (tmp_path / name).write_bytes(image([record(key, 3.0)]))
    (tmp_path / damaged).write_text("no counters")
    assert metric_files.worker_ended(tmp_path, 101)
    assert dict(parse((tmp_path / "counter_ended.db").read_bytes())) == {key: 3.0}
    assert len(caplog.records) == 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "damaged",
    [
        b"no counters",
        b"\xff" * 64,
        pack("4i", 4096, 0, -24, 0).ljust(4096, b"\0"),  # a length that leads back to where it stands
        image([record(b"no key", 1.0)]),
        image([record(b'["m", "m", [], "text"]', 1.0)]),
        image([record(b'["m", "m", {}, "\xff"]', 1.0)]),
    ],
)
def test_a_damaged_file_costs_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bytes) -> None:
    """What others have counted is told."""
    monkeypatch.setenv(metrics.MULTIPROC_DIR, str(tmp_path))
    (tmp_path / "counter_101.db").write_bytes(damaged)
    (tmp_path / "counter_102.db").write_bytes(image([record(b'["m", "m_total", {}, "text"]', 3.0)]))
    assert metrics.totals({"m_total": ""}) == {("m_total", ""): 3.0}


def test_a_folder_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    """Nothing to read, nothing to move, and it can be made again."""
    folder = tmp_path / "metrics"
    assert _names(folder) == []
    assert metric_files.worker_ended(folder, 101)
    metric_files.create_directory(folder)
    metric_files.create_directory(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_total_does_not_shrink_because_a_worker_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are added up in another order then, to a sum that differs in its last digits; what is told does not."""
    monkeypatch.setenv(metrics.MULTIPROC_DIR, str(tmp_path))
    for pid, seconds in ((101, 0.1), (102, 0.2), (103, 0.3)):
        file = MmapedDict(str(tmp_path / f"counter_{pid}.db"))
        file.write_value(mmap_key("busy_seconds", "busy_seconds_total", [], [], "For a test."), seconds, 0.0)
        file.close()
    told = []
    for pid in (102, 103, 101):
        told.append(metrics.totals({"busy_seconds_total": ""}))
        metrics.worker_ended(pid)
    told.append(metrics.totals({"busy_seconds_total": ""}))
    assert told == [{("busy_seconds_total", ""): 0.6}] * 4
    assert 0.1 + 0.2 + 0.3 != 0.1 + (0.2 + 0.3)

"""What is kept for the books ends no service: several workers as processes, and whatever goes wrong around them."""

import fcntl
import http.client
import json
import os
import resource
import shutil
import signal
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.fixtures.processes import App, StartApp, wait_until
from tests.fixtures.small_disk import SmallDisk
from tests.fixtures.workers import workers_of

DEMO = "tests.kit.demo"


def _who(app: App) -> int:
    with urllib.request.urlopen(f"{app.url}/who", timeout=30) as answer:
        return int(json.load(answer)["pid"])


def _metrics(app: App) -> str:
    with urllib.request.urlopen(f"{app.url}/metrics", timeout=30) as answer:
        assert answer.status == 200
        return str(answer.read().decode())


def _both_answer(app: App) -> bool:
    workers = workers_of(app)
    return len(workers) == 2 and {_who(app) for _ in range(20)} == workers


def _is_replaced(app: App, before: set[int]) -> bool:
    return workers_of(app) != before and _both_answer(app)


def _events(app: App) -> list[str]:
    return [json.loads(line)["event"] for line in app.lines().splitlines()]


def _folder(disk: SmallDisk) -> Path:
    (folder,) = disk.path.glob("demo-metrics-*")
    return folder


@contextmanager
def _full(disk: SmallDisk, app: App) -> Iterator[None]:
    disk.fill()
    yield
    disk.free()


@contextmanager
def _vanished(disk: SmallDisk, app: App) -> Iterator[None]:
    shutil.rmtree(_folder(disk))
    yield


@contextmanager
def _damaged(disk: SmallDisk, app: App) -> Iterator[None]:
    for path in _folder(disk).glob("*.db"):
        with path.open("r+b") as file:
            file.seek(8)
            file.write(b"\xe8\xff\xff\xff" * 100)  # a length that leads back to where it stands
    (_folder(disk) / "counter_ended.db").write_text("no counters")
    yield


@contextmanager
def _locked(disk: SmallDisk, app: App) -> Iterator[None]:
    with (_folder(disk) / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _obstructed(disk: SmallDisk, app: App) -> Iterator[None]:
    folder = _folder(disk)
    shutil.rmtree(folder)
    folder.write_text("something else")
    yield
    folder.unlink()


Harm = Callable[[SmallDisk, App], AbstractContextManager[None]]


@pytest.mark.parametrize("harm", [_full, _vanished, _damaged, _locked, _obstructed])
def test_books_that_are_spoilt_cost_metrics_and_nothing_else(
    start_app: StartApp, small_disk: SmallDisk, harm: Harm
) -> None:
    """Workers are replaced, /metrics answers, metrics come back, and a stop signal ends all as usual."""
    app = start_app(DEMO, WORKERS="2", TMPDIR=str(small_disk.path))
    wait_until(lambda: _both_answer(app), "not both serve")
    with harm(small_disk, app):
        for _ in range(2):
            before = workers_of(app)
            os.kill(_who(app), signal.SIGKILL)
            wait_until(partial(_is_replaced, app, before), "it was not replaced")
            _metrics(app)
    wait_until(lambda: 'build_info{service="demo"' in _metrics(app), "metrics do not come back")
    wait_until(lambda: 'endpoint="/who"' in _metrics(app), "what was counted does not come back")
    assert app.stop() == 0
    assert "Traceback" not in app.lines()
    assert list(small_disk.path.glob("demo-metrics-*")) == []


def test_a_disk_that_is_full_from_the_start_costs_metrics_alone(start_app: StartApp, small_disk: SmallDisk) -> None:
    """Both serve, and share their metrics as soon as there is room."""
    small_disk.fill()
    app = start_app(DEMO, WORKERS="2", TMPDIR=str(small_disk.path))
    wait_until(lambda: _both_answer(app), "not both serve")
    _metrics(app)
    assert app.stop() == 0


def test_a_supervisor_without_descriptors_goes_on(start_app: StartApp) -> None:
    """It says that it cannot start a worker, tries again, and does so when it can."""
    app = start_app(DEMO, WORKERS="2")
    wait_until(lambda: _both_answer(app), "not both serve")
    assert app.process is not None
    victim, limits = _who(app), resource.prlimit(app.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(app.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: "worker not started" in _events(app), "it does not say so")
    assert _who(app) != victim
    resource.prlimit(app.process.pid, resource.RLIMIT_NOFILE, limits)
    wait_until(lambda: _both_answer(app), "it was not replaced")
    assert app.stop() == 0


def test_without_descriptors_it_still_ends(start_app: StartApp) -> None:
    """A stop signal needs none."""
    app = start_app(DEMO, WORKERS="2")
    assert app.process is not None
    limits = resource.prlimit(app.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(app.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    assert app.stop() == 0


def test_workers_that_hang_are_replaced(start_app: StartApp, tmp_path: Path) -> None:
    """Whether a loop stands still or a whole process does; it is told, and they serve again."""
    app = start_app(DEMO, WORKERS="2", WORKER_HANG_SECONDS="3")
    wait_until(lambda: _both_answer(app), "not both serve")
    first = workers_of(app)
    os.kill(_who(app), signal.SIGSTOP)
    with closing(http.client.HTTPConnection("127.0.0.1", app.port)) as hanging:
        hanging.request("GET", f"/hang?file={quote(str(tmp_path / 'never'))}")  # the other one takes it
        wait_until(lambda: _events(app).count("worker hangs") == 2, "nobody noticed")
    wait_until(lambda: not first & workers_of(app) and _both_answer(app), "they were not replaced")
    assert app.stop() == 0

"""SIGHUP reads certificates and tokens again, in every process, and loses nothing meanwhile."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.errors import SettingsError
from shared.serving.reloading import Reload, reload_all
from tests.fixtures.certificates import Pair, new_pair, number_of
from tests.fixtures.log_lines import heard
from tests.fixtures.processes import ROOT, App, StartApp, ending, free_port, wait_until
from tests.fixtures.workers import workers_of
from tests.kit.test_https import PROGRAM, ask, connected, events, read_answer
from tests.unit.test_certificate import BROKEN

WORKERS = pytest.mark.parametrize("workers", [1, 2])


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """A certificate and its key."""
    return new_pair(tmp_path)


def test_each_thing_is_read_for_itself() -> None:
    """What cannot be read keeps no other from it; the log has names and reasons, and nothing that was read."""

    def fail(error: Exception) -> Callable[[], bool]:
        def again() -> bool:
            raise error

        return again

    lines: list[bytes] = []
    things = [
        Reload("A", fail(SettingsError(["A='a.pem': expected something else"]))),
        Reload("B", lambda: True),
        Reload("C", fail(PermissionError(13, "Permission denied", "c.pem"))),
        Reload("D", lambda: False),
        Reload("E", fail(ValueError("what was in the file"))),
        Reload("F", lambda: True),
    ]
    with heard(lines.append):
        reload_all(things)
    *warnings, done = map(orjson.loads, lines)
    assert [(one["level"], one["event"], one["file"], one["reason"]) for one in warnings] == [
        ("warning", "not reloaded", "A", "A='a.pem': expected something else"),
        ("warning", "not reloaded", "C", "Permission denied"),
        ("warning", "not reloaded", "E", "ValueError"),
    ]
    assert (done["level"], done["event"], done["changed"]) == ("info", "reloaded", ["B", "F"])


def hang_up(app: App, workers: int, event: str = "reloaded", *, level: str = "info") -> list[dict[str, Any]]:
    """Send SIGHUP, and wait until each process that serves has logged ``event``; the new lines with it."""
    assert app.process is not None

    def found() -> list[dict[str, Any]]:
        return [one for one in events(app) if one["event"] == event and one["level"] == level]

    before = len(found())
    app.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(found()) >= before + workers, f"not all have logged {event!r}:\n{{}}", app.log)
    return found()[before:]


def shown(app: App, workers: int) -> set[int]:
    """The certificates that each process that serves shows, each asked at least once."""
    numbers: set[int] = set()
    seen: set[int] = set()
    while len(seen) < workers:
        with connected(app) as wire:
            numbers.add(number_of(wire))
            ask(wire, "/who", "Connection: close")
            seen.add(orjson.loads(read_answer(wire)[1])["pid"])
    return numbers


@contextmanager
def asking(app: App) -> Iterator[list[int]]:
    """Ask without a pause on connections that stay, and on ever new ones; the numbers of what these were shown."""
    done = threading.Event()
    failures: list[BaseException] = []
    numbers: list[int] = []

    def keep_asking(wire: ssl.SSLSocket | None) -> None:
        try:
            while not done.is_set():
                if wire is not None:
                    ask(wire, "/who")
                    assert read_answer(wire)[0] == 200
                else:
                    with connected(app) as new:
                        numbers.append(number_of(new))
                        ask(new, "/who")
                        assert read_answer(new)[0] == 200
        except BaseException as error:  # noqa: BLE001 - it is told below
            failures.append(error)

    with connected(app) as one, connected(app) as other:
        threads = [threading.Thread(target=keep_asking, args=[wire]) for wire in (one, other, None)]
        for thread in threads:
            thread.start()
        try:
            yield numbers
        finally:
            done.set()
            for thread in threads:
                thread.join()
    assert not failures


@WORKERS
def test_another_certificate_costs_no_request(start_app: StartApp, pair: Pair, workers: int) -> None:
    """Connections go on as they are; whoever comes then is shown the new one, by every process."""
    before = pair.renew()
    app = start_app(PROGRAM, WORKERS=str(workers), **pair.environment)
    assert shown(app, workers) == {before}
    with asking(app) as numbers:
        wait_until(lambda: len(numbers) > 3, "nobody comes")
        for _ in range(3):
            after = pair.renew()
            assert {tuple(one["changed"]) for one in hang_up(app, workers)} == {("TLS_CERT_FILE",)}
            assert shown(app, workers) == {after}
        assert {tuple(one["changed"]) for one in hang_up(app, workers)} == {()}
    assert app.stop() == 0


@WORKERS
@pytest.mark.parametrize("spoil", [BROKEN[kind] for kind in ("no certificate", "cut off", "another's key")])
def test_a_broken_file_keeps_what_was_there(
    start_app: StartApp, pair: Pair, workers: int, spoil: Callable[[Pair], object]
) -> None:
    """Also in a worker that is started later; the log says why, and what is mended counts."""
    before = pair.renew()
    app = start_app(PROGRAM, WORKERS=str(workers), **pair.environment)
    spoil(pair)
    reasons = {one["reason"] for one in hang_up(app, workers, "not reloaded", level="warning")}
    assert all(reason.startswith("TLS_") for reason in reasons)
    assert shown(app, workers) == {before}
    if workers > 1:
        _replace_one(app)
        assert shown(app, workers) == {before}
    if pair.key_file.is_dir():
        pair.key_file.rmdir()
    after = pair.renew()
    hang_up(app, workers)
    wait_until(lambda: shown(app, workers) == {after}, "what is mended does not count")
    assert app.stop() == 0


def test_a_worker_that_is_started_later_has_what_was_read_last(start_app: StartApp, pair: Pair) -> None:
    """Not what the program was started with."""
    app = start_app(PROGRAM, WORKERS="2", **pair.environment)
    after = pair.renew()
    hang_up(app, 2)
    pair.cert_file.unlink()
    _replace_one(app)
    assert shown(app, 2) == {after}


def _replace_one(app: App) -> None:
    before = workers_of(app)
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(workers_of(app) - before) == 1 and len(workers_of(app)) == 2, "it is not replaced")


@WORKERS
def test_a_hangup_that_comes_while_it_starts_is_heeded(tmp_path: Path, pair: Pair, workers: int) -> None:
    """From the moment that the program listens it ends no process, and none goes on with what was there before."""
    app = App(PROGRAM, free_port(), {"WORKERS": str(workers), **pair.environment}, tmp_path / "log")
    with ending(app):
        app.launch()
        process = app.process
        assert process is not None
        wait_until(lambda: _listens(app), "it does not listen")
        if workers > 1:
            wait_until(lambda: len(workers_of(app)) == workers, "no workers are started")
        after = pair.renew()
        for process_id in (process.pid, *workers_of(app), process.pid):
            os.kill(process_id, signal.SIGHUP)
        app.wait_ready()
        wait_until(lambda: shown(app, workers) == {after}, "it was lost")
        assert process.poll() is None
        assert [one for one in events(app) if one["event"] == "worker died"] == []


def _listens(app: App) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", app.port)) == 0


@WORKERS
def test_under_nohup_it_is_heeded_too(tmp_path: Path, pair: Pair, workers: int) -> None:
    """It ends nothing in any case, so there is nothing to be spared."""
    app = App(PROGRAM, free_port(), {"WORKERS": str(workers), **pair.environment}, tmp_path / "log")
    with app.log.open("wb") as log:
        app.process = subprocess.Popen(
            ["nohup", sys.executable, "-m", PROGRAM],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PORT": str(app.port), **app.environment},
            stdout=log,
            stderr=subprocess.DEVNULL,
        )
    with ending(app):
        app.wait_ready()
        after = pair.renew()
        hang_up(app, workers)
        wait_until(lambda: shown(app, workers) == {after}, "it was not heeded")

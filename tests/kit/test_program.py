"""The kit as a program: settings at the door, signals, several workers, logs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from shared.observing import metrics
from shared.observing.line_writer import LineWriter
from tests.fixtures.processes import ROOT, App, StartApp, free_port, wait_until
from tests.fixtures.workers import workers_of

DEMO = "tests.kit.demo"


def run_demo(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The program, run to its end."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", DEMO, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def get(app: App, path: str) -> Any:
    """The JSON at ``path``, over a new connection."""
    with urllib.request.urlopen(app.url + path, timeout=30) as answer:
        return json.load(answer)


def metric(app: App, name: str) -> float:
    """The sum of a metric over its labels, scrapes apart."""
    with urllib.request.urlopen(f"{app.url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    wanted = re.compile(rf"{name}(?:\{{(?!.*metrics)(?!.*ready).*\}})? ([0-9.e+]+)")
    return sum(float(match[1]) for match in map(wanted.fullmatch, lines) if match)


def events(app: App) -> list[dict[str, Any]]:
    """The log, each line read."""
    return [json.loads(line) for line in app.lines().splitlines()]


def test_wrong_settings_end_with_2_and_a_report() -> None:
    """Nothing is served; every mistake stands on standard error."""
    done = run_demo(PORT="0", WORKERS="none")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "demo: the settings cannot be used:",
        "  PORT='0': expected a whole number from 1 to 65535",
        "  WORKERS='none': expected a whole number from 1 to 64",
    ]


def test_check_prints_the_effective_settings() -> None:
    """--check validates, prints and serves nothing."""
    done = run_demo("--check", PORT="1234")
    assert done.returncode == 0
    assert "PORT=1234" in done.stdout.splitlines()
    assert run_demo("--check", PORT="x").returncode == 2


def test_the_document_is_printed_as_it_is_served(start_app: StartApp) -> None:
    """--openapi needs no port, connects to nothing, and prints what the running app answers."""
    done = run_demo("--openapi")
    assert (done.returncode, done.stderr) == (0, "")
    with urllib.request.urlopen(f"{start_app(DEMO).url}/openapi.json", timeout=30) as answer:
        assert done.stdout.encode() == answer.read() + b"\n"
    assert run_demo("--openapi", PORT="x").returncode == 2


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_told_plainly(workers: str) -> None:
    """One sentence, exit status 1, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_demo(PORT=str(port), WORKERS=workers)
    assert done.returncode == 1
    assert done.stderr == f"demo: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_host_that_is_none_is_told_plainly() -> None:
    """A name that cannot be looked up is no traceback either."""
    done = run_demo(HOST="name.invalid", PORT=str(free_port()))
    assert done.returncode == 1
    assert done.stderr.startswith("demo: cannot listen on name.invalid:")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_lets_a_request_in_flight_finish(
    start_app: StartApp, tmp_path: Path, workers: str, number: signal.Signals
) -> None:
    """The answer comes whole, the exit status is 0, and nothing is left."""
    app = start_app(DEMO, WORKERS=workers, TMPDIR=str(tmp_path))
    file = tmp_path / "go on"
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(get, app, f"/wait?file={quote(str(file))}")
        wait_until(lambda: '"waiting for a file"' in app.lines(), "the request never came")
        process = app.process
        assert process is not None
        process.send_signal(number)
        wait_until(lambda: '"stopping"' in app.lines(), "nobody heard the signal")
        for process_id in (process.pid, *workers_of(app)):
            os.kill(process_id, number)  # once more, and to all, as a terminal does
        file.touch()
        assert "pid" in answer.result(timeout=30)
    assert process.wait(30) == 0
    assert [path.name for path in tmp_path.iterdir() if "metrics" in path.name] == []


def test_a_stop_signal_while_it_starts_to_serve_is_honoured_when_it_does() -> None:
    """It is neither lost nor in the middle of anything: all that began comes to its end."""
    done = run_demo(PORT=str(free_port()), STOP_AT="after_server_start")
    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert events == ["serving", "stopping", "stopped"]


def test_a_stop_signal_before_it_listens_ends_it_at_once() -> None:
    """There is nobody to finish anything for, and what it waits for may not come."""
    done = run_demo(PORT=str(free_port()), STOP_AT="before_server_start")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "")


def test_workers_that_are_told_to_stop_while_they_start_end_well() -> None:
    """Whichever of them serves already."""
    environment = {"PATH": os.environ["PATH"], "PORT": str(free_port()), "WORKERS": "4"}
    with subprocess.Popen(
        [sys.executable, "-m", DEMO], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        assert b"serving" in process.stdout.readline()
        process.terminate()
        rest = process.stdout.read().decode()
    assert process.returncode == 0, rest
    assert "Traceback" not in rest


def test_a_hangup_that_was_to_be_ignored_is() -> None:
    """Under nohup a program outlives its terminal."""
    port = free_port()
    with subprocess.Popen(
        ["nohup", sys.executable, "-m", DEMO],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert b"serving" in process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/who", timeout=30) as answer:
            assert json.load(answer)["pid"] == process.pid
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("closed", [(1,), (0, 1, 2), (0, 2)])
def test_it_runs_with_standard_streams_closed(tmp_path: Path, workers: str, closed: tuple[int, ...]) -> None:
    """No connection gets their numbers, in any of its processes."""
    redirections = " ".join(f"{number}>&-" for number in closed)
    app = App(DEMO, free_port(), {}, tmp_path / "unused.log")
    app.log.touch()
    app.process = subprocess.Popen(
        ["sh", "-c", f"exec {sys.executable} -m {DEMO} {redirections}"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": str(app.port), "WORKERS": workers},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    process = app.process
    app.wait_ready()
    for process_id in (process.pid, *workers_of(app)):
        for number in closed:
            assert Path(f"/proc/{process_id}/fd/{number}").readlink() == Path("/dev/null")
    assert get(app, "/who")["pid"] in {process.pid, *workers_of(app)}
    assert app.stop() == 0


def test_several_workers_are_counted_as_one(start_app: StartApp) -> None:
    """Whichever worker answers, the metrics are those of all; the active gauge is zero."""
    app = start_app(DEMO, WORKERS="2")
    pids: set[int] = set()
    asked = 0
    while len(pids) < 2:
        pids.add(get(app, "/who")["pid"])
        asked += 1
    # A request is counted once its answer has been sent, so the other worker may be asked a moment too early.
    for _ in range(5):
        wait_until(lambda: metric(app, "http_requests_total") == asked, "not all are counted, or some twice")
        wait_until(lambda: metric(app, "http_active_requests") == 0, "something stays active")


def test_a_worker_that_dies_is_replaced(start_app: StartApp, tmp_path: Path) -> None:
    """Its gauges vanish, its counts stay, and others serve meanwhile."""
    app = start_app(DEMO, WORKERS="2")
    file = tmp_path / "never"
    victim = get(app, "/who")["pid"]
    hanging = socket.create_connection(("127.0.0.1", app.port))
    hanging.sendall(f"GET /wait?file={quote(str(file))} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    wait_until(lambda: metric(app, "http_active_requests") == 1, "the request never came")
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: any(event["event"] == "worker died" for event in events(app)), "nobody noticed")
    pids: set[int] = set()

    def both_answer() -> bool:
        pids.add(get(app, "/who")["pid"])
        return len(pids) == 2

    wait_until(both_answer, "it was not replaced")
    assert victim not in pids
    file.touch()
    hanging.close()
    wait_until(lambda: metric(app, "http_active_requests") == 0, "a dead worker's gauge is still counted")
    assert metric(app, "http_requests_total") >= 2


def test_workers_end_when_their_parent_is_killed(start_app: StartApp) -> None:
    """Nobody goes on serving behind the back of a dead main process."""
    app = start_app(DEMO, WORKERS="2")
    app.kill()

    def nobody_listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", app.port)) != 0

    wait_until(nobody_listens, "orphans go on serving")


def test_every_line_of_the_log_is_an_event(start_app: StartApp) -> None:
    """Ours, the standard library's and exceptions alike; what a client sends stays out or is escaped."""
    app = start_app(DEMO, LOG_LEVEL="debug")
    evil = quote('x"}\n{"level":"forged"}')
    with pytest.raises(urllib.error.HTTPError, match="500"):
        get(app, f"/fail?text={evil}")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(app, f"/nope/{evil}/someone@example.com")
    assert app.stop() == 0
    lines = events(app)
    for line in lines:
        assert {"timestamp", "level", "event", "logger", "service", "request_id", "trace_id"} <= set(line)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
        assert line["level"] in {"debug", "info", "warning", "error"}
    assert "forged" not in app.lines()
    assert "example.com" not in app.lines()
    (failure,) = [line for line in lines if line["event"] == "unexpected error"]
    (access,) = [line for line in lines if line.get("status") == 500]
    assert failure["error"] == "ValueError"
    assert any("fail" in frame for frame in failure["frames"])
    assert failure["request_id"] == access["request_id"]
    assert lines[-1]["event"] == "stopped"


@pytest.mark.parametrize(("reader", "workers"), [("full", "1"), ("closed", "1"), ("closed", "2")])
def test_a_log_that_nobody_reads_does_not_stop_the_app(tmp_path: Path, reader: str, workers: str) -> None:
    """A full or closed pipe costs log lines, which are counted, and no request."""
    reading, writing = os.pipe()
    port = free_port()
    app = App(DEMO, port, {}, tmp_path / "unused.log")
    process = subprocess.Popen(
        [sys.executable, "-m", DEMO],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": str(port), "WORKERS": workers},
        stdout=writing,
        stderr=subprocess.DEVNULL,
    )
    app.process = process
    os.close(writing)
    if reader == "closed":
        os.close(reading)
    try:
        app.log.touch()
        app.wait_ready()
        wait_until(lambda: get(app, "/who")["pid"] in {process.pid, *workers_of(app)}, "it does not answer")
        for _ in range(200):
            get(app, "/who")
        if reader == "closed":
            wait_until(lambda: metric(app, "log_lines_dropped_total") > 0, "lost lines are not counted")
    finally:
        assert app.stop() == 0
        if reader == "full":
            os.close(reading)


def test_a_full_queue_drops_lines_and_counts_them() -> None:
    """A writer that hangs costs lines beyond the bound, and its callers nothing."""
    reading, writing = os.pipe()
    os.set_blocking(writing, True)
    dropped = metrics.log_lines_dropped._value.get()
    writer = LineWriter(writing, capacity=10)
    for _ in range(5000):
        writer.put(b"x" * 4096 + b"\n")
    assert metrics.log_lines_dropped._value.get() > dropped
    drain = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reading, 65_536), b"")])
    drain.start()
    writer.close()
    os.close(writing)
    drain.join()
    os.close(reading)

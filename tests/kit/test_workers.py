"""What the exit status of several workers together says."""

import json
import os
import signal

from tests.fixtures.processes import StartApp, wait_until
from tests.fixtures.workers import workers_of


def test_a_worker_that_ended_badly_is_told_by_the_exit_status(start_app: StartApp) -> None:
    """One of two is killed while they stop: it is 1, and the log says which one and how."""
    app = start_app("tests.kit.demo", WORKERS="2")
    assert app.process is not None
    wait_until(lambda: app.lines().count('"serving"') == 2, "not both serve")
    stuck, other = workers_of(app)
    os.kill(stuck, signal.SIGSTOP)
    app.process.send_signal(signal.SIGTERM)
    wait_until(lambda: other not in workers_of(app), "the other one does not end")
    os.kill(stuck, signal.SIGKILL)
    assert app.stop() == 1
    (bad,) = (line for line in map(json.loads, app.lines().splitlines()) if line["event"] == "worker exited uncleanly")
    assert (bad["pid"], bad["exit_code"]) == (stuck, -signal.SIGKILL)

"""A process that serves alone and whose loop stands still ends itself, and tells where."""

import http.client
import json
import signal
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from shared.serving.watchdog import HUNG
from tests.fixtures.processes import StartApp, free_port, wait_until


@pytest.mark.parametrize("further", [{}, {"OPS_PORT": ""}])
def test_a_process_that_hangs_ends_itself(start_app: StartApp, tmp_path: Path, further: Mapping[str, str]) -> None:
    """With a port for operations as well, which the same loop serves; nothing has to be told to it from outside."""
    environment = {name: str(free_port()) for name in further}
    app = start_app("tests.kit.edge_demo", WORKER_HANG_SECONDS="3", **environment)
    process = app.process
    assert process is not None
    with closing(http.client.HTTPConnection("127.0.0.1", app.port)) as hanging:
        hanging.request("GET", f"/hang?file={quote(str(tmp_path / 'never'))}")
        assert process.wait(60) == HUNG
    (told,) = (line for line in map(json.loads, app.lines().splitlines()) if line["event"] == "loop hangs")
    assert told["level"] == "error"
    assert told["silent_s"] >= 3
    assert any(place.startswith("app.py:") and place.endswith(" hang") for place in told["frames"])


def test_a_process_that_hangs_in_a_stop_ends_itself(start_app: StartApp, tmp_path: Path) -> None:
    """A stop signal is no reason to hang for ever."""
    app = start_app("tests.kit.demo", WORKER_HANG_SECONDS="3", SHUTDOWN_DRAIN_SECONDS="300")
    process = app.process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: '"stopping"' in app.lines(), "nobody heard the signal")
    with closing(http.client.HTTPConnection("127.0.0.1", app.port)) as hanging:
        hanging.request("GET", f"/hang?file={quote(str(tmp_path / 'never'))}")
        assert process.wait(60) == HUNG

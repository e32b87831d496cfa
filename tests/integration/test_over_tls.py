"""The gateway over TLS: what is answered early and what is not, on one connection."""

import asyncio
import json
import re
import ssl
from pathlib import Path

import pytest

from tests.fixtures.certificates import new_pair
from tests.fixtures.edge_on import SHOWN_TEXT
from tests.fixtures.fake_services import user
from tests.fixtures.processes import App, StartApp
from tests.fixtures.recording_service import RecordingService
from tests.kit.test_https import ask, connected, read_answer

PROFILE = "/api/profile/user1"


def _answers(app: App) -> list[tuple[int, bool | None]]:
    found = []
    with connected(app) as wire:
        for path, fields in ((PROFILE, ()), (PROFILE, ()), (PROFILE, ("X-Odd: 1",)), ("/nowhere", ()), (PROFILE, ())):
            ask(wire, path, *fields, *SHOWN_TEXT.splitlines())
            status, body = read_answer(wire)
            found.append((status, json.loads(body).get("metadata", {}).get("cached")))
        wire.sendall(f"GET {PROFILE} HTTP/1.1\r\nHost: x\r\n{SHOWN_TEXT}Connection: close\r\n\r\n".encode())
        assert read_answer(wire)[0] == 200
        assert wire.recv(1) == b""
    return found


@pytest.mark.parametrize("early", ["true", "false"])
async def test_hits_and_misses_come_as_without_tls(start_app: StartApp, tmp_path: Path, early: str) -> None:
    """Whichever way they go, and in their order."""
    async with RecordingService({"/users/user1": user("user1"), "/orders/user/user1": []}) as service:
        address = f"http://127.0.0.1:{service.port}"
        environment = {"USER_SERVICE_URL": address, "ORDER_SERVICE_URL": address, "EARLY_ANSWERS": early}
        app = await asyncio.to_thread(start_app, "bff", **environment, **new_pair(tmp_path).environment)
        found = await asyncio.to_thread(_answers, app)
        assert await asyncio.to_thread(app.stop) == 0
    assert found == [(200, False), (200, True), (200, True), (404, None), (200, True)]


def _streams(app: App) -> list[bytes]:
    """The ends of a stream and of one that stays until the gateway stops."""
    with connected(app) as one, connected(app) as live:
        for wire, path in ((one, PROFILE), (live, f"{PROFILE}?live=true")):
            ask(wire, path, "Accept: text/event-stream", "Connection: close", *SHOWN_TEXT.splitlines())
        ended = _read(one, b"")
        begun = _read(live, b"event: complete")
        assert b"event: begin" in begun
        assert app.stop() == 0
        return [ended, _read(live, b"")]


def _read(wire: ssl.SSLSocket, mark: bytes) -> bytes:
    """All that comes up to this mark; to the end without one."""
    read = b""
    while not (mark and mark in read) and (data := wire.recv(65536)):
        read += data
    return read


@pytest.mark.parametrize("early", ["true", "false"])
async def test_streams_come_to_their_ends(start_app: StartApp, tmp_path: Path, early: str) -> None:
    """Whole, each with its last chunk; a process that is told to stop waits for nobody who stays."""
    async with RecordingService({"/users/user1": user("user1"), "/orders/user/user1": []}) as service:
        address = f"http://127.0.0.1:{service.port}"
        environment = {"USER_SERVICE_URL": address, "ORDER_SERVICE_URL": address, "EARLY_ANSWERS": early}
        app = await asyncio.to_thread(start_app, "bff", **environment, **new_pair(tmp_path).environment)
        ended, drained = await asyncio.to_thread(_streams, app)
    assert ended.endswith(b'data: {"reason":"done"}\n\n\r\n0\r\n\r\n')
    assert re.search(rb'event: end\ndata: {"reason":"drain","retry":\d+}\n\n\r\n0\r\n\r\n\Z', drained), drained

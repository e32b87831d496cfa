"""Tokens in files, exchanged while the gateway serves."""

import asyncio
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.edge_on import shown_to
from tests.fixtures.fake_services import user
from tests.fixtures.processes import App, StartApp, wait_until
from tests.fixtures.recording_service import RecordingService

_PEOPLE: Final = [f"user{number}-{one}" for number in (1, 2, 3, 4) for one in range(10)]
_DOCUMENTS: Final[dict[str, object]] = {
    **{f"/users/{name}": user(name) for name in _PEOPLE},
    **{f"/orders/user/{name}": [] for name in _PEOPLE},
}


def _status(app: App, path: str, method: str = "GET", token: str = "") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else shown_to(app.environment)
    request = urllib.request.Request(app.url + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def _hang_up(app: App, workers: int) -> None:
    assert app.process is not None
    before = app.lines().count('"reloaded"')
    app.process.send_signal(signal.SIGHUP)
    wait_until(lambda: app.lines().count('"reloaded"') == before + workers, "it is not read again")


@pytest.mark.parametrize("workers", [1, 2])
async def test_tokens_are_exchanged_without_a_restart(start_app: StartApp, tmp_path: Path, workers: int) -> None:
    """Services are shown the new one, on the same connections, and administrators have to show it."""
    token, admin = tmp_path / "token", tmp_path / "admin"
    token.write_text("what-services-know-1\n")
    admin.write_text("what-admins-know-1\n")
    async with RecordingService(_DOCUMENTS) as service:
        address = f"http://127.0.0.1:{service.port}"
        app = await asyncio.to_thread(
            start_app,
            "bff",
            WORKERS=str(workers),
            USER_SERVICE_URL=address,
            USER_SERVICE_TOKEN_FILE=str(token),
            ORDER_SERVICE_URL=address,
            ADMIN_TOKEN_FILE=str(admin),
        )

        async def ask(number: int) -> None:
            for one in range(10):
                assert await asyncio.to_thread(_status, app, f"/api/profile/user{number}-{one}") == 200

        async def purge(text: str) -> int:
            return await asyncio.to_thread(_status, app, "/api/cache", "DELETE", text)

        await ask(1)
        assert (await purge("what-admins-know-1"), await purge("what-admins-know-2")) == (204, 401)
        held = service.connections
        asking = asyncio.ensure_future(ask(2))
        token.write_text("what-services-know-2\n")
        admin.write_text("what-admins-know-2\n")
        await asyncio.to_thread(_hang_up, app, workers)
        await asking
        service.heads.clear()
        await ask(3)
        assert {_shown(head) for head in service.heads if b"GET /users" in head} == {b"Bearer what-services-know-2"}
        assert {_shown(head) for head in service.heads if b"GET /orders" in head} == {b""}
        assert (await purge("what-admins-know-1"), await purge("what-admins-know-2")) == (401, 204)
        if workers == 1:
            assert service.connections == held
        for useless in (token, admin):
            useless.write_text("")
        await asyncio.to_thread(_hang_up, app, workers)
        service.heads.clear()
        await ask(4)
        assert {_shown(head) for head in service.heads if b"GET /users" in head} == {b"Bearer what-services-know-2"}
        assert await purge("what-admins-know-2") == 204
        assert '"reason":"ADMIN_TOKEN_FILE=' in app.lines()
        assert "know-" not in app.lines()
        assert await asyncio.to_thread(app.stop) == 0


def _shown(head: bytes) -> bytes:
    lines = dict(line.partition(b": ")[::2] for line in head.split(b"\r\n"))
    return lines.get(b"Authorization", b"")

"""Whatever is sent through a proxy, the gateway finds no request in it that the proxy has not found."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.odd_requests import Ids, OddRequests
from tests.fixtures.processes import App, wait_until
from tests.fixtures.system import StartSystem, System
from tests.proxies.proxies import KINDS, Proxy, running
from tests.proxies.smuggling import payloads

CONVERSATIONS = 200
SEED = 4711
IDS = Ids(warm=("user123", "user456"), absent=("ghost",), cold=tuple(f"user{number}" for number in range(500, 540)))
QUIET_SECONDS = 0.1
"""A proxy that is silent for so long waits for the rest of a body; nothing is concluded from that."""


@pytest.fixture
def system(start_system: StartSystem) -> System:
    """The whole system, with a gateway that believes the proxy."""
    return start_system(TRUSTED_PROXIES="127.0.0.1")


@pytest.fixture(params=KINDS)
def proxy(request: pytest.FixtureRequest, tmp_path: Path, system: System) -> Iterator[Proxy]:
    """Each proxy in turn, before that gateway."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    with running(request.param, folder, system.gateway.port) as found:
        yield found


class _Tail:
    """A log that is read on from where it was left: there are hundreds of looks at it."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0

    def lines(self) -> list[str]:
        """Whole lines that have come since the last look."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            whole = file.read().rpartition(b"\n")
        self._read += len(whole[0]) + len(whole[1])
        return whole[0].decode(errors="replace").splitlines()


class Witness:
    """Somebody honest, who comes after somebody hostile, and compares what gateway and proxy have counted.

    Args:
        proxy: What both come through.
        gateway: What stands behind it.
    """

    def __init__(self, proxy: Proxy, gateway: App) -> None:
        self._proxy = proxy
        self._told, self._passed_on = _Tail(gateway.log), _Tail(proxy.requests)
        self._done: Counter[str] = Counter()
        self._forwarded: Counter[str] = Counter()
        self._asked = 0

    def look(self, told: str) -> list[str]:
        """Ask for two profiles on a connection of one's own; then all that the gateway did is known to the proxy.

        Args:
            told: What was sent before, for the complaint.

        Returns:
            The entity tags of both.
        """
        self._asked += 1
        tags = []
        own = [f"honest-{self._asked}-{user}" for user in ("user123", "user456")]
        with self._proxy.connect() as connection:
            for request_id in own:
                user = request_id.rpartition("-")[2]
                head = f"GET /api/profile/{user} HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: {request_id}\r\n\r\n"
                connection.sendall(head.encode())
                head, document = _answer(connection)
                assert f"x-request-id: {request_id}\r\n" in head.lower(), f"{told}: {head}"
                assert (head.split()[1], document["user"]["id"]) == ("200", user), told
                tags += re.findall(r"\r\netag: (\S+)\r\n", head, re.IGNORECASE)
        wait_until(lambda: self._has_told(own[-1]), "the gateway does not tell of the last request")
        wait_until(self.adds_up, f"after {told}: {self.counts()}")
        return tags

    def adds_up(self) -> bool:
        """Whether the gateway has done no more requests than the proxy knows of, by number and by name."""
        done, forwarded = self.counts()
        return done.total() <= forwarded.total() and done["smuggled"] <= forwarded["smuggled"]

    def counts(self) -> tuple["Counter[str]", "Counter[str]"]:
        """What the gateway has done, by the ids of requests, and what the proxy has passed on, by the ids of users."""
        events = map(json.loads, self._told.lines())
        requests = (one for one in events if one["logger"] == "access" and one.get("route") != "/health/ready")
        self._done.update(event["request_id"] for event in requests)
        forwarded = filter(self._proxy.is_forwarded, self._passed_on.lines())
        targets = (re.search(r'"\S+ \S*?([a-z0-9]*)[ ?"]', line) for line in forwarded)
        self._forwarded.update(found[1] if found else "" for found in targets)
        return self._done, self._forwarded

    def _has_told(self, request_id: str) -> bool:
        return self.counts()[0][request_id] > 0


def _answer(connection: Any) -> tuple[str, Any]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head.lower())
    assert length is not None, head
    while len(body) < int(length[1]):
        body += _more(connection)
    assert len(body) == int(length[1]), body
    return f"{head.decode()}\r\n", json.loads(body)


def _more(connection: Any) -> bytes:
    found: bytes = connection.recv(65_536)
    assert found, "closed"
    return found


def _send(proxy: Proxy, *pieces: bytes) -> None:
    """Say it all, and listen until the proxy closes or is silent."""
    with proxy.connect() as connection, suppress(OSError):
        for piece in pieces:
            connection.sendall(piece)
        connection.settimeout(QUIET_SECONDS)
        while connection.recv(65_536):
            pass


def test_no_payload_finds_a_second_request(proxy: Proxy, system: System) -> None:
    """The gateway has done no more requests than the proxy has passed on, by number and by name, after each of them.

    And whoever comes next, on the same connections to the gateway, gets their own answers.
    """
    witness = Witness(proxy, system.gateway)
    witness.look("nothing")
    for name, payload in payloads().items():
        _send(proxy, payload)
        witness.look(name)
    done, forwarded = witness.counts()
    assert 1 < done["smuggled"] <= forwarded["smuggled"]  # those that a client may ask for behind another one
    system.profile("user123")
    wait_until(lambda: not witness.adds_up(), "a request that the proxy does not know of goes unnoticed")


def test_no_odd_conversation_does(proxy: Proxy, system: System) -> None:
    """Nor do those that are made at random."""
    witness = Witness(proxy, system.gateway)
    tags = witness.look("nothing")
    assert len(tags) == 2
    for conversation in OddRequests(SEED, IDS, tags).conversations(CONVERSATIONS):
        _send(proxy, *conversation.pieces)
        witness.look(f"{conversation.kind}: {conversation.pieces!r}")

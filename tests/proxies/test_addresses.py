"""The gateway behind a proxy knows one client from another, and the proxy's word from theirs."""

from pathlib import Path

import pytest

from tests.fixtures.processes import StartApp
from tests.proxies.proxies import KINDS, Client, running

QUOTA = 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_quota_is_of_one_client(start_app: StartApp, tmp_path: Path, kind: str) -> None:
    """Who has used it up gets no further by naming other addresses, and nobody else is refused."""
    gateway = start_app("bff", TRUSTED_PROXIES="127.0.0.1", RATE_LIMIT_ADDRESS=f"{QUOTA}/86400")
    folder = tmp_path / "proxy"
    folder.mkdir()
    with running(kind, folder, gateway.port) as proxy:

        def status(source: str, forged: str) -> int:
            client = Client(proxy, source)
            try:
                fields = [("X-Forwarded-For", forged), ("Forwarded", f"for={forged}")]
                return client.ask("/api/profile/user123", fields).status
            finally:
                client.close()

        asked = [status("127.0.0.9", f"10.0.0.{number}") for number in range(QUOTA + 3)]
        assert [one == 429 for one in asked] == [False] * QUOTA + [True] * 3
        assert status("127.0.0.8", "127.0.0.9") != 429

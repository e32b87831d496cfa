"""Operations are open to those on the same machine, and not to whoever comes through something that stands there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.gateway import StartGateway
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer

_STANDARD: Final = {"TRUSTED_PROXIES": "127.0.0.1", "PROXY_HEADER": "forwarded"}
_USUAL: Final = {"TRUSTED_PROXIES": "127.0.0.1"}


@pytest.mark.parametrize(
    ("settings", "fields", "status"),
    [
        ({}, {}, 200),
        ({}, {"X-Forwarded-For": "203.0.113.9"}, 401),
        ({}, {"X-Forwarded-For": "127.0.0.1"}, 401),
        ({}, {"Forwarded": "for=203.0.113.9"}, 401),
        (_USUAL, {}, 200),
        (_USUAL, {"X-Forwarded-For": "127.0.0.1"}, 200),
        (_USUAL, {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}, 401),
        (_USUAL, {"Forwarded": "for=203.0.113.9"}, 401),
        (_USUAL, {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=203.0.113.9"}, 401),
        (_STANDARD, {"Forwarded": "for=127.0.0.1"}, 200),
        (_STANDARD, {"Forwarded": "for=203.0.113.9"}, 401),
        (_STANDARD, {"X-Forwarded-For": "203.0.113.9"}, 401),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/api/cache/stats"])
async def test_who_comes_through_a_proxy_is_not_local(  # noqa: PLR0917 - a table
    start_gateway: StartGateway,
    issuer: Issuer,
    tmp_path: Path,
    path: str,
    settings: Mapping[str, str],
    fields: Mapping[str, str],
    status: int,
) -> None:
    """Whether it is believed or not, and whichever of both fields it uses."""
    keys = tmp_path / "keys.json"
    keys.write_bytes(issuer.key_set())
    asks = {"AUTH": "jwt", "AUTH_JWKS_FILE": str(keys), "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE}
    gateway = await start_gateway(**asks, **settings)
    assert (await gateway.get(path, **fields)).status_code == status

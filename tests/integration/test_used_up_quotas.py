"""What clients are told whose quota is used up: the same by either way of answering."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.gateway import StartGateway
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer

_POLICIES: Final = '"user";q=1;w=86400, "address";q=1;w=86400, "failures";q=1;w=86400'
_OWN: Final = {"date", "x-request-id", "traceparent", "ratelimit", "retry-after"}
"""Fields that differ from answer to answer."""


@pytest.fixture
def limited(issuer: Issuer, tmp_path: Path) -> Mapping[str, str]:
    """Settings of a gateway that lets everybody ask once a day."""
    keys = tmp_path / "keys.json"
    keys.write_bytes(issuer.key_set())
    return {
        "AUTH": "jwt", "AUTH_JWKS_FILE": str(keys), "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE,
        "RATE_LIMIT_USER": "1/86400", "RATE_LIMIT_ADDRESS": "1/86400", "RATE_LIMIT_FAILURES": "1/86400",
        "CORS_ORIGINS": "https://app.example.org",
    }  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
async def test_a_refusal_has_each_field_once(
    start_gateway: StartGateway, limited: Mapping[str, str], issuer: Issuer, known: bool
) -> None:
    """As early answers, and by way of Sanic: for a subject, and for an address."""
    fields = {"Origin": "https://app.example.org"}
    if known:
        fields["Authorization"] = f"Bearer {issuer.token('user1', scope='profile:read')}"
    heads = []
    for early in ("true", "false"):
        gateway = await start_gateway(EARLY_ANSWERS=early, **limited)
        await gateway.get("/api/profile/user1", **fields)
        refused = await gateway.get("/api/profile/user1", **fields)
        assert refused.status_code == 429
        assert refused.headers.get_list("RateLimit-Policy") == [_POLICIES]
        assert refused.headers["RateLimit"].startswith('"user";r=0;' if known else '"address";r=0;')
        heads.append([(name, "" if name in _OWN else value) for name, value in refused.headers.multi_items()])
    assert heads[0] == heads[1]
    assert len(dict(heads[0])) == len(heads[0])

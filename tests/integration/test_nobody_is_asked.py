"""A warning where nobody is asked who they are, and somebody may have meant it otherwise."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from bff.app import create_app
from bff.settings import GatewaySettings
from shared.settings.loading import load
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer
from tests.fixtures.log_lines import heard

_EVENT: Final = b'"event":"nobody is asked who they are"'


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        ({}, False),
        ({"HOST": "localhost"}, False),
        ({"HOST": "::1"}, False),
        ({"HOST": "0.0.0.0"}, True),
        ({"HOST": "gateway.internal"}, True),
        ({"AUTH_ISSUER": ISSUER}, True),
        ({"HOST": "0.0.0.0", "AUTH": "jwt", "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE}, False),
    ],
)
def test_it_is_told_at_the_start(tmp_path: Path, environ: Mapping[str, str], warned: bool) -> None:
    """Where others than this machine may come, and where an issuer is named and AUTH was forgotten."""
    keys = tmp_path / "keys.json"
    keys.write_bytes(Issuer().key_set())
    lines: list[bytes] = []
    with heard(lines.append):
        create_app(load(GatewaySettings, {"AUTH_JWKS_FILE": str(keys), **environ}))
    assert any(_EVENT in line and b'"warning"' in line for line in lines) is warned

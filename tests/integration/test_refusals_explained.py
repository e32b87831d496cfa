"""Why a token is not accepted: told in the log, and nowhere else."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.fixtures.issuer import AUDIENCE, ISSUER, REFUSED, Issuer, signing_key
from tests.fixtures.processes import App, StartApp, wait_until


def _refused(app: App, token: str) -> bytes:
    asked = urllib.request.Request(f"{app.url}/api/profile/user1", headers={"Authorization": f"Bearer {token}"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(asked, timeout=30)
    with caught.value as refused:
        assert refused.code == 401
        return refused.read()


def test_the_log_says_why_with_nothing_of_the_token(start_app: StartApp, issuer: Issuer, tmp_path: Path) -> None:
    """A few times a minute for each reason, however many such tokens are shown."""
    keys = tmp_path / "keys.json"
    keys.write_bytes(issuer.key_set())
    app = start_app("bff", AUTH="jwt", AUTH_JWKS_FILE=str(keys), AUTH_ISSUER=ISSUER, AUTH_AUDIENCE=AUDIENCE)
    tokens = [REFUSED[what](issuer) for what in ("wrong audience", "wrong type", "expired")]
    tokens.append(issuer.token(key=signing_key("strange", "ES256")))
    tokens += [issuer.token(aud="else", jti=f"number {number}") for number in range(20)]
    answers = [_refused(app, token) for token in tokens]
    assert all(b"The access token is not accepted." in answer for answer in answers)

    def reasons() -> list[str]:
        lines = (json.loads(line) for line in app.lines().splitlines())
        return [line["reason"] for line in lines if line["event"] == "access token not accepted"]

    wait_until(lambda: len(reasons()) == 8, "it is not told")
    assert reasons()[:4] == ["another audience", "another type", "ended", "a key that the issuer does not publish"]
    assert reasons()[4:] == ["another audience"] * 4
    log = app.lines()
    assert not any(part in log for token in tokens for part in token.split("."))

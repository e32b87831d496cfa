"""What the hostile benchmark's intruders show, and what of an answer to them is found."""

from collections.abc import Sequence

import msgspec
import pytest

from benchmarks.chaos.hostile import log
from benchmarks.chaos.hostile.draw import dice
from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.forgeries import FORGERIES, SUBJECT, Forgery
from benchmarks.chaos.hostile.garbage import ORIGIN
from benchmarks.chaos.hostile.intruders import Attempt, complaints
from benchmarks.chaos.hostile.reading import Received
from benchmarks.common.issuer import OWN, SETTINGS, Issuer
from deploy.issuer.signing import public
from shared.edge.bearer import read_bearer
from shared.edge.challenges import Challenges
from shared.edge.claims import TokenRules
from shared.edge.keys import KeySet, UnknownKey
from shared.edge.settings import EdgeSettings
from shared.edge.tokens import MAX_TOKEN_BYTES, InvalidToken, Verifier
from shared.errors import InvalidAuthorization
from shared.settings.loading import load

ISSUER = Issuer()
KEYS = KeySet.parse(msgspec.json.encode({"keys": [public(ISSUER.key)]}))
ASKED = {name: value for name, value in SETTINGS.items() if name != "AUTH_JWKS_FILE"}
VERIFIER = Verifier(TokenRules.of(load(EdgeSettings, {**ASKED, "AUTH_JWKS_URL": "http://127.0.0.1:1/"})))
TARGET = "user1"
TOKEN = f"Bearer {ISSUER.token(TARGET)}"
LINE = b'{"timestamp":"t","level":"info","event":"e","logger":"l","service":"s","told":"%b"}\n'


def opens(credentials: str) -> bool:
    """Whether a profile may be read with these."""
    try:
        token = read_bearer(credentials, Challenges(""))
        if token is None or len(token) > MAX_TOKEN_BYTES:
            return False
        principal = VERIFIER.verify(token, KEYS, ISSUER.claims(TARGET)["iat"])
    except (InvalidAuthorization, InvalidToken, UnknownKey):
        return False
    return principal.owns("sub", TARGET) and OWN in principal.scopes


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_a_forgery_opens_nothing(forgery: Forgery) -> None:
    """Whatever is drawn; what it was made from does."""
    assert opens(TOKEN)
    for number in range(50):
        made = forgery.make(ISSUER, dice(number), TARGET)
        assert not any(opens(one) for one in ([made] if isinstance(made, str) else made))


def _attempt(*, may: bool = False, origin: str | None = None, is_owner: bool = False) -> Attempt:
    return Attempt(b"GET", "GET", (TOKEN,), TARGET, may=may, origin=origin, is_owner=is_owner)


def _received(status: int, body: bytes = b"", **headers: str) -> Received:
    return Received(status, b"head", {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("attempt", "heard", "kinds"),
    [
        (_attempt(), _received(401), []),
        (_attempt(may=True, is_owner=True), _received(200, b"user1@post.example", age="1"), []),
        (_attempt(may=True, origin=ORIGIN), _received(200, access_control_allow_origin=ORIGIN), []),
        (_attempt(), _received(304), ["let in"]),
        (_attempt(), _received(404), ["let in"]),
        (_attempt(), _received(200, b"user1@post.example"), ["let in", "another's data"]),
        (_attempt(), _received(403, b"user1@post.example"), ["another's data"]),
        (_attempt(), _received(401, TOKEN.encode()), ["a secret in an answer"]),
        (_attempt(may=True), _received(200, age="1"), ["let in"]),
        (_attempt(origin=ORIGIN), _received(401, access_control_allow_origin="*"), ["let in"]),
        (_attempt(origin="null"), _received(401, access_control_allow_origin=ORIGIN), ["let in"]),
        (_attempt(origin="null"), _received(401, access_control_allow_origin="null"), ["let in"]),
    ],
)
def test_whoever_is_let_in_is_found(attempt: Attempt, heard: Received, kinds: Sequence[str]) -> None:
    """So is what is told to somebody whom it is not for, in whatever answer."""
    assert [kind for kind, _ in complaints(attempt, heard)] == kinds


@pytest.mark.parametrize(
    ("told", "is_secret"),
    [
        (TOKEN.encode(), True),
        (TOKEN.rpartition(".")[2][:40].encode(), True),
        (TOKEN[7:30].encode(), True),
        (f"{SUBJECT}-1".encode(), True),
        (b"/api/profile/<user_id> 00-4bf92f3577b34da6a3ce929d0e0e4736-x", False),
        (b"4bf92f3577b34da6a3ce929d0e0e4736", False),
    ],
    ids=["a token", "a half of a signature", "a part of a header", "a subject", "a route and a trace", "an id"],
)
async def test_a_piece_of_a_token_in_the_log_is_found(
    tmp_path_factory: pytest.TempPathFactory, told: bytes, *, is_secret: bool
) -> None:
    """And a subject in clear; ids are none."""
    file, failures = tmp_path_factory.mktemp("log") / "log", Failures(1)
    file.write_bytes(LINE % told)
    log.hold(file, failures)
    assert ("a secret in the log" in failures.counts) is is_secret

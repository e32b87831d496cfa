"""Credentials that open nothing, a line each: whoever shows them is refused (RFC 6750 §3.1, RFC 8725)."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import msgspec

from benchmarks.common.issuer import Issuer
from deploy.issuer.signing import new_key, public

Make = Callable[[Issuer, Random, str], str | Sequence[str]]
"""What stands in ``Authorization``, once or several times, of somebody who wants what is another's, by id."""
SUBJECT: Final = "intruder"
"""Begins the subjects of intruders' own tokens, so that one is seen where none may be."""
_URL_SAFE: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_VISIBLE: Final = "".join(map(chr, range(0x20, 0x7F)))
_strange_key = new_key()


@dataclass(frozen=True)
class Forgery:
    """A kind of credentials."""

    name: str
    make: Make
    weight: float = 1.0


def subject(dice: Random) -> str:
    """Somebody who has no profile."""
    return f"{SUBJECT}-{dice.randrange(200)}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _joined(issuer: Issuer, target: str, **header: Any) -> str:
    """Header and payload, not signed."""
    parts = (issuer.header(**header), issuer.claims(target))
    return ".".join(_encoded(msgspec.json.encode(part)) for part in parts)


def _saying(**claims: Any) -> Make:
    return lambda issuer, _dice, target: f"Bearer {issuer.token(target, **claims)}"


def _headed(**header: Any) -> Make:
    return lambda issuer, _dice, target: f"Bearer {issuer.token(target, header=header)}"


def _beginning(seconds: float, claim: str) -> Make:
    def make(issuer: Issuer, _dice: Random, target: str) -> str:
        claims: dict[str, Any] = {claim: int(time.time() + seconds)}
        return f"Bearer {issuer.token(target, **claims)}"

    return make


def _mutated(issuer: Issuer, dice: Random, target: str) -> str:
    """One character changed; not the last, of which a part may mean nothing."""
    token = issuer.token(target)
    place = dice.randrange(len(token) - 1)
    other = dice.choice([one for one in _URL_SAFE if one != token[place]])
    return f"Bearer {token[:place]}{other}{token[place + 1 :]}"


def _cut(issuer: Issuer, dice: Random, target: str) -> str:
    token = issuer.token(target)
    return f"Bearer {token[: dice.randrange(1, len(token) - 2)]}"


def _by_a_stranger(issuer: Issuer, _dice: Random, target: str) -> str:
    return f"Bearer {issuer.token(target, key=_strange_key)}"


def _bringing_a_key(issuer: Issuer, _dice: Random, target: str) -> str:
    header = {"jwk": public(_strange_key), "jku": "http://127.0.0.1:1/"}
    return f"Bearer {issuer.token(target, key=_strange_key, header=header)}"


def _by_unknown_key(issuer: Issuer, dice: Random, target: str) -> str:
    return f"Bearer {issuer.token(target, key=_strange_key, header={'kid': f'k{dice.getrandbits(40):x}'})}"


def _unsigned(issuer: Issuer, _dice: Random, target: str) -> str:
    return f"Bearer {_joined(issuer, target, alg='none')}."


def _by_public_secret(issuer: Issuer, _dice: Random, target: str) -> str:
    """HS256 with what everybody knows (RFC 8725 §2.1)."""
    signed = _joined(issuer, target, alg="HS256")
    secret = msgspec.json.encode(public(issuer.key))
    return f"Bearer {signed}.{_encoded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def _anything(_issuer: Issuer, dice: Random, _target: str) -> str:
    return "".join(dice.choices(_VISIBLE, k=dice.choice((1, 10, 100, 1_000)))).strip()


def _odd(_issuer: Issuer, dice: Random, _target: str) -> str:
    return dice.choice(
        ("Bearer", "Bearer ,", "Bearer =", "Bearer a b", "bearer\ta", "Bearer  ..", "Basic dXNlcjE6cGFzcw==",
         "DPoP a.b.c", "Bearer a.b.c.d.e", "Negotiate", 'Bearer "a"', "Bearer t")
    )  # fmt: skip


def _own(issuer: Issuer, dice: Random, _target: str) -> str:
    return f"Bearer {issuer.token(subject(dice))}"


def _own_twice(issuer: Issuer, dice: Random, target: str) -> Sequence[str]:
    one, other = _own(issuer, dice, target), _own(issuer, dice, target)
    return dice.choice(((one, other), (one, one), (one, "Bearer x"), (f"{one}, {other}",), ("", one)))


def _long(issuer: Issuer, dice: Random, target: str) -> str:
    return f"Bearer {issuer.token(target, padding='x' * dice.choice((5_000, 8_000, 30_000)))}"


FORGERIES: Final[Sequence[Forgery]] = (
    Forgery("no credentials", lambda _issuer, _dice, _target: (), 2),
    Forgery("odd credentials", _odd, 2),
    Forgery("anything at all", _anything, 2),
    Forgery("a token with a character changed", _mutated, 6),
    Forgery("a token that breaks off", _cut, 2),
    Forgery("a token too long", _long, 0.3),
    Forgery("an expired token", _beginning(-300, "exp")),
    Forgery("a token that is not good yet", _beginning(300, "nbf")),
    Forgery("a token without end", _saying(exp=None)),
    Forgery("a token of another issuer", _saying(iss="https://issuer.invalid/")),
    Forgery("a token for another audience", _saying(aud="https://other.invalid")),
    Forgery("a token of another type", _headed(typ="JWT")),
    Forgery("a token without subject", _saying(sub=None)),
    Forgery("a token whose subject is a list", lambda issuer, _dice, target: f"Bearer {issuer.token([target])}"),
    Forgery("a token with a critical extension", _headed(crit=["exp"], exp=1)),
    Forgery("a token bound to a key", _saying(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
    Forgery("a token without scope", _saying(scope="")),
    Forgery("a token that nobody has signed", _unsigned),
    Forgery("a token signed with what everybody knows", _by_public_secret),
    Forgery("a token by a stranger", _by_a_stranger),
    Forgery("a token by a stranger who brings a key along", _bringing_a_key),
    Forgery("a token by a key that nobody knows", _by_unknown_key),
    Forgery("somebody else's token", _own, 3),
    Forgery("several tokens", _own_twice, 2),
)  # fmt: skip

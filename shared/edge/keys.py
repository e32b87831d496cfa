"""The keys of an issuer, out of the set that it publishes (RFC 7517). Pure."""

import base64
import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from shared import codec
from shared.edge import signatures
from shared.edge.strict_json import read_object

MAX_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100

_base64url = re.compile(r"[A-Za-z0-9_-]+").fullmatch
_PRIVATE: Final = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_IDENTIFYING: Final[Mapping[str, Sequence[str]]] = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
"""What a thumbprint is taken of, in order (RFC 7638 §3.2, RFC 8037 §2)."""


class UnknownKey(LookupError):
    """A token is signed with a key that is not in the set, and may be in the next."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key; ``identity`` is its thumbprint (RFC 7638) with its id and what it is for."""

    kid: str | None
    algorithms: tuple[str, ...]
    thumbprint: str
    public: Any = field(compare=False, repr=False)

    @property
    def identity(self) -> str:
        """The same in every set in which nothing about this key has changed."""
        return f"{self.thumbprint} {','.join(self.algorithms)} {self.kid}"


class KeySet:
    """The keys of one set that signatures can be verified with, in order; of two for the same the first counts."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)
        self.identities = frozenset(key.identity for key in keys)
        self._kids = frozenset(key.kid for key in keys)
        self._by_name: dict[tuple[str | None, str], Key] = {}
        self._by_algorithm: defaultdict[str, list[Key]] = defaultdict(list)
        for key in keys:
            for algorithm in key.algorithms:
                self._by_name.setdefault((key.kid, algorithm), key)
                self._by_algorithm[algorithm].append(key)

    @classmethod
    def parse(cls, document: bytes) -> Self:
        """The keys in ``document``; those that are of no use here are passed over (RFC 7517 §5).

        Raises:
            ValueError: it is no key set, is too large, or has no key that is of use.
        """
        if len(document) > MAX_BYTES:
            raise ValueError(f"over {MAX_BYTES} bytes")
        members = read_object(document).get("keys")
        if not isinstance(members, list) or len(members) > MAX_KEYS:
            raise ValueError(f"no list of at most {MAX_KEYS} keys")
        found = [key for member in members if (key := _key(member)) is not None]
        if not found:
            raise ValueError("no key that signatures can be verified with")
        return cls(found)

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key called ``kid`` if it is for ``algorithm``; without a name the only one that is for it, if it is one.

        Raises:
            UnknownKey: there is none of this name, or, without a name, none for this algorithm.
        """
        if kid is not None:
            if kid not in self._kids:
                raise UnknownKey
            return self._by_name.get((kid, algorithm))
        fitting = self._by_algorithm.get(algorithm)
        if fitting is None:
            raise UnknownKey
        return fitting[0] if len(fitting) == 1 else None


def _key(jwk: Any) -> Key | None:
    """The public key for signatures that ``jwk`` is; None if it is anything else, a secret above all."""
    if not isinstance(jwk, dict) or not _PRIVATE.isdisjoint(jwk) or not _is_for_verifying(jwk):
        return None
    texts = {name: jwk[name] for name in ("kty", "crv", "kid", "alg", "n", "e", "x", "y") if name in jwk}
    if not all(isinstance(text, str) for text in texts.values()):
        return None
    identifying = {name: texts.get(name, "") for name in _IDENTIFYING.get(texts.get("kty", ""), ())}
    algorithms = tuple(signatures.algorithms_for(texts))
    if not algorithms or not all(_base64url(identifying[name]) for name in identifying.keys() - {"kty", "crv"}):
        return None
    try:
        public = signatures.load_public_key(texts, algorithms[0])
    except ValueError:
        return None
    digest = hashlib.sha256(codec.document(identifying)).digest()
    return Key(texts.get("kid"), algorithms, base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), public)


def _is_for_verifying(jwk: Mapping[str, Any]) -> bool:
    """As far as it says what it is for (RFC 7517 §4.2, §4.3)."""
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations

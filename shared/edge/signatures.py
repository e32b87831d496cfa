"""Public keys and signatures (RFC 7518, 8037, 9864): the one module that imports PyJWT.

Of PyJWT come the keys and the check of a signature. Tokens are taken apart in ``shared.edge.tokens``, since its decoder
takes a name in the header twice, knows no ``Ed25519``, and spends longer on Base64 than on the signature.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from jwt import PyJWS
from jwt.exceptions import InvalidKeyError

_LIBRARY: Final = PyJWS([f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)] + ["EdDSA"])
"""Knows asymmetric algorithms alone (RFC 8725 §3.1): neither none nor HS*."""
_LIBRARY.register_algorithm("Ed25519", _LIBRARY.get_algorithm_by_name("EdDSA"))

_RSA: Final = tuple(f"{family}{bits}" for family in ("RS", "PS") for bits in (256, 384, 512))
_EDWARDS: Final = ("EdDSA", "Ed25519")
_ALGORITHMS: Final[Mapping[tuple[str, str | None], Sequence[str]]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): _EDWARDS,
}
_RSA_BITS: Final = range(2048, 8192 + 1)
"""Fewer are not safe (RFC 7518 §3.3), and with more each check takes too long."""


def synonyms(algorithm: str) -> Sequence[str]:
    """All names of ``algorithm``: EdDSA is what RFC 9864 calls Ed25519, with such a key."""
    return _EDWARDS if algorithm in _EDWARDS else (algorithm,)


def algorithms_for(jwk: Mapping[str, Any]) -> Sequence[str]:
    """The algorithms that ``jwk`` can verify: those of its type and curve, and of these the one that it says."""
    possible = _ALGORITHMS.get((jwk.get("kty", ""), jwk.get("crv")), ())
    if "alg" not in jwk:
        return possible
    return [one for one in synonyms(jwk["alg"]) if one in possible]


def load_public_key(jwk: Mapping[str, Any], algorithm: str) -> Any:
    """The public key that ``jwk`` describes, for :func:`is_signed`.

    Raises:
        ValueError: it describes none that is safe.
    """
    try:
        key: Any = _LIBRARY.get_algorithm_by_name(algorithm).from_jwk(dict(jwk))
    except (InvalidKeyError, UnsupportedAlgorithm) as error:
        raise ValueError("no such key") from error
    if algorithm in _RSA and key.key_size not in _RSA_BITS:
        raise ValueError("a key of this size is not used")
    return key


def is_signed(signed: bytes, signature: bytes, key: Any, algorithm: str) -> bool:
    """Whether ``signature`` was made over ``signed`` by whoever has the private half of ``key``."""
    return _LIBRARY.get_algorithm_by_name(algorithm).verify(signed, key, signature)

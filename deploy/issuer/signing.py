"""Keys and signatures (ES256, RFC 7518 §3.4), by PyJWT."""

import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ALGORITHM = "ES256"
TYPE = "at+jwt"

Jwk = Mapping[str, str]
"""A JSON Web Key (RFC 7517 §4)."""


def new_key() -> Jwk:
    """Return a new private key."""
    made = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    return {**made, "kid": secrets.token_urlsafe(12), "alg": ALGORITHM, "use": "sig"}


def public(key: Jwk) -> Jwk:
    """Return what others may know of a key (RFC 7518 §6.2.2)."""
    return {name: value for name, value in key.items() if name != "d"}


def sign(claims: Mapping[str, Any], key: Jwk) -> str:
    """Return an access token with these claims (RFC 9068 §2.1)."""
    headers = {"typ": TYPE, "kid": key["kid"]}
    return jwt.encode(dict(claims), jwt.PyJWK(dict(key)), algorithm=ALGORITHM, headers=headers)

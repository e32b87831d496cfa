"""The principal: who asks, as a verified access token says."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Principal(msgspec.Struct, frozen=True):
    """Whoever shows a token that was verified; instants are seconds since the epoch.

    Attributes:
        subject: who it is, by the claim that the settings name.
        key: the issuer and that, in one text; tells one principal from all others.
        scopes: what may be done with the token (RFC 6749 §3.3).
        claims: all that the token says.
        token_id: its claim ``jti``; "" without.
        issued_at: its claim ``iat``; minus infinity without, so that it is older than any revocation.
        until: from then on the token has to be verified again: it is too old, or remembered for long enough.
        signed_by: the identity of the key that has signed it (:class:`shared.edge.keys.Key`).
    """

    subject: str
    key: str
    scopes: frozenset[str]
    claims: Mapping[str, Any]
    token_id: str
    issued_at: float
    until: float
    signed_by: str

    def owns(self, claim: str, identifier: str) -> bool:
        """Whether its ``claim`` is that id; ``sub`` stands for what says who it is."""
        if claim == "sub":
            return self.subject == identifier
        value = self.claims.get(claim)
        return type(value) in {str, int} and str(value) == identifier

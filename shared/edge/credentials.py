"""Secrets by which another program is let in to one route, beside those whom its access lets in.

It shows a bearer token (RFC 6750 §2.1), or signs what it sends: ``X-Hub-Signature-256`` has the HMAC of the body by a
key that both know (RFC 2104), as webhooks of many services do.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from shared.edge.bearer import shows
from shared.settings.secret import Secret

SIGNATURE: Final = "X-Hub-Signature-256"


@dataclass(frozen=True, slots=True, eq=False)
class Credentials:
    """What is taken; either may be none.

    Attributes:
        name: tells these from others in a document.
        token: to be shown.
        key: to sign with.
    """

    name: str
    token: Secret
    key: Secret

    def __bool__(self) -> bool:
        """Whether anybody is let in."""
        return bool(self.token) or bool(self.key)

    def allow(self, values: Callable[[str], Sequence[str]], body: bytes) -> bool:
        """Whether a request may pass with these ``values`` of the fields of its head, by name, and this ``body``."""
        authorization, signature = values("authorization"), values(SIGNATURE.lower())
        if len(authorization) == 1 and shows(authorization[0], self.token):
            return True
        return len(signature) == 1 and bool(self.key) and self._is_signed(signature[0], body)

    def _is_signed(self, signature: str, body: bytes) -> bool:
        expected = f"sha256={hmac.digest(self.key.text.encode(), body, 'sha256').hex()}"
        return hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), expected.encode())

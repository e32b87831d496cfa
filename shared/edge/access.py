"""What a request needs to be answered: data beside a route or an aggregate (RFC 6750 §3.1)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.errors import DeclarationError

_scope_token = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+").fullmatch  # RFC 6749 §3.3


@dataclass(frozen=True, slots=True)
class Access:
    """Who may have something, where clients are asked who they are.

    Attributes:
        owner: the claim that has to be the id in the path; "" where it is nobody's own. ``sub`` stands for whatever
            ``AUTH_SUBJECT_CLAIM`` says.
        scope: what the token has to allow; "" for nothing in particular.
        any_scope: allows it whosever it is.
        admin: whether the admin token allows it as well; it is asked for even where nobody has to say who they are.
        local: whether those who operate this may have it without a token: on the listener for operations, and from the
            same machine.
    """

    owner: str = ""
    scope: str = ""
    any_scope: str = ""
    admin: bool = False
    local: bool = False

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            DeclarationError: it would let in nobody, or anybody.
        """
        for scope in self.scopes:
            if _scope_token(scope) is None:
                raise DeclarationError(f"access: {scope!r} is no scope that a token could have (RFC 6749 §3.3)")
        if self.any_scope and not (self.owner or self.scope):
            raise DeclarationError(f"access: any_scope={self.any_scope!r} without owner or scope lets in anybody")

    def __str__(self) -> str:
        """Who is let in, for people."""
        if self.owner:
            owner = f"its owner ({self.owner})" + (f" with {self.scope}" if self.scope else "")
            return owner + (f", anybody with {self.any_scope}" if self.any_scope else "")
        return f"anybody with {' or '.join(self.scopes) or 'a token'}"

    @property
    def scopes(self) -> Iterator[str]:
        """Those that it names."""
        yield from filter(None, (self.scope, self.any_scope))


SIGNED_IN: Final = Access()
"""For anybody who says who they are."""
OPERATIONS: Final = Access(scope="ops:read", local=True)
"""For those who operate this."""

"""What a request needs to be answered: data beside a route or an aggregate (RFC 6750 §3.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


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

    @property
    def scopes(self) -> Iterator[str]:
        """Those that it names."""
        yield from filter(None, (self.scope, self.any_scope))


SIGNED_IN: Final = Access()
"""For anybody who says who they are."""
OPERATIONS: Final = Access(scope="ops:read", local=True)
"""For those who operate this."""

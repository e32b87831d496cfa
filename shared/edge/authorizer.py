"""Tells whether a caller has what a route or an aggregate needs to be answered (RFC 6750 §3.1). Pure."""

from functools import cache
from typing import Final

from shared.edge.access import Access
from shared.edge.caller import Caller
from shared.edge.challenges import Challenges
from shared.errors import Forbidden, RequestError

_FORBIDDEN: Final = "The access token does not allow this."


class Authorizer:
    """Authorizes callers of whom it is known who they are, or that nobody knows it."""

    def __init__(self, challenges: Challenges, *, asks: bool, operations_public: bool) -> None:
        """``asks`` tells whether clients have to show who they are at all."""
        self._asks = asks
        self._operations_public = operations_public
        self._forbid = cache(lambda scope: Forbidden(_FORBIDDEN, challenges.insufficient_scope(scope)))

    def refusal(self, caller: Caller, access: Access, identifier: str) -> RequestError | None:
        """Why ``caller`` may not have what needs ``access``, of whoever ``identifier`` is; None where it may."""
        principal = caller.principal
        if principal is not None:
            scopes = principal.scopes
            if access.owner and not principal.owns(access.owner, identifier):
                return None if access.any_scope in scopes else self._forbid(access.any_scope)
            if not access.scope or access.scope in scopes or (access.any_scope and access.any_scope in scopes):
                return None
            return None if access.local and self._is_open(caller) else self._forbid(access.scope)
        if access.admin:
            return None if caller.is_admin else caller.refusal
        if not self._asks or (access.local and self._is_open(caller)):
            return None
        return caller.refusal

    def _is_open(self, caller: Caller) -> bool:
        return self._operations_public or caller.is_local

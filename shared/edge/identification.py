"""Who a caller is: by an access token, by the admin token, or nobody that is known."""

import hashlib
from typing import Final

from shared.deadline import Clock
from shared.edge.authenticator import NOT_ACCEPTED, UNDECIDED, Authenticator
from shared.edge.bearer import MALFORMED, read_bearer, shows
from shared.edge.caller import Caller
from shared.edge.challenges import Challenges
from shared.edge.keys import UnknownKey
from shared.edge.principal import Principal
from shared.edge.revocations import Revocations
from shared.errors import InvalidAuthorization, RequestError, ServiceUnavailable, Unauthorized
from shared.settings.secret import Secret

_ABSENT: Final = "This needs Authorization: Bearer with a token."
_REFUSED_SECONDS: Final = 1.0


class Identification:
    """Finds out who callers are.

    Attributes:
        absent: what those are told who show no token.
    """

    def __init__(
        self,
        challenges: Challenges,
        authenticator: Authenticator | None,
        revocations: Revocations | None,
        admin: Secret,
        *,
        log_key: bytes,
        epoch: Clock,
    ) -> None:
        """``epoch`` tells seconds since the epoch; without an ``authenticator`` no access token is accepted."""
        self.absent = Unauthorized(_ABSENT, challenges.absent)
        self._invalid = Unauthorized(NOT_ACCEPTED, challenges.invalid_token)
        self._malformed = InvalidAuthorization(MALFORMED, challenges.invalid_request)
        self._challenges = challenges
        self._authenticator = authenticator
        self._revocations = revocations
        self._admin = admin
        self._log_key = log_key
        self._epoch = epoch

    def identify(self, caller: Caller, authorization: str | None, now: float) -> None:
        """Set who ``caller`` is by its field ``Authorization``, or why that is not known; ``now`` is monotonic."""
        if authorization is not None and shows(authorization, self._admin):
            caller.is_admin, caller.refusal = True, self._invalid
            return
        refusal: RequestError | None
        # What was raised holds all that was going on, the request above all: none of it is remembered.
        try:
            token = read_bearer(authorization, self._challenges)
            if token is None:
                caller.refusal = self.absent
                return
            refusal = self._invalid
            if self._authenticator is not None:
                refusal = self._authenticate(self._authenticator, caller, token, now)
        except InvalidAuthorization:
            refusal = self._malformed
        except Unauthorized:
            refusal = self._invalid
        except ServiceUnavailable:
            refusal = UNDECIDED
        if refusal is not None:
            caller.refusal, caller.until = refusal, now + _REFUSED_SECONDS
            caller.is_failure = refusal is not UNDECIDED

    def still_knows(self, principal: Principal) -> bool:
        """Whether neither the token nor the key that it is signed with has been taken back."""
        if self._authenticator is not None and not self._authenticator.trusts(principal.signed_by):
            return False
        return self._revocations is None or not _is_revoked(self._revocations, principal)

    def _authenticate(
        self, authenticator: Authenticator, caller: Caller, token: str, now: float
    ) -> Unauthorized | None:
        """Set who shows ``token``, or that this is not known yet; or tell why nobody does."""
        epoch = self._epoch()
        try:
            principal = authenticator.authenticate(token, epoch)
        except UnknownKey:
            caller.refusal, caller.until, caller.unverified = self._invalid, now, token
            return None
        if self._revocations is not None and _is_revoked(self._revocations, principal):
            return self._invalid
        caller.principal = principal
        caller.until = min(caller.until, now + principal.until - epoch)
        digest = hashlib.blake2b(principal.key.encode(), key=self._log_key, digest_size=8)
        caller.name(digest.hexdigest())
        return None


def _is_revoked(revocations: Revocations, principal: Principal) -> bool:
    """By the claim ``sub``, and by that which says who it is where that is another."""
    sub = principal.claims.get("sub")
    subjects = {principal.subject, str(sub) if type(sub) in {str, int} else principal.subject}
    return any(revocations.revokes(principal.token_id, subject, principal.issued_at) for subject in subjects)

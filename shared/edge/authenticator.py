"""Tells who shows a token: verified once and worker, remembered while token and keys are good."""

from collections.abc import Callable
from typing import Final

from shared.edge.challenges import Challenges
from shared.edge.key_source import KeySource
from shared.edge.keys import UnknownKey
from shared.edge.principal import Principal
from shared.edge.token_table import RefusedTokens, VerifiedTokens
from shared.edge.tokens import MAX_TOKEN_BYTES, InvalidToken, Verifier
from shared.errors import ServiceUnavailable, Unauthorized
from shared.observing.logs import log_deduplicated

NOT_ACCEPTED: Final = "The access token is not accepted."
"""All that clients are told of a token that is refused, whyever."""
UNDECIDED: Final = ServiceUnavailable("Access tokens cannot be verified at the moment.", retry_after=1)
"""What they are told while nobody can say who they are."""
_EVENT: Final = "access token not accepted"


class Authenticator:
    """Authenticates by bearer tokens; instants are seconds since the epoch."""

    def __init__(self, verifier: Verifier, source: KeySource, challenges: Challenges) -> None:
        self._verifier = verifier
        self._source = source
        self._challenges = challenges
        self._verified = VerifiedTokens()
        self._refused = RefusedTokens()
        source.on_change(self._keys_changed)

    @property
    def is_ready(self) -> bool:
        """Whether there are keys to verify tokens with."""
        return self._source.keys is not None

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever other keys count, after what was learnt with those before is forgotten."""
        self._source.on_change(listener)

    def trusts(self, identity: str) -> bool:
        """Whether the key of this ``identity`` is one of those that count."""
        keys = self._source.keys
        return keys is not None and identity in keys.identities

    def authenticate(self, token: str, now: float) -> Principal:
        """Who shows ``token`` ``now``, who may be taken for it until their ``until``.

        Raises:
            Unauthorized: it is not accepted.
            UnknownKey: it may be with newer keys; :meth:`authenticate_anew` fetches them.
            ServiceUnavailable: there are no keys.
        """
        principal = self._verified.get(token, now)
        if principal is not None:
            return principal
        if len(token) > MAX_TOKEN_BYTES or self._refused.has(token, now):
            raise self._unauthorized()
        keys = self._source.keys
        if keys is None:
            raise ServiceUnavailable(UNDECIDED.detail, UNDECIDED.retry_after)  # raised, it holds on to its frames
        try:
            principal = self._verifier.verify(token, keys, now)
        except InvalidToken as error:
            self._refused.put(token, now)
            log_deduplicated("info", _EVENT, "auth", reason=str(error))
            raise self._unauthorized() from None
        self._verified.put(token, principal, now)
        return principal

    async def authenticate_anew(self, token: str, now: float) -> Principal:
        """The same, with keys that are fetched once more if it is time to, for all who wait together.

        Raises:
            Unauthorized: it is not accepted.
            ServiceUnavailable: there are no keys.
        """
        await self._source.refresh()
        try:
            return self.authenticate(token, now)
        except UnknownKey:
            self._refused.put(token, now)
            log_deduplicated("info", _EVENT, "auth", reason="a key that the issuer does not publish")
            raise self._unauthorized() from None

    def _unauthorized(self) -> Unauthorized:
        return Unauthorized(NOT_ACCEPTED, self._challenges.invalid_token)

    def _keys_changed(self) -> None:
        self._refused.clear()
        keys = self._source.keys
        self._verified.retain(frozenset() if keys is None else keys.identities)

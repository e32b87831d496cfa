"""Verified and refused tokens of one worker, remembered by their text; bounded, the least recently used go first.

Both tables are apart, so that made-up tokens, of which anybody can send any number, put out nobody's good one.
"""

from collections import OrderedDict
from collections.abc import Container
from typing import Final

from shared.edge.principal import Principal

MAX_VERIFIED: Final = 10_000
MAX_CHARACTERS: Final = 16 * 2**20
"""Of all verified tokens together; what they say takes several times as much memory."""
MAX_REFUSED: Final = 1_000
REFUSED_SECONDS: Final = 10.0


class VerifiedTokens:
    """Who shows a token, until it has to be verified again; ``now`` is in seconds since the epoch."""

    def __init__(self, capacity: int = MAX_VERIFIED, characters: int = MAX_CHARACTERS) -> None:
        self._capacity = capacity
        self._characters = characters
        self._principals: OrderedDict[str, Principal] = OrderedDict()
        self.characters = 0

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._principals)

    def get(self, token: str, now: float) -> Principal | None:
        """Who shows ``token``, if that was verified and is recent enough."""
        principal = self._principals.get(token)
        if principal is None:
            return None
        if now >= principal.until:
            self._forget(token)
            return None
        self._principals.move_to_end(token)
        return principal

    def put(self, token: str, principal: Principal, now: float) -> None:
        """Remember who shows ``token``, unless it is to be verified each time."""
        if now >= principal.until:
            return
        if token in self._principals:
            self._forget(token)
        self._principals[token] = principal
        self.characters += len(token)
        while len(self._principals) > self._capacity or self.characters > self._characters:
            self.characters -= len(self._principals.popitem(last=False)[0])

    def retain(self, identities: Container[str]) -> None:
        """Forget those that are signed with other keys than these."""
        for token in [token for token, one in self._principals.items() if one.signed_by not in identities]:
            self._forget(token)

    def _forget(self, token: str) -> None:
        del self._principals[token]
        self.characters -= len(token)


class RefusedTokens:
    """Tokens that need not be looked at again for ``seconds``; ``now`` is in seconds of any clock."""

    def __init__(self, capacity: int = MAX_REFUSED, seconds: float = REFUSED_SECONDS) -> None:
        self._capacity = capacity
        self._seconds = seconds
        self._refused: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._refused)

    def has(self, token: str, now: float) -> bool:
        """Whether ``token`` was refused a short while ago."""
        refused = self._refused.get(token)
        return refused is not None and 0 <= now - refused < self._seconds

    def put(self, token: str, now: float) -> None:
        """Remember that ``token`` was refused."""
        self._refused[token] = now
        self._refused.move_to_end(token)
        if len(self._refused) > self._capacity:
            self._refused.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        self._refused.clear()

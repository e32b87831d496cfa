"""Counts who is not let in, by why; whoever has used up a quota is counted with that."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from shared.errors import Forbidden, InvalidAuthorization, RequestError, Unauthorized
from shared.observing import metrics

Reason = Literal["absent", "malformed", "invalid", "forbidden", "undecided"]
"""No token, no token that can be read, none that is accepted, one that does not allow this; or nobody can tell."""
_REASONS: Final[Mapping[type[RequestError], Reason]] = {
    InvalidAuthorization: "malformed",
    Unauthorized: "invalid",
    Forbidden: "forbidden",
}


class RefusalCounts:
    """Those of one edge, which tells by ``absent`` that a token is missing."""

    def __init__(self, absent: Unauthorized) -> None:
        counters = {reason: metrics.auth_refused.labels(reason) for reason in get_args(Reason)}
        self._no_token = absent
        self._absent, self._undecided = counters["absent"], counters["undecided"]
        self._by_type = {kind: counters[reason] for kind, reason in _REASONS.items()}

    def count(self, refusal: RequestError) -> None:
        """Count a request that is refused for ``refusal``."""
        (self._absent if refusal is self._no_token else self._by_type.get(type(refusal), self._undecided)).inc()

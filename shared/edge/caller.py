"""A caller: who sends requests with one header block over connections from one peer, and what is remembered of it."""

from dataclasses import dataclass
from typing import Final, Protocol

from shared.edge.access import Access
from shared.edge.bucket import Bucket
from shared.edge.form import PLAIN, Form
from shared.edge.principal import Principal
from shared.errors import RequestError, TooManyRequests


class Head(Protocol):
    """The header fields of a request that say who asks, and for what kind of answer; None where one is absent."""

    @property
    def authorization(self) -> str | None:
        """Credentials (RFC 9110 §11.6.2)."""

    @property
    def accept_encoding(self) -> str | None:
        """Codings that are liked (RFC 9110 §12.5.3)."""

    @property
    def origin(self) -> str | None:
        """Whose script asks (RFC 6454 §7)."""

    @property
    def x_forwarded_for(self) -> str | None:
        """The addresses that proxies have seen."""

    @property
    def forwarded(self) -> str | None:
        """The same (RFC 7239)."""


class Peer(Protocol):
    """The other end of a connection."""

    @property
    def peer(self) -> str:
        """Its address; "" for a socket in the file system."""

    @property
    def operations(self) -> bool:
        """Whether it came by the listener for operations."""


_NOTHING_YET: Final = Access()
"""What nobody asks for."""


@dataclass(eq=False, repr=False, slots=True)
class Caller:
    """Who asks. Decided once, and good until the instant ``until`` while the edge's ``generation`` is the same.

    Attributes:
        principal: who the client has shown to be; None where nobody is known.
        refusal: what it is told where somebody has to be known; None where somebody is.
        is_failure: whether that is because of a token that is not accepted.
        unverified: a token of which it cannot be told yet whether it is accepted; else "".
        is_admin: whether it has the admin token.
        is_local: whether it is one of those who operate this, on this machine or by their own listener.
        address: what it is told from others by where nobody is known.
        is_trusted: whether its request ids and trace context are taken over.
        bucket: what its requests count for; None where nobody counts them.
        failures: what its refused tokens count for.
        with_diagnostics: the form of answers to it that tell how they came about.
        without_diagnostics: the form of those that do not.
        access, identifier: what it has asked for last.
        refused: why that is refused; None where it is not.
        form: in which it is answered.
        subject: a keyed hash of who it is, for the log; "" where nobody is known.
        logged: the same as a member of a log line, after a comma.
    """

    generation: int
    until: float
    principal: Principal | None = None
    refusal: RequestError | None = None
    is_failure: bool = False
    unverified: str = ""
    is_admin: bool = False
    is_local: bool = False
    address: str = ""
    is_trusted: bool = True
    bucket: Bucket | None = None
    failures: Bucket | None = None
    with_diagnostics: Form = PLAIN
    without_diagnostics: Form = PLAIN
    access: Access | None = _NOTHING_YET
    identifier: str = ""
    refused: RequestError | None = None
    form: Form = PLAIN
    subject: str = ""
    logged: str = ""
    _too_many: TooManyRequests | None = None
    _too_many_of: tuple[Bucket, int] | None = None

    def name(self, subject: str) -> None:
        """Set what it is called in the log: letters and digits."""
        self.subject, self.logged = subject, f',"subject":"{subject}"'

    def rate_limit(self, now: float) -> str:
        """``RateLimit`` where little is left, else ""; ``now`` is in seconds since the epoch."""
        return "" if self.bucket is None else self.bucket.scarce(now) or ""

    def too_many(self, bucket: Bucket, now: float) -> TooManyRequests:
        """What it is told when ``bucket`` is empty, the same for a second; ``now`` is in seconds since the epoch."""
        of = bucket, int(now)
        if self._too_many is None or self._too_many_of != of:
            self._too_many, self._too_many_of = bucket.refusal(now), of
        return self._too_many

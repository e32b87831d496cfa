"""The one decision before a request is looked at any further: who asks, what they may, how often, in which form.

Head → address of the client → token → access → rate limit → form. Who asks is decided once for each block of header
fields and remembered with it; what is left for every request is a handful of comparisons. Whatever cannot be decided is
refused.
"""

import enum
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

from shared.deadline import Clock
from shared.edge.access import Access
from shared.edge.addresses import ClientAddresses
from shared.edge.authenticator import UNDECIDED, Authenticator
from shared.edge.authorizer import Authorizer
from shared.edge.bucket import PENDING, REFUSED
from shared.edge.caller import Caller, Head, Peer
from shared.edge.challenges import Challenges
from shared.edge.cors import Cors
from shared.edge.forms import Forms, Negotiate, no_coding
from shared.edge.identification import Identification
from shared.edge.principal import Principal
from shared.edge.quotas import Quotas
from shared.edge.refusal_counts import RefusalCounts
from shared.edge.revocations import Revocations
from shared.errors import RequestError
from shared.settings.secret import Secret

_REMEMBERED_SECONDS: Final = 60.0


class Deferred(enum.Enum):
    """A decision that cannot be made at once: keys are to be fetched first, or a lease."""

    DEFERRED = enum.auto()


DEFERRED: Final = Deferred.DEFERRED
Decision = RequestError | Literal[Deferred.DEFERRED] | None
"""Why a caller is not let in; None where it is; what is deferred is for :meth:`Edge.decide`, which can wait."""


class Edge:
    """Decides for one app; everything is off where nothing is given.

    Attributes:
        generation: another number whenever what was decided before may be wrong: keys, revocations, the admin token.
        cors: whose scripts in browsers may read answers.
        asks: whether clients have to show who they are.
    """

    def __init__(
        self,
        *,
        authenticator: Authenticator | None = None,
        challenges: Challenges | None = None,
        revocations: Revocations | None = None,
        quotas: Quotas | None = None,
        addresses: ClientAddresses | None = None,
        negotiate: Negotiate = no_coding,
        cors: Cors | None = None,
        admin: Secret | None = None,
        trust_trace: str = "always",
        diagnostics: str = "all",
        operations_public: bool = False,
        log_key: bytes = b"",
        clock: Clock = time.monotonic,
        epoch: Clock = time.time,
    ) -> None:
        """``clock`` is monotonic, ``epoch`` tells seconds since the epoch."""
        self.generation = 0
        self.asks = authenticator is not None
        self._authenticator = authenticator
        challenges = challenges or Challenges("")
        self._admin = admin or Secret()
        self._identification = Identification(
            challenges, authenticator, revocations, self._admin, log_key=log_key, epoch=epoch
        )
        self._authorizer = Authorizer(challenges, asks=self.asks, operations_public=operations_public)
        self._refusals = RefusalCounts(self._identification.absent)
        self._quotas = quotas
        self._addresses = addresses or ClientAddresses(())
        self.cors = cors or Cors(())
        self._forms = Forms(negotiate, self.cors, "" if quotas is None else quotas.policies)
        self._trust_trace = trust_trace
        self._by_owner = diagnostics == "owner"
        self._shows = diagnostics == "all"
        self._clock = clock
        self._epoch = epoch
        self._listeners: list[Callable[[], None]] = []
        if authenticator is not None:
            authenticator.on_change(self.forget)
        if revocations is not None:
            revocations.on_change(self.forget)

    @property
    def has_admin(self) -> bool:
        """Whether there is an admin token."""
        return bool(self._admin)

    @property
    def limits(self) -> bool:
        """Whether requests are counted."""
        return self._quotas is not None and bool(self._quotas.policies)

    @property
    def is_ready(self) -> bool:
        """Whether it can be told who asks."""
        return self._authenticator is None or self._authenticator.is_ready

    def forget(self) -> None:
        """What was decided may be wrong: decide anew."""
        self.generation += 1
        for listener in self._listeners:
            listener()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever what was decided before may be wrong."""
        self._listeners.append(listener)

    def still_knows(self, principal: Principal) -> bool:
        """Whether the token that ``principal`` has shown would be accepted still, apart from its age."""
        return self._identification.still_knows(principal)

    def trusts_trace(self, peer: str) -> bool:
        """Whether request ids and trace context from there are taken over."""
        if self._trust_trace == "proxies":
            return self._addresses.trusts(peer)
        return self._trust_trace == "always"

    def says_https(self, peer: str, proto: str | None) -> bool:
        """Whether somebody who is trusted says, in ``X-Forwarded-Proto``, that the client has come by TLS."""
        return self._addresses.says_https(peer, proto)

    def caller(self, head: Head, peer: Peer) -> Caller:
        """Who asks by ``head`` over a connection from ``peer``."""
        now = self._clock()
        heard, unheard = head.x_forwarded_for, head.forwarded
        if self._addresses.header == "forwarded":
            heard, unheard = unheard, heard
        client = self._addresses.client(peer.peer, heard)
        caller = Caller(self.generation, now + _REMEMBERED_SECONDS)
        caller.address = client.address
        caller.is_trusted = self.trusts_trace(peer.peer)
        caller.is_local = peer.operations or (client.is_local and unheard is None)
        self._identification.identify(caller, head.authorization, now)
        if self._quotas is not None and not peer.operations:
            principal = caller.principal
            counted = self._quotas.address if principal is None else self._quotas.user
            if counted is not None:
                caller.bucket = counted.bucket(client.address if principal is None else principal.key)
            if caller.is_failure and self._quotas.failures is not None:
                caller.failures = self._quotas.failures.bucket(client.address)
        caller.with_diagnostics, caller.without_diagnostics = self._forms.of(head)
        return caller

    def allows(self, caller: Caller, access: Access) -> bool:
        """Whether the caller may have what needs ``access``."""
        return self._authorizer.refusal(caller, access, "") is None

    def owner_refusal(self, caller: Caller, access: Access, identifier: str) -> RequestError | None:
        """Why a caller who is let in may not have this after all; counted like other refusals.

        For what ``access`` asks of whoever ``identifier`` is, where only the body of a request tells who that is.
        """
        refusal = self._authorizer.refusal(caller, access, identifier)
        if refusal is not None:
            self._refusals.count(refusal)
        return refusal

    def admit(self, caller: Caller, access: Access | None, identifier: str, now: float) -> Decision:
        """Whether the caller may have what needs ``access``, of whoever ``identifier`` is; counts for the caller.

        ``now`` is in seconds since the epoch.
        """
        if access is not caller.access or (identifier != caller.identifier and caller.principal is not None):
            self._judge(caller, access, identifier)
        refused, bucket = caller.refused, caller.bucket
        if bucket is not None:
            if refused is not None and caller.unverified:
                return DEFERRED
            verdict = bucket.spend(now)
            if verdict is PENDING:
                return DEFERRED
            if verdict is REFUSED:
                return caller.too_many(bucket, now)
        return None if refused is None else self._refuse(caller, refused, now)

    def _judge(self, caller: Caller, access: Access | None, identifier: str) -> None:
        """Whether the caller may have that, and in which form; remembered, for most ask for the same again."""
        caller.refused = None if access is None else self._authorizer.refusal(caller, access, identifier)
        principal, owner = caller.principal, "" if access is None else access.owner
        is_owner = principal is not None and owner != "" and principal.owns(owner, identifier)
        shows = self._shows or (self._by_owner and is_owner)
        caller.form = caller.with_diagnostics if shows else caller.without_diagnostics
        caller.access, caller.identifier = access, identifier

    async def decide(
        self, head: Head, peer: Peer, access: Access | None, identifier: str
    ) -> tuple[Caller, RequestError | None]:
        """Who asks, and why they are not let in, or None; waits for what is needed to tell."""
        caller = self.caller(head, peer)
        decision = self.admit(caller, access, identifier, self._epoch())
        if decision is DEFERRED and caller.unverified and self._authenticator is not None:
            with suppress(RequestError):  # it is decided below
                await self._authenticator.authenticate_anew(caller.unverified, self._epoch())
            caller = self.caller(head, peer)
            if not caller.unverified:
                decision = self.admit(caller, access, identifier, self._epoch())
        if decision is DEFERRED and not caller.unverified and caller.bucket is not None and self._quotas is not None:
            if await self._quotas.settle(caller.bucket) is REFUSED:
                decision = caller.too_many(caller.bucket, self._epoch())
            else:
                decision = None if caller.refused is None else self._refuse(caller, caller.refused, self._epoch())
        if decision is DEFERRED:
            self._refusals.count(UNDECIDED)
            return caller, UNDECIDED
        return caller, decision

    def _refuse(self, caller: Caller, refusal: RequestError, now: float) -> RequestError | Literal[Deferred.DEFERRED]:
        """Count a request that is refused, for whoever shows a token that is not accepted as well."""
        if caller.unverified:
            return DEFERRED
        failures = caller.failures
        if failures is not None and refusal is caller.refusal and failures.spend(now) is REFUSED:
            return caller.too_many(failures, now)
        self._refusals.count(refusal)
        return refusal

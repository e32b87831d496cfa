"""Revoked access tokens: which ones this process knows of, and the records by which processes tell each other. Pure.

One token is revoked by its id (``jti``), or all tokens of a subject (``sub``) that were issued before an instant
(RFC 7519 §4.1). What is known of either only ever grows, so that it does not matter in which order, nor how often,
processes hear of it. Ids are kept and told as hashes: nobody who reads them in Redis learns whom they are about.
"""

import math
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Final, Literal, NamedTuple, Self

from shared.deadline import Clock
from shared.edge.settings import LONGEST_SECONDS
from shared.errors import KitError
from shared.observing import metrics
from shared.observing.logs import log_deduplicated

Kind = Literal["jti", "sub"]
"""The claim that names what is revoked."""
KINDS: Final[tuple[Kind, ...]] = ("jti", "sub")

LIMIT: Final = 100_000
"""Revocations of each kind that are taken; to forget one would let a revoked token in again."""
_MARGIN: Final = 1_000
"""What others have taken at the same time is known beyond that."""
_CLOCKS_SECONDS: Final = 3600.0
"""By which the clocks of two machines may differ."""
_SWEEP_SECONDS: Final = 60.0
_DIGEST_BYTES: Final = 16
_RECORD: Final = struct.Struct(f">3s{_DIGEST_BYTES}sdd")
_ANY_AGE: Final = math.inf


class NoRoom(KitError):
    """As many are revoked as can be known; there is room when earlier revocations have ended."""


class Revocation(NamedTuple):
    """One token, or what a subject had before an instant.

    Attributes:
        kind: which of them.
        digest: of the id of the token or subject.
        not_before: tokens issued before are revoked; seconds since the epoch, infinite for one token.
        until: when it ends, in seconds since the epoch.
    """

    kind: Kind
    digest: bytes
    not_before: float
    until: float

    @classmethod
    def of_token(cls, token_id: str, until: float) -> Self:
        """Revokes the token with this ``jti``."""
        return cls("jti", _digest("jti", token_id), _ANY_AGE, until)

    @classmethod
    def of_subject(cls, subject: str, not_before: float, until: float) -> Self:
        """Revokes the tokens of this ``sub`` with an ``iat`` before ``not_before``, and those without one."""
        return cls("sub", _digest("sub", subject), not_before, until)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What was written by :meth:`to_bytes`.

        Raises:
            ValueError: nothing was.
        """
        try:
            name, digest, not_before, until = _RECORD.unpack(data)
        except struct.error as error:
            raise ValueError("not as long as a revocation") from error
        for kind in KINDS:
            # Of a subject no instant is for ever, of a token each is.
            if kind.encode() == name and math.isfinite(until) and math.isfinite(not_before) == (kind == "sub"):
                return cls(kind, digest, not_before if kind == "sub" else _ANY_AGE, until)
        raise ValueError("no revocation")

    def to_bytes(self) -> bytes:
        """As a record."""
        return _RECORD.pack(self.kind.encode(), self.digest, self.not_before, self.until)


class Revocations:
    """Those that this process knows of.

    Attributes:
        keep: for how many seconds those that are made here are kept.
        clock: tells seconds since the epoch.
    """

    def __init__(self, keep: float, clock: Clock = time.time, limit: int = LIMIT) -> None:
        self.keep = keep
        self.clock = clock
        self._limit = limit
        self._known: dict[Kind, dict[bytes, tuple[float, float]]] = {kind: {} for kind in KINDS}
        self._sweep_at = -math.inf
        self._listeners: list[Callable[[], None]] = []
        self._gauges = {kind: metrics.auth_revocations_known.labels(kind) for kind in KINDS}
        for gauge in self._gauges.values():
            gauge.set(0)
        self._added = {kind: metrics.auth_revocations.labels(kind, "added") for kind in KINDS}
        self._lost = {kind: metrics.auth_revocations.labels(kind, "no_room") for kind in KINDS}

    def revokes(self, token_id: str | None, subject: str | None, issued_at: float | None) -> bool:
        """Whether a token with these claims (``jti``, ``sub``, ``iat``) is revoked.

        One issued in the very instant of ``not_before`` is not.
        """
        return (token_id is not None and self._covers("jti", token_id, issued_at)) or (
            subject is not None and self._covers("sub", subject, issued_at)
        )

    def add(self, revocation: Revocation) -> bool:
        """Know of a revocation made here; tells whether it may revoke what was not revoked before.

        Raises:
            NoRoom: too many are known.
        """
        now = self._sweep()
        known = self._known[revocation.kind]
        if len(known) >= self._limit and revocation.digest not in known:
            self._lost[revocation.kind].inc()
            raise NoRoom("no room for another revocation")
        news = self._merge(revocation, now)
        if news:
            self._changed()
        return news

    def learn(self, records: Iterable[bytes]) -> int:
        """Know of revocations that others have made; returns how many of ``records`` are none."""
        now = self._sweep()
        news, lost, unreadable = False, False, 0
        for record in records:
            try:
                revocation = Revocation.from_bytes(record)
            except ValueError:
                unreadable += 1
                continue
            known = self._known[revocation.kind]
            if revocation.until > now + LONGEST_SECONDS + _CLOCKS_SECONDS:
                unreadable += 1
            elif len(known) >= self._limit + _MARGIN and revocation.digest not in known:
                lost = True
                self._lost[revocation.kind].inc()
            elif revocation.until > now:
                news = self._merge(revocation, now) or news
        if news:
            self._changed()
        if lost:
            log_deduplicated("error", "revoked tokens are let in: no room to know of them", "edge")
        return unreadable

    def known(self) -> Iterator[bytes]:
        """The record of each that has not ended."""
        now = self.clock()
        for kind, known in self._known.items():
            name = kind.encode()
            for digest, (not_before, until) in known.items():
                if until > now:
                    yield _RECORD.pack(name, digest, not_before, until)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever a token may be revoked that was not before."""
        self._listeners.append(listener)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    def _covers(self, kind: Kind, claim: str, issued_at: float | None) -> bool:
        known = self._known[kind]
        found = known.get(_digest(kind, claim)) if known else None
        return found is not None and found[1] > self.clock() and (issued_at is None or issued_at < found[0])

    def _merge(self, revocation: Revocation, now: float) -> bool:
        known, (kind, digest, not_before, until) = self._known[revocation.kind], revocation
        before = known.get(digest)
        if before is None or before[1] <= now:
            known[digest] = not_before, until
            is_news = True
        else:
            known[digest] = max(before[0], not_before), max(before[1], until)
            is_news = not_before > before[0]
        if is_news:
            self._added[kind].inc()
            self._gauges[kind].set(len(known))
        return is_news

    def _sweep(self) -> float:
        """Forget, now and then, what has ended; returns the time."""
        now = self.clock()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_SECONDS
            for kind, known in self._known.items():
                for digest in [digest for digest, (_, until) in known.items() if until <= now]:
                    del known[digest]
                self._gauges[kind].set(len(known))
        return now


def _digest(kind: Kind, claim: str) -> bytes:
    # Whatever JSON can hold, half a surrogate pair included.
    return blake2b(claim.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES, person=kind.encode()).digest()

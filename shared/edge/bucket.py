"""What one subject may still have in the current window, as one of several processes knows it. Pure.

A quota is for all processes together, in windows that begin for all of them at the same time. Each process takes
*leases* out of it ahead and spends them by itself, so that nobody waits for others, and no more than that is spent:

    left > low ──spend──► left ≤ low ──► a lease is asked for ──► granted ──► left > low
                                         │  none left: one more is         ├► nothing left: the end of the window
                                         │  given on credit, which is      └► ledger away: the share of this process
                                         │  repaid from the lease; others
                                         │  are pending, for a moment

While the ledger is slow, each process spends its share of what is left, and while it is away, its share of the quota.
What it has spent then is written down with the next lease. A ledger that has lost what it had been told would give the
quota once more: for the rest of the window there are only shares.
"""

import enum
from collections.abc import Callable
from hashlib import blake2b
from math import ceil
from typing import Final, NamedTuple

from shared.edge.terms import Terms
from shared.errors import TooManyRequests

_RETRY_SECONDS: Final = 1.0
_HASH_BYTES: Final = 16


class Verdict(enum.Enum):
    """What becomes of a request."""

    ADMITTED = enum.auto()
    REFUSED = enum.auto()
    PENDING = enum.auto()
    """It depends on a lease that is being asked for."""


ADMITTED: Final = Verdict.ADMITTED
REFUSED: Final = Verdict.REFUSED
PENDING: Final = Verdict.PENDING


class Ask(NamedTuple):
    """A lease that is being asked for.

    Attributes:
        key: names limit, window and subject; the subject by its hash.
        spent: what was spent beyond all leases so far.
        want: how much is asked for besides.
        seconds: until the end of the window.
    """

    key: str
    spent: int
    want: int
    seconds: float


class Bucket:
    """Counts the requests of one subject against one limit; it goes on from window to window.

    Attributes:
        waiting: how many wait for a verdict that is pending.
    """

    __slots__ = (
        "__weakref__", "_ask", "_asked", "_begun", "_beyond", "_ends", "_floor", "_given", "_is_late", "_leased",
        "_left", "_retry_at", "_seen", "_size", "_starts", "_subject", "_terms", "waiting",
    )  # fmt: skip
    _starts: float
    _ends: float
    _left: int
    _given: int  # to be spent in this window; less what is left, it is what has been
    _leased: int  # of that, what is written down for all processes
    _seen: int  # written down by all processes, when it was looked at last
    _beyond: int  # left to all processes then
    _size: int  # of the next lease
    _asked: Ask | None
    _is_late: bool
    _retry_at: float
    _floor: int  # down to which it is simply spent

    def __init__(
        self, subject: str, terms: Terms, ask: Callable[["Bucket", Ask], bool], begun: Callable[["Bucket"], None]
    ) -> None:
        """``ask`` sees to it that a lease is :meth:`answered`, or says that it does not.

        ``begun`` is told of each window that something is spent in.
        """
        self._subject = subject
        self._terms = terms
        self._ask = ask
        self._begun = begun
        self.waiting = 0
        self._reset(0.0, 0.0)

    @property
    def ends(self) -> float:
        """When the window ends in which something was spent last."""
        return self._ends

    def spend(self, now: float) -> Verdict:
        """Count a request; ``now`` is in seconds since the epoch."""
        if self._left > self._floor and self._starts <= now < self._ends:
            self._left -= 1
            return ADMITTED
        return self._spend(now)

    def answered(self, ask: Ask, taken: int) -> None:
        """All processes together have taken so much, this lease included."""
        if self._asked is not ask:  # of a window that is over
            return
        self._asked = None
        before = taken - ask.want - ask.spent
        if before < self._seen:
            self._go_alone(self._ends)
            return
        quota = self._terms.quota
        granted = min(max(0, quota - before - ask.spent), ask.want)
        (self._terms.granted if granted else self._terms.exhausted).inc()
        spent = self._given - self._left
        self._leased += ask.spent + granted
        self._given = self._leased
        self._left = self._leased - spent
        self._seen, self._beyond = taken, max(0, quota - taken)
        self._size = min(2 * self._size, self._terms.most)
        self._ask_again_at(0.0 if self._beyond else self._ends)

    def unanswered(self, ask: Ask, now: float) -> None:
        """There is no answer: this process is on its own for a while."""
        if self._asked is ask:
            self._asked = None
            self._go_alone(now + _RETRY_SECONDS)

    def wait_no_longer(self) -> None:
        """The answer takes too long; until it comes nobody else waits for it.

        Beyond its leases a process has its part of what was left to all when it last heard of that.
        """
        if self._asked is not None:
            self._is_late = True
            self._raise_to(self._leased + max(1, self._beyond // self._terms.processes))

    def left_estimate(self, now: float) -> int:
        """How many more requests there may be in this window, as far as is known here."""
        return max(0, self._left + self._beyond) if self._starts <= now < self._ends else self._terms.quota

    def reset_seconds(self, now: float) -> int:
        """Whole seconds after which the window is over."""
        return max(1, ceil(self._ends - now))

    def rate_limit(self, now: float) -> str:
        """``RateLimit`` (draft-ietf-httpapi-ratelimit-headers-11), just after something was spent."""
        return f'"{self._terms.name}";r={self.left_estimate(now)};t={self.reset_seconds(now)}'

    def scarce(self, now: float) -> str | None:
        """``RateLimit`` when no more than half of the quota is left, else None; just after something was spent."""
        return None if 2 * (self._left + self._beyond) > self._terms.quota else self.rate_limit(now)

    def refusal(self, now: float) -> TooManyRequests:
        """What a refused client is told."""
        terms = self._terms
        return TooManyRequests(
            f"The quota {terms.name} of {terms.quota} in {terms.seconds} seconds is used up.",
            self.reset_seconds(now),
            {"RateLimit": self.rate_limit(now)},
        )

    def _spend(self, now: float) -> Verdict:
        terms = self._terms
        if not self._starts <= now < self._ends:
            number = now // terms.seconds
            self._reset(number * terms.seconds, (number + 1) * terms.seconds)
            self._begun(self)
        if self._left <= terms.low and self._asked is None and now >= self._retry_at:
            self._ask_for_lease(now)
        if self._left > 0:
            self._left -= 1
            return ADMITTED
        if self._asked is not None and not self._is_late:
            if self._left < 0:
                return PENDING
            self._left = -1
            return ADMITTED
        terms.refused.inc()
        return REFUSED

    def _reset(self, starts: float, ends: float) -> None:
        self._starts, self._ends = starts, ends
        self._left = self._given = self._leased = self._seen = 0
        self._beyond = self._terms.quota
        self._size = self._terms.first
        self._asked, self._is_late = None, False
        self._ask_again_at(0.0)
        if self._terms.ledger is None:
            self._beyond = 0
            self._raise_to(self._terms.share)
            self._ask_again_at(ends)

    def _ask_for_lease(self, now: float) -> None:
        terms, ledger = self._terms, self._terms.ledger
        if ledger is None or ledger.remembers() < now - self._starts:
            self._go_alone(self._ends)
            return
        chunk = min(self._size, max(1, self._beyond // terms.processes))
        want = max(chunk, min(self.waiting, self._beyond))
        number = int(self._starts // terms.seconds)
        subject = blake2b(self._subject.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).hexdigest()
        spent = max(0, self._given - self._left - self._leased)
        ask = Ask(f"{terms.name}:{number}:{subject}", spent, want, self._ends - now)
        if ledger.is_up and self._ask(self, ask):
            self._asked, self._is_late, self._floor = ask, False, 0
        else:
            self._go_alone(now + _RETRY_SECONDS)

    def _go_alone(self, retry_at: float) -> None:
        self._terms.unavailable.inc()
        self._beyond = 0
        self._raise_to(self._terms.share)
        self._ask_again_at(retry_at)

    def _raise_to(self, given: int) -> None:
        more = given - self._given
        if more > 0:
            self._given += more
            self._left += more

    def _ask_again_at(self, instant: float) -> None:
        self._retry_at = instant
        self._floor = self._terms.low if instant < self._ends else 0

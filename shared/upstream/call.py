"""A call to a service, its reply, and the function types that the stack of policies is made of."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from shared.deadline import Deadline
from shared.upstream.lookup.location import Location

T = TypeVar("T")


class Reply(msgspec.Struct, frozen=True):
    """An answer as it came: status, headers by name in lower case, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Instance(Protocol):
    """One of those that a service consists of."""

    location: Location
    transport: "Send"


class Race(msgspec.Struct):
    """Two attempts at one call, of which one loses; it is ``over`` when one of them has given an answer."""

    over: bool = False


class Change(msgspec.Struct):
    """How a call is sent that changes something (RFC 9110 §9.2.1), and how far it has got.

    Attributes:
        method: of the request.
        media_type: of its body.
        key: the value of ``Idempotency-Key``; "" without.
        repeatable: whether it is done once however often it is sent, so that it may be sent again.
        sent: how many attempts may have reached the service; the transport counts them.
    """

    method: str
    media_type: str
    key: str
    repeatable: bool
    sent: int = 0

    @property
    def may_be_sent(self) -> bool:
        """Whether another attempt can do no harm (RFC 9110 §9.2.2)."""
        return self.repeatable or not self.sent


class Call(msgspec.Struct, Generic[T], frozen=True):
    """One request to a service; idempotent, unless it is a ``change``.

    Attributes:
        path: path and query below the service's base address, already percent-encoded.
        read: turns a reply with a status below 500 into the value; raises ``UpstreamError`` on a broken contract.
        deadline: the instant after which an answer is of no use.
        body: JSON to send, by POST where ``change`` says nothing else; None sends GET.
        wanted_until: gives the instant (on the deadline's clock) from which nobody wants the answer any more; asked
            at the moment of writing, since those who join a call meanwhile may want it for longer, and those who leave
            for less. The deadline sent to the service never lies beyond it. None: wanted while the attempt lasts.
        timeout: seconds that this attempt may take; the timeout policy sets it.
        started: the instant (on the deadline's clock) from which that counts; the timeout policy sets it.
        attempt: which attempt this is, from 0; the retry policy sets it.
        permit: under which the breaker has let it through; the breaker policy sets it.
        template: of the path, without what is asked for, for the log; "" where the path itself has none of that.
        safe: whether it only reads (RFC 9110 §9.2.1), so that two instances may be asked at once.
        change: how it is sent if it changes something; None where it does not.
        avoid: instances that have failed at it; the retry policy sets them.
        instance: that is asked; None where the service has one address. The concrete layer sets it.
        race: that this attempt is part of, if it is hedged; the concrete layer sets it.
    """

    path: str
    read: Callable[[Reply], T]
    deadline: Deadline
    body: bytes | None = None
    wanted_until: Callable[[], float] | None = None
    timeout: float = float("inf")
    started: float = 0.0
    attempt: int = 0
    permit: int = 0
    template: str = ""
    safe: bool = False
    change: Change | None = None
    avoid: tuple[Instance, ...] = ()
    instance: Instance | None = None
    race: Race | None = None

    @property
    def method(self) -> str:
        """Of the request."""
        if self.change is not None:
            return self.change.method
        return "GET" if self.body is None else "POST"

    def left(self) -> float:
        """Seconds from now until this attempt ends, or until nobody wants its answer, whichever is sooner."""
        ends = self.started + self.timeout
        if self.wanted_until is not None:
            ends = min(ends, self.wanted_until())
        return ends - self.deadline.clock()


Send = Callable[[Call[Any]], Awaitable[Any]]
"""Carries out a call and returns what its ``read`` made of the reply, or raises ``UpstreamError``."""

Policy = Callable[[Send], Send]
"""Wraps a sender into a more careful one."""


def stack(transport: Send, *policies: Policy) -> Send:
    """``transport`` inside ``policies``, the first one outermost."""
    send = transport
    for policy in reversed(policies):
        send = policy(send)
    return send

"""A request at a service: what it asks for, what is right, and where the answer goes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

import orjson

from benchmarks.chaos.hostile import truth

USERS: Final = "users"
ORDERS: Final = "orders"
PRODUCTS: Final = "products"
SERVICES: Final = (USERS, ORDERS, PRODUCTS)

Later = Callable[[Awaitable[None]], None]
Behave = Callable[["Asked"], Awaitable[None]]


class Wire(Protocol):
    """The connection that a request came on, as far as an answer needs it."""

    def write(self, data: bytes) -> None:
        """Send."""
        ...

    def reset(self) -> None:
        """End it with RST."""
        ...

    def close(self) -> None:
        """End it."""
        ...

    def is_closing(self) -> bool:
        """Whether it has ended."""
        ...

    def is_silent(self) -> bool:
        """Whether nothing has come since the last request, as far as the kernel knows."""
        ...

    async def drain(self) -> None:
        """Wait until what was written has gone."""
        ...


@dataclass
class Asked:
    """A request at a service.

    Attributes:
        service: which one.
        ids: whom or what it asks for.
        document: the right answer, before it is JSON.
        status: of the right answer.
        dice: what this answer is drawn from.
        wire: where it goes.
        later: takes what is to be done when the answer is over.
    """

    service: str
    ids: Sequence[str]
    status: str
    document: Any
    dice: Random
    wire: Wire
    later: Later

    @property
    def is_yes(self) -> bool:
        """Whether the right answer is what was asked for."""
        return self.status.startswith("200")

    @property
    def right(self) -> bytes:
        """The right body."""
        return orjson.dumps(self.document)

    def of_another(self) -> bytes:
        """The right body for somebody or something else, whom this service may have been asked for as well."""
        other = somebody_else(self.dice, self.ids)
        if self.service == USERS:
            return orjson.dumps(truth.user(other))
        if self.service == ORDERS:
            return orjson.dumps(truth.orders(other))
        return orjson.dumps([truth.product(stranger(self.dice))])


def http(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A whole answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


async def rightly(asked: Asked) -> None:
    """What a service that is well does."""
    asked.wire.write(http(asked.right, status=asked.status))


def somebody_else(dice: Random, ids: Sequence[str]) -> str:
    """Another user than these."""
    return dice.choice([one for one in truth.USERS if one not in ids])


def stranger(dice: Random) -> str:
    """A product that nobody has bought: whoever gets it has not asked for it."""
    return f"of-stranger{dice.randrange(1000)}"

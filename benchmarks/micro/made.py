"""What a miss does: the calls with all that is round them, reading what the services say, putting it together."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from benchmarks.common import people
from benchmarks.micro.piece import AwaitedPiece, Piece
from bff.answer import compose
from bff.parts.part import Aggregate, Part
from bff.sources.orders import Order
from bff.sources.products import Product
from bff.sources.users import User
from shared import codec
from shared.deadline import Deadline
from shared.upstream.call import Call, Reply
from shared.upstream.concrete import Concrete
from shared.upstream.logical import Policies, Upstream
from shared.upstream.lookup.address import targets
from shared.upstream.lookup.find import Finder
from shared.upstream.lookup.location import Location
from shared.upstream.lookup.lookup import Lookup
from shared.upstream.reading import json_of

_PRODUCTS: Final = people.products(list(people.products_of("user1")))


def _decode(kind: Any, data: bytes) -> Callable[[], object]:
    return partial(codec.decoder(kind), data)


def _encode() -> Callable[[], object]:
    return partial(codec.encode, codec.decoder(list[Order])(people.orders("user1")))


def _compose() -> Callable[[], object]:
    products = {product.id: product for product in codec.decoder(list[Product])(_PRODUCTS)}
    parts: dict[str, Part[object]] = {
        "user": Part(object(), "fresh", people.user("user1")),
        "orders": Part(object(), "fresh", people.orders("user1")),
        "products": Part(products, "fresh", codec.encode(products)),
    }
    facts = {"user_id": "user1", "orders_count": 3, "products_count": 8}
    return partial(compose, Aggregate(parts), facts, ttl=30, duration=0.0123, now=time.time())


def _stack(policies: Policies) -> Callable[[], Awaitable[object]]:
    reply = Reply(200, {"content-type": "application/json"}, b"{}")

    async def transport(call: Call[Any]) -> Any:
        return call.read(reply)

    upstream = Upstream("user_service", transport, policies)
    read = json_of(dict[str, object])
    return lambda: upstream.call(Call("/users/user1", read, Deadline.after(2.0)))


def _balanced(*, hedged: bool) -> Callable[[], Awaitable[object]]:
    """A call to one of three instances; the hundred calls before it say what is late."""
    where = targets("http://10.0.0.1,http://10.0.0.2,http://10.0.0.3")
    concrete = Concrete("user_service", partial(Lookup, "user_service", where, Finder()), _Answering, hedged=hedged)
    upstream = Upstream("user_service", concrete)
    read = json_of(dict[str, object])

    async def call() -> object:
        if not concrete.balancer.endpoints:
            await concrete.__aenter__()
        return await upstream.call(Call("/users/user1", read, Deadline.after(2.0), safe=True))

    return call


class _Answering:
    """An instance without a network."""

    def __init__(self, _where: Location) -> None:
        self._reply = Reply(200, {"content-type": "application/json"}, b"{}")

    async def __call__(self, call: Call[Any]) -> Any:
        return call.read(self._reply)

    def close(self) -> None:
        """Nothing is open."""


PIECES: Final = (
    Piece("user, decoded", partial(_decode, User, people.user("user1"))),
    Piece("three orders, decoded", partial(_decode, list[Order], people.orders("user1"))),
    Piece("three orders, encoded", _encode),
    Piece("eight products, decoded", partial(_decode, list[Product], _PRODUCTS)),
    Piece("compose, both bodies and the tag", _compose),
    AwaitedPiece("a call through all policies, no network", partial(_stack, Policies())),
    AwaitedPiece("the same with the adaptive limit", partial(_stack, Policies(adaptive=True))),
    AwaitedPiece("the same to one of three instances", partial(_balanced, hedged=False)),
    AwaitedPiece("the same, hedged if it were late", partial(_balanced, hedged=True)),
)

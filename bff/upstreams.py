"""Typed clients of the three services: every route that the gateway calls, and nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

from bff.forms import ORDERS, PRODUCTS, USER
from bff.models import Order, Product, User
from bff.settings import GatewaySettings
from shared import codec, ids
from shared.deadline import Deadline
from shared.observing.telemetry.spans import Spans
from shared.upstream.call import Call, Send
from shared.upstream.client import Upstream
from shared.upstream.reading import about, json_of, json_or_absent
from shared.upstream.records import Records
from shared.upstream.spans import span_attempts

BATCH_LIMIT: Final = 100
"""Most ids that the product service takes in one call."""

_read_user = about(json_or_absent(User), USER.is_about)
_read_orders = about(json_of(list[Order]), ORDERS.is_about)
_products = Records(Product, "id", PRODUCTS.same)


@dataclass(frozen=True, slots=True)
class Users:
    """The user service."""

    upstream: Upstream

    async def one(self, user_id: str, deadline: Deadline) -> User | None:
        """The user, or None when the service says that there is no such user."""
        read = partial(_read_user, user_id)
        return await self.upstream.call(Call(f"/users/{_encoded(user_id)}", read, deadline))


@dataclass(frozen=True, slots=True)
class Orders:
    """The order service."""

    upstream: Upstream

    async def of_user(self, user_id: str, deadline: Deadline) -> list[Order]:
        """The user's orders, newest first; empty for an unknown user."""
        read = partial(_read_orders, user_id)
        return await self.upstream.call(Call(f"/orders/user/{_encoded(user_id)}", read, deadline))


@dataclass(frozen=True, slots=True)
class Products:
    """The product service."""

    upstream: Upstream

    async def batch(
        self, product_ids: Sequence[str], deadline: Deadline, wanted_until: Callable[[], float] | None = None
    ) -> Mapping[str, Product]:
        """The products by id, those the service does not know left out; at most :data:`BATCH_LIMIT` at once.

        ``wanted_until`` tells until when anybody waits for them by now. Where a part of the answer is wrong, the error
        has what is known all the same as its ``rest``.
        """
        body = codec.document({"product_ids": product_ids})
        read = _products.about(product_ids)
        return await self.upstream.call(Call("/products/batch", read, deadline, body, wanted_until=wanted_until))


@dataclass(frozen=True, slots=True)
class Upstreams:
    """All services that the gateway calls."""

    users: Users
    orders: Orders
    products: Products

    def named(self) -> Mapping[str, Upstream]:
        """Each service under the name that metrics and ``/health`` use."""
        return {client.upstream.name: client.upstream for client in (self.users, self.orders, self.products)}


@dataclass(frozen=True, slots=True)
class Transports:
    """The innermost sender of each service; tests put fakes here."""

    users: Send
    orders: Send
    products: Send


def build_upstreams(settings: GatewaySettings, transports: Transports, spans: Spans | None = None) -> Upstreams:
    """The three clients over ``transports``, each with its own stack of policies; ``spans`` takes each attempt."""
    policies = settings.policies()

    def upstream(name: str, base_url: str, transport: Send) -> Upstream:
        further = () if spans is None else (span_attempts(spans, name, base_url),)
        return Upstream(name, transport, policies, further)

    return Upstreams(
        users=Users(upstream("user_service", settings.user_service_url, transports.users)),
        orders=Orders(upstream("order_service", settings.order_service_url, transports.orders)),
        products=Products(upstream("product_service", settings.product_service_url, transports.products)),
    )


def _encoded(one: str) -> str:
    return one if ids.is_id(one) else quote(one, safe="")

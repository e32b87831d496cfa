"""Places orders, each once, however often it is sent: by its key, which is kept with the answer for a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final

from sqlalchemy import Column, MetaData, String, Table, Text, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.columns import Identifier, Instant
from services.events import EventType
from services.orders.idempotency_key import REUSED
from services.orders.model import NewOrder, Order, OrderItem
from services.outbox import Outbox
from services.price import exact
from services.uuid7 import uuid7
from shared import codec
from shared.errors import Unprocessable

KEPT: Final = timedelta(hours=24)
"""For so long a key is known."""

_PLACED: Final = EventType("/order-service", "com.example.order.placed.v1")
_FIRST_STATUS: Final = "pending"


def keys_table(metadata: MetaData) -> Table:
    """The table of the keys that orders have been placed under."""
    return Table(
        "idempotency_keys",
        metadata,
        Column("key", String(255, collation="C").with_variant(String(255), "sqlite"), primary_key=True),
        Column("body_sha256", String(64), nullable=False),
        Column("order_id", Identifier, nullable=False),
        Column("answer", Text, nullable=False),
        Column("placed_at", Instant, nullable=False, index=True),
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as it was answered when it was placed, as JSON."""

    order_id: str
    answer: bytes


def new_order(order: NewOrder, now: datetime) -> Order:
    """``order`` with an id of its own and the exact sum.

    Raises:
        Unprocessable: a price is not in whole cents.
    """
    items = [OrderItem(one.product_id, one.quantity, exact(one.price)) for one in order.items]
    total = sum((one.quantity * one.price for one in items), Decimal(0))
    return Order(str(uuid7()), order.user_id, _FIRST_STATUS, total, items, now)


class Placing:
    """Places orders in these tables, with an event for each in ``outbox``."""

    def __init__(self, orders: Table, items: Table, keys: Table, outbox: Outbox) -> None:
        self._orders = orders
        self._items = items
        self._keys = keys
        self._outbox = outbox

    async def place(self, key: str, order: Order, outdated: Sequence[str], connection: AsyncConnection) -> Placed:
        """``order``, stored now, or what was placed before under ``key`` with the same body.

        Who comes with a key while its first order is being stored waits for that. ``outdated`` are the names of what
        read caches may have.

        Raises:
            Unprocessable: it was another body.
        """
        placed = Placed(order.id, codec.encode(order))
        digest = _digest(order)
        row = {
            "key": key,
            "body_sha256": digest,
            "order_id": order.id,
            "answer": placed.answer.decode(),
            "placed_at": order.created_at,
        }
        keys = self._keys
        await connection.execute(delete(keys).where(keys.c.key == key, keys.c.placed_at < order.created_at - KEPT))
        insert_or_not = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        if not (await connection.execute(insert_or_not(keys).values(row).on_conflict_do_nothing())).rowcount:
            return await self._placed_before(key, digest, connection)
        await self._store(order, connection)
        event = _PLACED.event(order.id, {"user_id": order.user_id})
        await self._outbox.append(connection, order.id, event, outdated)
        return placed

    async def forget_old(self, connection: AsyncConnection) -> None:
        """Forget keys that are older than a day."""
        await connection.execute(delete(self._keys).where(self._keys.c.placed_at < datetime.now(UTC) - KEPT))

    async def _placed_before(self, key: str, digest: str, connection: AsyncConnection) -> Placed:
        keys = self._keys.c
        found = select(keys.body_sha256, keys.order_id, keys.answer).where(keys.key == key)
        before, order_id, answer = (await connection.execute(found)).one()
        if before != digest:
            raise Unprocessable(REUSED.detail)
        return Placed(order_id, answer.encode())

    async def _store(self, order: Order, connection: AsyncConnection) -> None:
        row = {name: getattr(order, name) for name in order.__struct_fields__ if name != "items"}
        await connection.execute(insert(self._orders), row)
        items = [
            {
                "order_id": order.id,
                "position": position,
                "product_id": one.product_id,
                "quantity": one.quantity,
                "price": one.price,
            }
            for position, one in enumerate(order.items)
        ]
        await connection.execute(insert(self._items), items)


def _digest(order: Order) -> str:
    """Of what was asked for, however it was written."""
    return sha256(codec.encode([order.user_id, order.items])).hexdigest()

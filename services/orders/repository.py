"""Orders and their items in the database."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, String, Table, bindparam, select

from services import dataset
from services.bootstrap import DataSet, Rows, version_table
from services.columns import Identifier, Instant, Money
from services.dataset import purchases
from services.orders.model import NewOrder, Order, OrderItem
from services.orders.placing import Placed, Placing, keys_table, new_order
from services.outbox import outbox_table
from services.reading import Record, Statement
from services.store import Store

_metadata = MetaData()
version_table(_metadata)
_orders = Table(
    "orders",
    _metadata,
    Column("id", Identifier, primary_key=True),
    Column("user_id", Identifier, nullable=False),
    Column("status", String(20), nullable=False),
    Column("total_cents", Money, key="total_amount", nullable=False),
    Column("created_at", Instant, nullable=False),
)
Index("orders_of_user", _orders.c.user_id, _orders.c.created_at)
_items = Table(
    "order_items",
    _metadata,
    Column("order_id", Identifier, ForeignKey(_orders.c.id), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("product_id", Identifier, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_cents", Money, key="price", nullable=False),
)
_all = (
    select(
        _orders.c.id,
        _orders.c.user_id,
        _orders.c.status,
        _orders.c.total_amount,
        _orders.c.created_at,
        _items.c.product_id,
        _items.c.quantity,
        _items.c.price,
    )
    .select_from(_orders.outerjoin(_items))
    .order_by(_orders.c.created_at.desc(), _orders.c.id.desc(), _items.c.position)
)
_one: Statement = _all.where(_orders.c.id == bindparam("id"))
_of_user: Statement = _all.where(_orders.c.user_id == bindparam("user_id"))


def _rows() -> dict[Table, Rows]:
    orders, items = purchases.orders()
    return {_orders: orders, _items: items}


OUTBOX: Final = outbox_table(_metadata)
_keys = keys_table(_metadata)
DATA_SET: Final = DataSet(_metadata, dataset.VERSION, _rows, (OUTBOX, _keys))


def kept_as(order_id: str) -> str:
    """The name of the order in a read cache."""
    return f"order:{order_id}"


def all_kept_as(user_id: str) -> str:
    """The name of the list of a user's orders there."""
    return f"of:{user_id}"


class OrderRepository:
    """Reads and places orders, each with its items.

    Every method raises ServiceUnavailable while the database is away.
    """

    def __init__(self, store: Store) -> None:
        self._database = store.database
        self._changes = store.changes
        self._placing = Placing(_orders, _items, _keys, store.outbox)

    async def get(self, order_id: str) -> Order | None:
        """The order, or None where there is none."""
        orders = await self._read(_one, id=order_id)
        return orders[0] if orders else None

    async def list_for_user(self, user_id: str) -> Sequence[Order]:
        """The user's orders, newest first."""
        return await self._read(_of_user, user_id=user_id)

    async def place(self, key: str, order: NewOrder) -> Placed:
        """``order``, stored now or before under this key.

        Raises:
            Unprocessable: a price is not in whole cents, or the key was another order's.
        """
        now = datetime.now(UTC)
        made = new_order(order, now.replace(microsecond=now.microsecond // 1000 * 1000))
        outdated = [all_kept_as(made.user_id), kept_as(made.id)]
        return await self._changes.make(partial(self._placing.place, key, made, outdated), outdated)

    async def forget_old_keys(self) -> None:
        """Forget under which keys orders were placed more than a day ago."""
        await self._database.change(self._placing.forget_old)

    async def _read(self, statement: Statement, **parameters: str) -> Sequence[Order]:
        rows = await self._database.rows(statement, **parameters)
        return [_order(list(lines)) for _, lines in groupby(rows, key=lambda row: row.id)]


def _order(lines: Sequence[Record]) -> Order:
    order_id, user_id, status, total_amount, created_at, *_ = lines[0]
    return Order(order_id, user_id, status, total_amount, list(_order_items(lines)), created_at)


def _order_items(lines: Iterable[Record]) -> Iterable[OrderItem]:
    for *_, product_id, quantity, price in lines:
        if product_id is not None:  # an order without items is one line without them
            yield OrderItem(product_id, quantity, price)

"""Orders and their items in the database."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, String, Table, bindparam, select

from services import dataset
from services.bootstrap import DataSet, Rows, version_table
from services.columns import Identifier, Instant, Money
from services.database import Database
from services.dataset import purchases
from services.orders.model import Order, OrderItem
from services.reading import Record, Statement

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


DATA_SET: Final = DataSet(_metadata, dataset.VERSION, _rows)


class OrderRepository:
    """Reads orders, each with its items; every method raises ServiceUnavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, order_id: str) -> Order | None:
        """The order, or None where there is none."""
        orders = await self._read(_one, id=order_id)
        return orders[0] if orders else None

    async def list_for_user(self, user_id: str) -> Sequence[Order]:
        """The user's orders, newest first."""
        return await self._read(_of_user, user_id=user_id)

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

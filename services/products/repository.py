"""Products in the database."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, bindparam, select

from services import dataset
from services.bootstrap import DataSet, version_table
from services.columns import Identifier, Money
from services.dataset import catalogue
from services.events import EventType
from services.outbox import outbox_table
from services.patching import Patching, given
from services.price import exact
from services.products.model import Product, ProductPatch
from services.reading import Statement
from services.store import Store

_metadata = MetaData()
version_table(_metadata)
_products = Table(
    "products",
    _metadata,
    Column("id", Identifier, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("price_cents", Money, key="price", nullable=False),
    Column("category", String(100), nullable=False),
    Column("stock_quantity", Integer, nullable=False),
)
_all = select(*(_products.c[field] for field in Product.__struct_fields__))
_one: Statement = _all.where(_products.c.id == bindparam("id"))
_after: Statement = _all.where(_products.c.id > bindparam("id")).order_by(_products.c.id).limit(bindparam("count"))
_known: Statement = _all.where(_products.c.id.in_(bindparam("ids", expanding=True)))

OUTBOX: Final = outbox_table(_metadata)
DATA_SET: Final = DataSet(_metadata, dataset.VERSION, lambda: {_products: catalogue.products()}, (OUTBOX,))
_CHANGED: Final = EventType("/product-service", "com.example.product.changed.v1")

KIND: Final = "product"
"""Of products in a read cache."""


def kept_as(product_id: str) -> str:
    """The name of the product in a read cache."""
    return f"{KIND}:{product_id}"


class ProductRepository:
    """Reads and changes products; every method raises ServiceUnavailable while the database is away."""

    def __init__(self, store: Store) -> None:
        self._database = store.database
        self._changes = store.changes
        self._patching = Patching(_products, Product, store.outbox, _CHANGED)

    async def get(self, product_id: str) -> Product | None:
        """The product, or None where there is none."""
        rows = await self._database.rows(_one, id=product_id)
        return Product(*rows[0]) if rows else None

    async def list_after(self, product_id: str, count: int) -> Sequence[Product]:
        """At most ``count`` products whose ids come after ``product_id``, by id."""
        return [Product(*row) for row in await self._database.rows(_after, id=product_id, count=count)]

    async def get_many(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """The products among ``product_ids``, none twice, that exist, by id."""
        return {row.id: Product(*row) for row in await self._database.rows(_known, ids=product_ids)}

    async def patch(self, product_id: str, patch: ProductPatch) -> Product | None:
        """The product as changed by ``patch``, or None where there is none.

        Raises:
            Unprocessable: a price is not in whole cents.
        """
        members, outdated = given(patch), [kept_as(product_id)]
        if "price" in members:
            members["price"] = exact(members["price"])
        return await self._changes.make(partial(self._patching.patch, product_id, members, outdated), outdated)

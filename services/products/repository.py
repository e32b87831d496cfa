"""Products in the database."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, bindparam, select

from services import dataset
from services.bootstrap import DataSet, version_table
from services.columns import Identifier, Money
from services.database import Database
from services.dataset import catalogue
from services.products.model import Product
from services.reading import Statement

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

DATA_SET: Final = DataSet(_metadata, dataset.VERSION, lambda: {_products: catalogue.products()})


class ProductRepository:
    """Reads products; every method raises ServiceUnavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

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

"""The services as the tests see them, and databases for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sanic import Sanic
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.bootstrap import DataSet, bootstrap
from services.database_url import DATABASE_URL
from services.orders.app import create_app as create_orders
from services.orders.repository import DATA_SET as ORDERS_DATA
from services.orders.settings import OrderSettings
from services.products.app import create_app as create_products
from services.products.repository import DATA_SET as PRODUCTS_DATA
from services.products.settings import ProductSettings
from services.settings import ServiceSettings
from services.users.app import create_app as create_users
from services.users.repository import DATA_SET as USERS_DATA
from services.users.settings import UserSettings


@dataclass(frozen=True)
class Service:
    """One service: ``name`` as in ``python -m services.<name>``, ``title`` as in its answers."""

    name: str
    title: str
    settings: type[ServiceSettings]
    create_app: Callable[[Any], Sanic[Any, Any]]
    data_set: DataSet


USERS = Service("users", "user-service", UserSettings, create_users, USERS_DATA)
ORDERS = Service("orders", "order-service", OrderSettings, create_orders, ORDERS_DATA)
PRODUCTS = Service("products", "product-service", ProductSettings, create_products, PRODUCTS_DATA)
SERVICES = (USERS, ORDERS, PRODUCTS)


@dataclass
class Databases:
    """Databases of one kind; ``empty`` makes a new one and returns its ``DATABASE_URL``."""

    empty: Callable[[], str]
    _founded: dict[str, str] = field(default_factory=dict)

    async def founded(self, service: Service) -> str:
        """The address of the one database that all reading tests of ``service`` share."""
        if service.name not in self._founded:
            address = self.empty()
            await bootstrap(DATABASE_URL.parse(address), service.title, service.data_set)
            self._founded[service.name] = address
        return self._founded[service.name]


async def execute(address: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run SQL in one transaction; the rows of the last statement."""
    engine = create_async_engine(DATABASE_URL.parse(address))
    try:
        async with engine.begin() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        await engine.dispose()

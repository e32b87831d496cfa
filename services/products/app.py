"""The product service, put together."""

from typing import Any

from sanic import Sanic

from services.database import Database
from services.deadline_header import read_deadline_header
from services.products.endpoints import ProductEndpoints
from services.products.repository import DATA_SET, ProductRepository
from services.products.settings import SERVICE, ProductSettings
from services.read_cache import ReadCache
from services.routes import CommonRoutes
from shared.observing.telemetry.build import spans_for
from shared.serving.app import build_app


def create_app(settings: ProductSettings) -> Sanic[Any, Any]:
    """The app that serves products from the database that ``settings`` name."""
    spans = spans_for(SERVICE, settings)
    database = Database(SERVICE, settings, DATA_SET)
    reads = ReadCache(SERVICE, settings, database, spans)
    endpoints = ProductEndpoints(ProductRepository(database), reads, lists=settings.lists)
    return build_app(
        SERVICE,
        settings,
        description="What can be bought.",
        routes=[
            read_deadline_header,
            endpoints,
            CommonRoutes(SERVICE, endpoints.links(), database.check),
        ],
        resources=[reads, database],
        ready=database.ready,
        spans=spans,
    )

"""The product service, put together."""

from typing import Any

from sanic import Sanic

from services.deadline_header import read_deadline_header
from services.points import Passing, unnoticed
from services.products.endpoints import ProductEndpoints
from services.products.repository import DATA_SET, OUTBOX, ProductRepository
from services.products.settings import SERVICE, ProductSettings
from services.routes import CommonRoutes
from services.store import Store
from shared.observing.telemetry.build import spans_for
from shared.serving.app import build_app


def create_app(settings: ProductSettings, passing: Passing = unnoticed) -> Sanic[Any, Any]:
    """The app that serves products from the database that ``settings`` name."""
    spans = spans_for(SERVICE, settings)
    store = Store(SERVICE, settings, DATA_SET, OUTBOX, spans=spans, passing=passing)
    endpoints = ProductEndpoints(ProductRepository(store), store.reads, lists=settings.lists)
    return build_app(
        SERVICE,
        settings,
        description="What can be bought.",
        routes=[
            read_deadline_header,
            endpoints,
            CommonRoutes(SERVICE, endpoints.links(), store.database.check),
        ],
        resources=store.resources,
        ready=store.database.ready,
        spans=spans,
    )

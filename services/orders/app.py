"""The order service, put together."""

from typing import Any

from sanic import Sanic

from services.database import Database
from services.deadline_header import read_deadline_header
from services.orders.endpoints import LINKS, OrderEndpoints
from services.orders.repository import DATA_SET, OrderRepository
from services.orders.settings import SERVICE, OrderSettings
from services.read_cache import ReadCache
from services.routes import CommonRoutes
from shared.observing.telemetry.build import spans_for
from shared.serving.app import build_app


def create_app(settings: OrderSettings) -> Sanic[Any, Any]:
    """The app that serves orders from the database that ``settings`` name."""
    spans = spans_for(SERVICE, settings)
    database = Database(SERVICE, settings, DATA_SET)
    reads = ReadCache(SERVICE, settings, database, spans)
    return build_app(
        SERVICE,
        settings,
        description="What users have bought.",
        routes=[
            read_deadline_header,
            OrderEndpoints(OrderRepository(database), reads),
            CommonRoutes(SERVICE, LINKS, database.check),
        ],
        resources=[reads, database],
        ready=database.ready,
        spans=spans,
    )

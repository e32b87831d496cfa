"""The order service, put together."""

from typing import Any

from sanic import Sanic

from services.deadline_header import read_deadline_header
from services.orders.endpoints import LINKS, OrderEndpoints
from services.orders.key_expiry import KeyExpiry
from services.orders.repository import DATA_SET, OUTBOX, OrderRepository
from services.orders.settings import SERVICE, OrderSettings
from services.points import Passing, unnoticed
from services.routes import CommonRoutes
from services.store import Store
from shared.observing.telemetry.build import spans_for
from shared.serving.app import build_app


def create_app(settings: OrderSettings, passing: Passing = unnoticed) -> Sanic[Any, Any]:
    """The app that serves orders from the database that ``settings`` name."""
    spans = spans_for(SERVICE, settings)
    store = Store(SERVICE, settings, DATA_SET, OUTBOX, spans=spans, passing=passing)
    orders = OrderRepository(store)
    return build_app(
        SERVICE,
        settings,
        description="What users have bought.",
        routes=[
            read_deadline_header,
            OrderEndpoints(orders, store.reads),
            CommonRoutes(SERVICE, LINKS, store.database.check),
        ],
        resources=[*store.resources, KeyExpiry(orders.forget_old_keys)],
        ready=store.database.ready,
        spans=spans,
    )

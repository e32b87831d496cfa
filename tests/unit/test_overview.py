"""What ``python -m bff --check`` prints below the settings."""

from dataclasses import replace

from bff.aggregates.kind import AggregateKind
from bff.aggregates.profile import PROFILE
from bff.catalogue import catalogue
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from bff.settings import GatewaySettings, settings_for
from bff.sources.products import PRODUCTS
from bff.sources.users import USER
from shared.settings.loading import load
from shared.upstream.service import Service


def _lines(kinds: list[AggregateKind], **environment: str) -> list[str]:
    return list(load(settings_for(catalogue(kinds)), environment).overview())


def test_services_and_aggregates_are_shown() -> None:
    """Where each is asked and how much it is missed; the route of each and what it is made of."""
    stock = Service("stock_level", url="http://127.0.0.1:8004", essential=False)
    level = replace(USER, name="level", service=stock)

    async def load_level(user_id: str, sources: Sources) -> Aggregate:
        return Aggregate({"level": await sources.take(level, user_id)})

    levels = AggregateKind("levels", "/api/levels", "user_id", load_level, parts=(level,))
    assert _lines(
        [PROFILE, levels], ORDER_SERVICE_URL="https://orders.internal/base", STOCK_LEVEL_URL="http://[::1]:9"
    ) == [
        "",
        "Services:",
        "  user_service at http://127.0.0.1:8001, essential",
        "  order_service at https://orders.internal/base, essential",
        "  product_service at http://127.0.0.1:8003, optional",
        "  stock_level at http://[::1]:9, optional",
        "",
        "Aggregates:",
        "  /api/profile/{user_id} of user, orders, products",
        "  /api/levels/{user_id} of level",
    ]


def test_what_is_declared_is_shown_by_default() -> None:
    """Those of the program itself."""
    shown = list(load(GatewaySettings, {}).overview())
    assert shown == _lines(list(GatewaySettings.declared.kinds))
    assert any(PRODUCTS.service.name in line for line in shown)

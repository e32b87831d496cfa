"""What ``python -m bff --check`` prints below the settings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from bff.aggregates.kind import AggregateKind
from bff.aggregates.profile import PROFILE
from bff.catalogue import catalogue
from bff.commands.kind import AnyCommand
from bff.commands.profile import CHANGE_PROFILE
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from bff.settings import GatewaySettings, settings_for
from bff.sources.products import PRODUCTS
from bff.sources.users import USER
from shared.edge.access import SIGNED_IN, Access
from shared.errors import DeclarationError
from shared.settings.loading import load
from shared.upstream.service import Service


def _lines(kinds: list[AggregateKind], commands: Sequence[AnyCommand] = (), **environment: str) -> list[str]:
    return list(load(settings_for(catalogue(kinds, commands)), environment).overview())


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


def test_commands_are_shown_with_their_services() -> None:
    """A service that only a command asks is one like others, with settings of its own."""
    only_for_that = replace(CHANGE_PROFILE, service=Service("change_service", url="http://127.0.0.1:8009"))
    lines = _lines([PROFILE], [only_for_that], CHANGE_SERVICE_URL="http://changes.internal")
    assert "  change_service at http://changes.internal, essential" in lines
    assert lines[-3:] == ["", "Commands:", "  PATCH /api/profile/{user_id} to change_service"]
    asks = {"AUTH": "jwt", "AUTH_JWKS_URL": "https://a/k", "AUTH_ISSUER": "https://a", "AUTH_AUDIENCE": "b"}
    whom = "for its owner (sub) with profile:write, anybody with profile:write:any"
    assert _lines([PROFILE], [only_for_that], **asks)[-1] == f"{lines[-1]}, {whom}"


ACCESSES: Final[Mapping[str, Access | None]] = {
    "everybody": None,
    "anybody with a token": SIGNED_IN,
    "anybody with stock:read": Access(scope="stock:read"),
    "anybody with stock:read or stock:write": Access(scope="stock:read", any_scope="stock:write"),
    "its owner (sub)": Access(owner="sub"),
    "its owner (tenant) with stock:read": Access(owner="tenant", scope="stock:read"),
    "its owner (sub), anybody with stock:any": Access(owner="sub", any_scope="stock:any"),
}


@pytest.mark.parametrize(("whom", "access"), ACCESSES.items())
def test_who_may_have_an_aggregate_is_shown(whom: str, access: Access | None) -> None:
    """Where clients are asked who they are, so that what is open to too many is seen before the start."""
    asks = {"AUTH": "jwt", "AUTH_JWKS_URL": "https://a/k", "AUTH_ISSUER": "https://a", "AUTH_AUDIENCE": "b"}
    kinds = [replace(PROFILE, access=access)]
    shown = "  /api/profile/{user_id} of user, orders, products"
    assert _lines(kinds, (), **asks)[-1] == f"{shown}, for {whom}"
    assert _lines(kinds)[-1] == shown


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"any_scope": "stock:any"}, "lets in anybody"),
        ({"scope": "stock read"}, "is no scope"),
        ({"owner": "sub", "any_scope": 'all"'}, "is no scope"),
    ],
)
def test_access_that_contradicts_itself_is_refused(declared: Mapping[str, Any], told: str) -> None:
    """At the start, in a sentence."""
    with pytest.raises(DeclarationError, match=f"^access: .*{told}"):
        Access(**declared)


def test_what_is_declared_is_shown_by_default() -> None:
    """Those of the program itself."""
    shown = list(load(GatewaySettings, {}).overview())
    declared = GatewaySettings.declared
    assert shown == _lines(list(declared.kinds), declared.commands)
    assert any(PRODUCTS.service.name in line for line in shown)

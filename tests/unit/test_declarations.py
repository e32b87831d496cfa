"""Aggregates and parts are declared once, under names of their own."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import pytest

from bff.aggregates.kind import AggregateKind, check
from bff.aggregates.profile import PROFILE
from bff.app import create_app
from bff.cache_kinds import cache_kinds
from bff.catalogue import catalogue
from bff.parts.single import SinglePart
from bff.settings import GatewaySettings
from bff.sources.orders import ORDERS
from bff.sources.users import USER
from shared.cache.keys import Keys
from shared.errors import DeclarationError
from shared.settings.loading import load

HISTORY = replace(PROFILE, name="history", path="/api/history", parts=(ORDERS,), counted=())
SETTINGS = load(GatewaySettings, {})


def test_different_aggregates_may_share_parts() -> None:
    """That is what parts are for."""
    check([PROFILE, HISTORY])
    check([])


@pytest.mark.parametrize(
    "kinds",
    [
        [PROFILE, PROFILE],
        [PROFILE, HISTORY, replace(PROFILE, path="/api/other")],
        [HISTORY, replace(PROFILE, path="/api/history")],
        [PROFILE, replace(HISTORY, path="/api/profile", parameter="other_id")],
        [replace(PROFILE, parts=(replace(USER, name="metadata"),), counted=())],
        [replace(PROFILE, parts=(replace(USER, name='a":1,"b'),), counted=())],
        [replace(PROFILE, parts=(USER,))],
        [replace(PROFILE, path="api/profile")],
        [replace(PROFILE, path="/api/profile/")],
        [replace(PROFILE, path="/api/<id>")],
        [replace(PROFILE, parameter="user id")],
        [replace(PROFILE, name="aggregate.profile")],
    ],
)
def test_what_contradicts_itself_is_refused(kinds: Sequence[AggregateKind]) -> None:
    """By a sentence, before anything is built of it."""
    with pytest.raises(DeclarationError) as refused:
        create_app(SETTINGS, kinds=kinds)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("path", ["/api/cache/stats", "/health"])
@pytest.mark.parametrize("name", ["index", "health", "cache_stats"])
def test_a_route_of_the_gateway_itself_is_no_aggregate(name: str, path: str) -> None:
    """Its name is taken, whatever stands below its path."""
    with pytest.raises(DeclarationError, match="two routes"):
        create_app(SETTINGS, kinds=[replace(HISTORY, name=name, path=path)])


@pytest.mark.parametrize("called", [USER, ORDERS], ids=lambda part: part.name)
def test_an_aggregate_may_be_called_like_a_part(called: SinglePart[object]) -> None:
    """Their entries never meet."""
    kind = replace(HISTORY, name=called.name, parts=(USER, ORDERS))
    keys = Keys("bff", cache_kinds(SETTINGS, catalogue([kind])))
    aggregate, part = keys.entry(kind.cache_kind, "user1"), keys.entry(called.name, "user1")
    assert aggregate != part
    assert keys.kind(aggregate) is not keys.kind(part)
    assert set(keys.owned_keys("user1")) >= {aggregate, part}


def test_whatever_is_declared_otherwise_has_keys_of_its_own() -> None:
    """Other parts, another order of them, another parameter, other counts: another version by itself."""
    variants = [
        PROFILE,
        replace(PROFILE, parts=tuple(reversed(PROFILE.parts))),
        replace(PROFILE, parts=(USER, ORDERS), counted=(ORDERS,)),
        replace(PROFILE, parts=(USER, ORDERS), counted=()),
        replace(PROFILE, parameter="id"),
    ]
    keys = [Keys("bff", cache_kinds(SETTINGS, catalogue([kind]))).entry(kind.cache_kind, "user1") for kind in variants]
    assert all(one != other for one, other in combinations(keys, 2))
    same = Keys("bff", cache_kinds(load(GatewaySettings, {"CACHE_TTL_SECONDS": "7"}), catalogue([PROFILE])))
    assert same.entry(PROFILE.cache_kind, "user1") == keys[0]

"""Aggregates and parts are declared once, under names of their own."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import msgspec
import pytest

from bff.aggregates.kind import AggregateKind, check
from bff.aggregates.profile import PROFILE, load_profile
from bff.aggregates.view import View
from bff.app import create_app
from bff.cache_kinds import cache_kinds
from bff.catalogue import catalogue
from bff.parts.keyed import keyed
from bff.parts.part import Aggregate
from bff.parts.single import SinglePart, single
from bff.parts.sources import Sources
from bff.representation import Representation
from bff.settings import GatewaySettings, settings_for
from bff.sources.orders import ORDER_SERVICE, ORDERS
from bff.sources.users import USER, USER_SERVICE, User
from shared.cache.keys import Keys
from shared.errors import DeclarationError
from shared.settings.loading import load
from shared.upstream.service import Service
from tests.fixtures.fake_services import user


async def load_history(user_id: str, sources: Sources) -> Aggregate:
    """The orders alone."""
    return Aggregate({"orders": await sources.take(ORDERS, user_id)})


async def load_anything(_identifier: str, _sources: Sources) -> Aggregate:
    """Something whose parts cannot be seen."""
    raise NotImplementedError


async def load_by_way_of_another(user_id: str, sources: Sources) -> Aggregate:
    """More than the orders."""
    return await load_profile(user_id, sources)


class Short(msgspec.Struct):
    """What a view shows."""

    total: int


class Odd(msgspec.Struct, array_like=True):
    """What is no object in JSON."""

    total: int


HISTORY = AggregateKind("history", "/api/history", "user_id", load_history, parts=(ORDERS,))
SHORT: View[Any] = View("short", Short, needs=(ORDERS,), make=lambda orders: Short(len(orders or ())))
ALONE: Any = lambda _one: None  # noqa: E731 - what the types forbid where it stands
TEXT: Any = "5"
SETTINGS = load(GatewaySettings, {})


@pytest.mark.parametrize("times", [{"ttl": 0}, {"ttl": 604_801}, {"ttl": math.nan}, {"stale": -1}, {"stale": math.inf}])
def test_times_that_nothing_is_kept_for_are_refused(times: Any) -> None:
    """Of either sort of parts, when they are declared."""
    with pytest.raises(DeclarationError, match=r"(ttl|stale) .+ is not a number of seconds from [01] to 604800"):
        single("extra", USER_SERVICE, Short, "/extra", **times)
    with pytest.raises(DeclarationError, match=r"(ttl|stale) .+ is not a number of seconds from [01] to 604800"):
        keyed("extra", USER_SERVICE, Short, post="/extra", key="total", **times)


@pytest.mark.parametrize(("service", "name"), [("admin", "ADMIN_TOKEN"), ("upstream", "UPSTREAM_HEALTH_PATH")])
def test_a_service_takes_no_variable_of_the_gateway(service: str, name: str) -> None:
    """Whatever it is called: it would be sent what only administrators may know."""
    kind = replace(HISTORY, load=load_anything, parts=(replace(ORDERS, service=replace(ORDER_SERVICE, name=service)),))
    with pytest.raises(DeclarationError, match=f"2 settings are called {name}"):
        load(settings_for(catalogue([kind])), {})


def test_a_service_needs_an_address() -> None:
    """Where it is, unless it is set, is a part of what it is."""
    with pytest.raises(DeclarationError, match="url '' is not an http"):
        Service("new_service", url="")


def _short(orders: Sequence[object], _user: object) -> Short:
    return Short(len(orders))


def test_different_aggregates_may_share_parts() -> None:
    """That is what parts are for."""
    assert [*catalogue([PROFILE, HISTORY]).parts] == ["user", "orders", "products"]
    check([])


@pytest.mark.parametrize(
    ("kinds", "sentence"),
    [
        ([PROFILE, PROFILE], "2 aggregates have the name 'profile'"),
        ([PROFILE, HISTORY, replace(PROFILE, path="/api/other")], "2 aggregates have the name 'profile'"),
        ([HISTORY, replace(PROFILE, path="/api/history")], "2 aggregates have the path '/api/history'"),
        (
            [PROFILE, replace(HISTORY, path="/api/profile", parameter="other_id")],
            "2 aggregates have the path '/api/profile'",
        ),
        ([replace(PROFILE, parts=(replace(USER, name="metadata"),), counted=())], "nothing can be called 'metadata'"),
        ([replace(PROFILE, parts=(replace(USER, name='a":1,"b'),), counted=())], "nothing can be called 'a\":1,\"b'"),
        ([replace(PROFILE, parts=(USER, ORDERS), counted=(ORDERS,))], "it uses 'products', which is none of its parts"),
        ([replace(HISTORY, load=load_profile)], "it uses 'products', which is none of its parts"),
        ([replace(HISTORY, load=load_by_way_of_another)], "it uses 'products', which is none of its parts"),
        ([replace(HISTORY, load=partial(load_profile))], "it uses 'products', which is none of its parts"),
        ([replace(HISTORY, parts=(ORDERS, ORDERS))], "2 parts of the aggregate 'history' have the name 'orders'"),
        ([replace(HISTORY, counted=(USER,))], "it counts 'user', which is none of its parts"),
        ([replace(HISTORY, optional=(USER,))], "it can do without 'user', which is none of its parts"),
        ([replace(HISTORY, optional=(ORDERS,))], "it can do without 'orders', which may not be absent"),
        ([replace(HISTORY, views=(SHORT, SHORT))], "2 views of the aggregate 'history' have the name 'short'"),
        ([replace(HISTORY, views=(replace(SHORT, name="Short"),))], "nothing can be called 'Short'"),
        ([replace(HISTORY, views=(replace(SHORT, name=""),))], "nothing can be called ''"),
        (
            [replace(HISTORY, views=(replace(SHORT, needs=(USER,)),))],
            "view 'short' needs 'user', which is none of its parts",
        ),
        ([replace(HISTORY, views=(replace(SHORT, needs=()),))], "view 'short' needs no part"),
        (
            [replace(HISTORY, views=(replace(SHORT, shape=Odd),))],
            "view 'short' has the shape Odd, which is no struct with members that can stand beside 'metadata'",
        ),
        (
            [replace(HISTORY, views=(replace(SHORT, shape=msgspec.defstruct("Meta", [("metadata", int)])),))],
            "view 'short' has the shape Meta, which is no struct with members that can stand beside 'metadata'",
        ),
        (
            [replace(HISTORY, views=(replace(SHORT, make=lambda: Short(1)),))],
            "view 'short' is made by what does not take 1 values",
        ),
        (
            [replace(HISTORY, parts=(ORDERS, replace(USER, service=replace(USER_SERVICE, name=ORDER_SERVICE.name))))],
            "two services are called 'order_service'",
        ),
        (
            [HISTORY, replace(HISTORY, name="users", path="/api/users", load=load_anything, parts=(replace(ORDERS),))],
            "two parts are called 'orders'",
        ),
        ([replace(PROFILE, path="api/profile")], "'api/profile' is no path"),
        ([replace(PROFILE, path="/api/profile/")], "'/api/profile/' is no path"),
        ([replace(PROFILE, path="/api/<id>")], "'/api/<id>' is no path"),
        ([replace(PROFILE, parameter="user id")], "nothing can be called 'user id'"),
        ([replace(PROFILE, name="aggregate.profile")], "nothing can be called 'aggregate.profile'"),
        (
            [replace(HISTORY, views=(replace(SHORT, make=lambda orders: Short(len(orders))),))],
            (
                "aggregate 'history', view 'short' cannot be made of orders missing: "
                "TypeError: object of type 'NoneType' has no len()"
            ),
        ),
        (
            [
                replace(
                    PROFILE,
                    counted=(),
                    views=(replace(SHORT, needs=(USER, ORDERS), make=lambda user, _: Short(len(user.id))),),
                )
            ],
            (
                "aggregate 'profile', view 'short' cannot be made of user missing, orders fresh: "
                "AttributeError: 'NoneType' object has no attribute 'id'"
            ),
        ),
        (
            [replace(HISTORY, views=(replace(SHORT, shape=msgspec.defstruct("Any", [("total", object)])),))],
            "view 'short' has the shape Any, of which something cannot be told as a JSON Schema",
        ),
        (
            [
                replace(
                    HISTORY, views=(replace(SHORT, shape=msgspec.defstruct("Un", [("t", int | msgspec.UnsetType)])),)
                )
            ],
            "view 'short' may leave out t, which should be null instead: unknown is not empty",
        ),
        (
            [
                replace(
                    HISTORY,
                    views=(replace(SHORT, shape=msgspec.defstruct("Omit", [("t", int, 0)], omit_defaults=True)),),
                )
            ],
            "view 'short' may leave out t, which should be null instead: unknown is not empty",
        ),
        ([replace(HISTORY, parameter="cached")], "2 members of its metadata are called 'cached'"),
        (
            [replace(HISTORY, parameter="orders_count", counted=(ORDERS,))],
            "2 members of its metadata are called 'orders_count'",
        ),
        ([replace(HISTORY, parameter="view", views=(SHORT,))], "2 members of its metadata are called 'view'"),
        ([replace(HISTORY, load=load_anything, parts=())], "it has no part"),
        ([replace(HISTORY, path="/api/..")], "'/api/..' is no path"),
        ([replace(PROFILE, counted=(USER,))], "it counts 'user', which is one thing"),
        ([replace(HISTORY, load=ALONE)], "its load does not take an id and the sources"),
    ],
)
def test_what_contradicts_itself_is_refused(kinds: Sequence[AggregateKind], sentence: str) -> None:
    """By a sentence that says what is wrong, before anything is built of it."""
    with pytest.raises(DeclarationError, match=rf"^(aggregate '[^']*': )?{re.escape(sentence)}$"):
        create_app(SETTINGS, kinds=kinds)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: replace(HISTORY, parts=ALONE),
        lambda: replace(HISTORY, counted=ALONE),
        lambda: replace(HISTORY, views=ALONE),
        lambda: replace(SHORT, needs=ALONE),
        lambda: catalogue(ALONE),
    ],
)
def test_a_forgotten_comma_is_told(declare: Callable[[], object]) -> None:
    """Where a tuple of one is meant."""
    with pytest.raises(DeclarationError, match=r"no tuple; that of one has a comma: \(ONE,\)$"):
        declare()


def _owner(order: Any) -> object:
    return order.user_id


@pytest.mark.parametrize(
    ("declare", "sentence"),
    [
        (partial(single, "it", USER_SERVICE, User, "/it", ttl=0), "ttl 0 is not"),
        (partial(single, "it", USER_SERVICE, User, "/it", stale=-1), "stale -1 is not"),
        (partial(keyed, "it", USER_SERVICE, User, post="/it", ttl=TEXT), "ttl '5' is not"),
        (partial(keyed, "it", USER_SERVICE, list[User], post="/it"), "its shape, that of one item, is no struct"),
        (partial(keyed, "it", USER_SERVICE, User, post="/it", key="number"), "with a field 'number'"),
        (partial(single, "it", USER_SERVICE, User, "it"), "'it' is no path"),
        (partial(single, "it", USER_SERVICE, User, "/it", example={"id": 1}), "its example is not of its shape"),
        (
            partial(single, "it", USER_SERVICE, User, "/it/{it_id}", about=_owner, example=user("user1")),
            "has no attribute",
        ),
    ],
)
def test_a_part_that_cannot_be_is_named(declare: Callable[[], object], sentence: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(DeclarationError) as refused:
        declare()
    assert str(refused.value).startswith("part 'it': ")
    assert sentence in str(refused.value)


def test_a_service_is_somewhere() -> None:
    """Without an address there is nothing to ask where no setting has one."""
    with pytest.raises(DeclarationError, match="service 'it_service': url '' is not an http"):
        Service("it_service", url="")


def test_settings_have_names_of_their_own() -> None:
    """What is declared must not be called as what the gateway itself is set by."""
    upstream = replace(ORDERS, service=Service("upstream", url="http://127.0.0.1:1"))
    kind = replace(HISTORY, parts=(upstream,), load=load_anything)
    with pytest.raises(DeclarationError, match="2 settings are called UPSTREAM_"):
        load(settings_for(catalogue([kind])), {})


@pytest.mark.parametrize("path", ["/api/cache/stats", "/health"])
@pytest.mark.parametrize("name", ["index", "health", "cache_stats"])
def test_a_route_of_the_gateway_itself_is_no_aggregate(name: str, path: str) -> None:
    """Its name is taken, whatever stands below its path."""
    with pytest.raises(DeclarationError, match="two routes"):
        create_app(SETTINGS, kinds=[replace(HISTORY, name=name, path=path)])


@pytest.mark.parametrize("called", [USER, ORDERS], ids=lambda part: part.name)
def test_an_aggregate_may_be_called_like_a_part(called: SinglePart[object]) -> None:
    """Their entries never meet."""
    kind = replace(HISTORY, name=called.name, load=load_anything, parts=(USER, ORDERS))
    keys = Keys("bff", cache_kinds(SETTINGS, catalogue([kind])))
    aggregate, part = keys.entry(Representation(kind).cache_kind, "user1"), keys.entry(called.name, "user1")
    assert aggregate != part
    assert keys.kind(aggregate) is not keys.kind(part)
    assert set(keys.owned_keys("user:user1")) >= {aggregate, part}


def test_whatever_is_declared_otherwise_has_keys_of_its_own() -> None:
    """Other parts, another order of them, another parameter, other counts: another version by itself."""
    plain = replace(PROFILE, load=load_anything, views=())
    variants = [
        plain,
        replace(plain, parts=tuple(reversed(plain.parts))),
        replace(plain, parts=(USER, ORDERS), counted=(ORDERS,)),
        replace(plain, parts=(USER, ORDERS), counted=()),
        replace(plain, parameter="id"),
    ]
    keys = [
        Keys("bff", cache_kinds(SETTINGS, catalogue([kind]))).entry(Representation(kind).cache_kind, "user1")
        for kind in variants
    ]
    assert all(one != other for one, other in combinations(keys, 2))
    same = Keys("bff", cache_kinds(load(GatewaySettings, {"CACHE_TTL_SECONDS": "7"}), catalogue([PROFILE])))
    assert same.entry(Representation(PROFILE).cache_kind, "user1") == keys[0]


def test_a_view_that_is_declared_otherwise_has_keys_of_its_own() -> None:
    """Another shape, other counts in what it tells, or other parts that these come from."""
    shape = msgspec.defstruct("Short", [("total", int), ("more", int)])
    variants = [
        replace(HISTORY, views=(SHORT,)),
        replace(HISTORY, views=(replace(SHORT, shape=shape),)),
        replace(HISTORY, views=(SHORT,), counted=(ORDERS,)),
        replace(HISTORY, parts=(ORDERS, USER), views=(replace(SHORT, needs=(ORDERS, USER), make=_short),)),
    ]
    keys = [
        Keys("bff", cache_kinds(SETTINGS, catalogue([kind]))).entry("aggregate.history.short", "u") for kind in variants
    ]
    assert len(set(keys)) == len(keys)


def _nobody(_user: object) -> Short:
    raise LookupError("nobody")


@pytest.mark.parametrize(
    ("views", "sentence"),
    [
        ([replace(SHORT, make=lambda _orders: {"total": 1})], "it is a dict, and declared as Short"),
        ([replace(SHORT, make=lambda _orders: Short(TEXT))], "Expected `int`, got `str` - at `$.total`"),
        ([replace(SHORT, make=lambda orders: Short(len(orders)))], "cannot be made of orders missing: TypeError"),
        ([replace(SHORT, make=_nobody)], "LookupError: nobody"),
    ],
)
def test_a_view_that_is_not_made_as_declared_is_refused(views: Sequence[View[Any]], sentence: str) -> None:
    """As far as the examples of its parts show it, whole and without one of them."""
    with pytest.raises(DeclarationError, match=r"^aggregate 'history', view 'short'") as refused:
        create_app(SETTINGS, kinds=[replace(HISTORY, views=views)])
    assert sentence in str(refused.value)


def test_examples_of_one_aggregate_are_about_the_same() -> None:
    """For its document could not be."""
    other = single(
        "other", USER_SERVICE, User, "/users/{user_id}", about=lambda found: found.id, example=user("somebody-else")
    )
    with pytest.raises(DeclarationError, match=r"are not about the same$"):
        create_app(SETTINGS, kinds=[replace(HISTORY, load=load_anything, parts=(ORDERS, other))])

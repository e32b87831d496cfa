"""Which parts a load takes is read from its code; whatever stands there, the start neither fails nor hangs of it."""

import functools
import types
from collections.abc import Callable
from typing import Any

import pytest

import bff.sources.products
from bff.aggregates.profile import load_profile
from bff.aggregates.uses import parts_used
from bff.parts.part import Aggregate, Part
from bff.parts.sources import Sources
from bff.sources.orders import ORDERS
from bff.sources.users import USER, User
from shared.deadline import since_boot


class _Unbound:
    """Stands for something that is not there yet, as proxies do."""

    def __getattribute__(self, name: str) -> Any:
        """Nobody knows yet."""
        raise RuntimeError("used outside of a request")


UNBOUND = _Unbound()


def orders() -> object:
    """What is called like a member of something else."""
    return ORDERS


async def load_user(user_id: str, sources: Sources) -> Part[User]:
    """The user alone."""
    return await sources.take(USER, user_id)


async def load_with_members(user_id: str, sources: Sources) -> Any:
    """A member of something is no global, whatever it is called."""
    return (await load_user(user_id, sources)).orders  # type: ignore[attr-defined]  # only its code is read


async def load_with_proxy(user_id: str, sources: Sources) -> Any:
    """Names what must not be asked for anything."""
    return UNBOUND, await sources.take(USER, user_id)


async def load_by_way_of_itself(user_id: str, sources: Sources) -> Any:
    """Names what names it."""
    return await load_back(user_id, sources)


async def load_back(user_id: str, sources: Sources) -> Any:
    """The other half."""
    return await load_by_way_of_itself(user_id, sources), USER


async def load_by_default(user_id: str, sources: Sources, part: Any = USER) -> Any:
    """What it takes stands in its signature."""
    return await sources.take(part, user_id)


async def load_from_module(ids: list[str], sources: Sources) -> Any:
    """By the full name of a part."""
    return await sources.take(bff.sources.products.PRODUCTS, ids)


async def load_in_parts(user_id: str, sources: Sources) -> Any:
    """By way of functions and classes within."""

    class Within:
        async def take(self) -> Any:
            return await sources.take(ORDERS, user_id)

    async def user() -> Any:
        return await sources.take(USER, user_id)

    return since_boot(), await user(), await Within().take()


class Loader:
    """Loads by a method."""

    async def load(self, user_id: str, sources: Sources) -> Any:
        """The user."""
        return await sources.take(USER, user_id)


def _decorated(load: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(load)
    async def decorated(*arguments: Any) -> Aggregate:
        loaded: Aggregate = await load(*arguments)
        return loaded

    return decorated


def _containing_itself() -> Any:
    load: Any = functools.partial(load_user)
    load.keywords["sources"] = load
    return load


@pytest.mark.parametrize(
    ("load", "names"),
    [
        (load_user, "user"),
        (load_with_members, "user"),
        (load_with_proxy, "user"),
        (load_by_way_of_itself, "user"),
        (load_by_default, "user"),
        (load_from_module, "products"),
        (load_in_parts, "orders user"),
        (Loader().load, "user"),
        (_decorated(load_profile), "orders products user"),
        (functools.partial(_decorated(load_user)), "user"),
        (_containing_itself(), "user"),
        (types.FunctionType(load_user.__code__, {"USER": USER}), "user"),
        (print, ""),
    ],
    ids=lambda value: getattr(value, "__qualname__", None),
)
def test_parts_are_found_where_they_are_named(load: Callable[..., Any], names: str) -> None:
    """In functions, methods, closures, defaults and modules; no other is, and nothing is followed twice."""
    assert " ".join(sorted(part.name for part in parts_used(load))) == names

"""Who is looked at: users each of whom has bought something that none of the others has."""

import asyncio
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

import orjson

from benchmarks.common.client import Client
from benchmarks.common.process import CannotRun

_ASKED: Final = 300
_AT_ONCE: Final = 8


class Watched(NamedTuple):
    """A user, and the product by which changes reach this profile and no other that is looked at."""

    user: str
    product: str


async def watched(gateway: Client, number: int) -> list[Watched]:
    """So many of them, out of what the gateway shows.

    Raises:
        CannotRun: there are not so many.
    """
    users = iter([f"user{one}" for one in range(1, _ASKED + 1)])
    baskets: dict[str, frozenset[str]] = {}

    async def ask_on() -> None:
        for user in users:
            answer = await gateway.get(path_of(user))
            if answer.status == 200:
                baskets[user] = frozenset(document_of(answer.content)["products"] or ())

    await asyncio.gather(*(ask_on() for _ in range(_AT_ONCE)))
    chosen = choose(baskets, number)
    if len(chosen) < number:
        raise CannotRun(f"Of {len(baskets)} users only {len(chosen)} have bought what others have not.")
    return chosen


def choose(baskets: Mapping[str, AbstractSet[str]], number: int) -> list[Watched]:
    """At most so many users; none has bought what stands for another of them."""
    chosen: list[Watched] = []
    bought: set[str] = set()
    for user, basket in sorted(baskets.items(), key=lambda one: (len(one[1]), one[0])):
        own = sorted(basket - bought)
        if own and not basket & {one.product for one in chosen}:
            chosen.append(Watched(user, own[0]))
            bought |= basket
        if len(chosen) == number:
            break
    return chosen


def path_of(user: str) -> str:
    """Where the profile of ``user`` is."""
    return f"/api/profile/{user}"


def document_of(body: bytes) -> Any:
    """A profile as plain data."""
    return orjson.loads(body)

"""The mix: which requests follow each other, round by round, for ever. Pure; nothing is sent here."""

from collections.abc import Iterator
from itertools import count

from deploy.demo.calls import Call, Target
from deploy.demo.changes import changes
from services.dataset import catalogue, people, purchases

KNOWN = ("user123", "user456", "user1", "user2")
"""Who is asked for again and again, and so found in the cache."""

NEW_IN_A_CYCLE = 5
"""So many users are new in each cycle; it takes minutes until one of them comes again."""

_PROFILE = "/api/profile"
_BATCH = b'{"product_ids":["prod1","prod2","prod3","no-such-product"]}'

Round = tuple[Call, ...]
"""What is sent at once."""


def rounds() -> Iterator[Round]:
    """Yield what is to be sent, without end: cycle after cycle of every kind of request."""
    for number in count():
        yield from _cycle(number)


def _cycle(number: int) -> Iterator[Round]:
    new = [f"user{(number * NEW_IN_A_CYCLE + i) % people.COUNT + 1}" for i in range(NEW_IN_A_CYCLE)]
    pair = _profile(new[4])
    busy = _profile("user123")
    yield (busy,)
    yield (_profile(new[0]),)
    yield (_users("?limit=20"),)
    yield (_profile("user456"),)
    yield (pair, pair)
    yield (Call(Target.GATEWAY, busy.path, conditional=True),)
    yield (_orders(f"/user/{new[0]}"),)
    yield (_profile(KNOWN[number % len(KNOWN)]),)
    yield (_profile(new[1]),)
    yield (_products(f"/prod{number % catalogue.COUNT + 1}"),)
    yield (busy,)
    yield (_profile(f"nobody{number}"),)
    yield (Call(Target.PRODUCTS, "/products/batch", "POST", _BATCH),)
    yield (Call(Target.GATEWAY, f"/api/cache/profile/{new[4]}", "DELETE", admin=True),)
    yield (_profile(new[2]),)
    yield (_users(f"/{new[1]}"),)
    yield (Call(Target.GATEWAY, busy.path, "HEAD"),)
    yield (_profile("not!an!id"),)
    yield (_products(f"?limit=20&after=prod{number % catalogue.COUNT + 1}"),)
    yield (busy,)
    yield (_profile(new[3]),)
    yield (_orders(f"/order{number % purchases.COUNT + 1}"),)
    yield (Call(Target.GATEWAY, f"/no/such/route/{number}"),)
    yield (_products("/no-such-product"),)
    yield (Call(Target.GATEWAY, busy.path, conditional=True), *changes(number))


def _profile(user: str) -> Call:
    return Call(Target.GATEWAY, f"{_PROFILE}/{user}")


def _users(rest: str) -> Call:
    return Call(Target.USERS, f"/users{rest}")


def _orders(rest: str) -> Call:
    return Call(Target.ORDERS, f"/orders{rest}")


def _products(rest: str) -> Call:
    return Call(Target.PRODUCTS, f"/products{rest}")

"""The right content of an answer, with something in it that is not right."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

import orjson

from benchmarks.chaos.hostile import truth
from benchmarks.chaos.hostile.asked import ORDERS, Asked, Behave, http, somebody_else, stranger
from benchmarks.chaos.hostile.behaving import made


def changed(change: Callable[[Any, Random], Any]) -> Behave:
    """The right answer with something changed in it; one that says no is left as it is."""

    def make(asked: Asked) -> bytes:
        document = orjson.loads(asked.right)
        return http(orjson.dumps(change(document, asked.dice) if asked.is_yes else document), status=asked.status)

    return made(make)


def one_foreign(document: Any, dice: Random) -> Any:
    """Among the orders is one of somebody else."""
    foreign = truth.orders(somebody_else(dice, [order["user_id"] for order in document]))[0]
    return [*document, foreign]


def upper(document: Any, _dice: Random) -> Any:
    """The id in upper case."""
    return document | {"id": document["id"].upper()}


def relabelled(document: Any, dice: Random) -> Any:
    """One product bears an id that nobody has asked for."""
    if document:
        document[dice.randrange(len(document))]["id"] = stranger(dice)
    return document


def swapped(document: Any, dice: Random) -> Any:
    """One product is another one, nobody has asked for it."""
    if document:
        document[dice.randrange(len(document))] = truth.product(stranger(dice))
    return document


def odd_member(document: Any, dice: Random) -> Any:
    """Something among the things that is none."""
    place = dice.randrange(len(document) + 1)
    return [*document[:place], dice.choice((None, 1, "x", {}, [], {"id": "prod1"})), *document[place:]]


def without_something(document: Any, dice: Random) -> Any:
    """A field is missing."""
    one = document if isinstance(document, dict) else dice.choice(document or [{}])
    if one:
        one.pop(dice.choice(sorted(one)))
    return document


def odd_value(document: Any, dice: Random) -> Any:
    """A field has a value that no field may have."""
    one = document if isinstance(document, dict) else dice.choice(document or [{}])
    if one:
        one[dice.choice(sorted(one))] = dice.choice((None, {}))
    return document


def further_fields(document: Any, _dice: Random) -> Any:
    """Fields that nobody may see."""
    for one in document if isinstance(document, list) else [document]:
        one["password_hash"] = f"secret of {one.get('id')}"
    return document


_MONEY: Final = (
    b'"NaN"', b'"Infinity"', b'"-Infinity"', b'"sNaN"', b'"NaN123"', b"NaN", b"Infinity", b'"1_000.5"', b'" 12 "',
    '"١٢"'.encode(), b"1e999999999999", b'"1e999999999999"', b"1e400", b'"0x10"', b"true", b"null", b"[]", b'""',
    b'"1."',
    b'".5"', b'"+1"', b'"01"', b"01", b'"' + b"9" * 60 + b'"', b"-", b'"1,5"', b'"\\u0000"', b"{}",
)  # fmt: skip


def odd_money(asked: Asked) -> bytes:
    """One price is none."""
    name = asked.dice.choice((b'"price":', b'"total_amount":') if asked.service == ORDERS else (b'"price":',))
    body = asked.right
    places = [place for place in range(len(body)) if body.startswith(name, place)]
    if places:
        start = asked.dice.choice(places) + len(name)
        end = min(place for end in b",}" if (place := body.find(end, start)) > 0)
        body = body[:start] + asked.dice.choice(_MONEY) + body[end:]
    return http(body, status=asked.status)


def money_as_text(asked: Asked) -> bytes:
    """The right prices, as strings: the digits are to pass."""
    return http(asked.right.replace(b'"price":10.5', b'"price":"10.50"'), status=asked.status)


def garbled(asked: Asked) -> bytes:
    """A byte that cannot stand in JSON."""
    body = bytearray(asked.right)
    body[asked.dice.randrange(len(body))] = asked.dice.choice((0xFF, 0x00, 0xC0))
    return http(bytes(body), status=asked.status)

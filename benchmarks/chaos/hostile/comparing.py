"""What a profile says, held against the truth."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.chaos.hostile import truth

_somebody = re.compile("(?:user|refused|greedy)[0-9]+")

Complaint = tuple[str, str]
"""A kind of failure, and what is wrong."""


def profile(user_id: str, document: Any) -> Iterator[Complaint]:
    """What a profile says of anybody must be true of the one whose it is."""
    true = truth.profile(user_id)
    try:
        metadata = document["metadata"]
        if metadata["user_id"] != user_id:
            yield "another's data", f"the profile of {metadata['user_id']}"
        yield from _part(user_id, "user", document["user"], true.user)
        yield from _part(user_id, "orders", document["orders"], true.orders)
        products = document["products"]
        if products is not None:
            yield from _products(user_id, products, true.products)
            state = metadata["parts"]["products"]["status"]
            lacking = true.products.keys() - products.keys()
            if state == "fresh" and lacking and document["orders"]:
                yield "untrue absence", f"products are fresh without {sorted(lacking)[:5]} of {user_id}"
    except (LookupError, TypeError, AttributeError) as error:
        yield "contradiction", f"not of the shape of a profile: {error!r}"


def _part(user_id: str, name: str, given: Any, true: Any) -> Iterator[Complaint]:
    if given is not None and given != true:
        others = set(_somebody.findall(repr(given))) - {user_id}
        yield "another's data" if others else "untrue data", f"{name} of {user_id}: {_difference(given, true)}"


def _difference(given: Any, true: Any) -> str:
    """What is different first."""
    if isinstance(given, dict) and isinstance(true, dict) and given.keys() == true.keys():
        return next(f"{key} {_difference(given[key], true[key])}" for key in true if given[key] != true[key])
    if isinstance(given, list) and isinstance(true, list) and len(given) == len(true):
        return next(
            f"{place} {_difference(one, other)}"
            for place, (one, other) in enumerate(zip(given, true, strict=True))
            if one != other
        )
    return f"is {str(given)[:200]}, ought to be {str(true)[:200]}"


def _products(user_id: str, given: Mapping[str, Any], true: Mapping[str, Any]) -> Iterator[Complaint]:
    for product_id, product in given.items():
        if product_id not in true:
            yield "another's data", f"{product_id} is among the products of {user_id}"
        elif product != true[product_id]:
            named = product["id"] == product_id
            what = f"product {product_id}: {_difference(product, true[product_id])}"
            yield "untrue data" if named else "another's data", what

"""The sorts of changes, each of which makes one profile another one, and says by what it is to be known."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from types import MappingProxyType
from typing import Any, Final

import orjson

from benchmarks.common.client import Answer, Client
from benchmarks.freshness.stage import ADMIN, TELLER, Stage
from benchmarks.freshness.stream import Shows, State
from benchmarks.freshness.watched import Watched

Change = Callable[[Stage, Watched], Awaitable[Shows]]
"""Returns when it was answered, with what a profile that has it shows."""

_CHANGED: Final = "com.example.product.changed.v1"
_PATCH: Final = {"Content-Type": "application/merge-patch+json"}
_EVENT: Final = {"Content-Type": "application/cloudevents+json"}
_JSON: Final = {"Content-Type": "application/json"}
_prices = count(100_000)  # above all prices that there are


class Refused(Exception):
    """A change was answered with something else than that it was made."""

    def __init__(self, what: str, answer: Answer) -> None:
        super().__init__(f"{what}: status {answer.status}")
        self.status = answer.status


async def hard_purge(stage: Stage, watched: Watched) -> Shows:
    """Drop all that is known of the user."""
    return await _made_anew(stage, "DELETE", f"/api/cache/profile/{watched.user}", ADMIN)


async def soft_purge(stage: Stage, watched: Watched) -> Shows:
    """Outdate what shows the product."""
    return await _made_anew(stage, "DELETE", f"/api/cache/tags/product:{watched.product}", ADMIN)


async def event(stage: Stage, watched: Watched) -> Shows:
    """Tell the gateway that the product has changed."""
    told = {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": "/benchmark",
        "type": _CHANGED,
        "subject": watched.product,
    }
    return await _made_anew(stage, "POST", "/api/events", TELLER | _EVENT, orjson.dumps(told))


async def patch(stage: Stage, watched: Watched) -> Shows:
    """Change the price at the service, which tells of it by an event in Redis."""
    price = new_price()
    await set_price(stage, watched.product, price)
    return lambda state: price_in(state, watched.product) == price


async def order(stage: Stage, watched: Watched) -> Shows:
    """Place an order, by the gateway."""
    items = [{"product_id": watched.product, "quantity": 1, "price": 1}]
    body = orjson.dumps({"user_id": watched.user, "items": items})
    fields = _JSON | {"Idempotency-Key": uuid.uuid4().hex}
    answer = await stage.gateways[0].ask("POST", "/api/orders", fields, body)
    if answer.status != 201:
        raise Refused("POST of an order", answer)
    placed = orjson.loads(answer.content)["id"]
    return lambda state: any(one["id"] == placed for one in state.get("orders") or ())


CHANGES: Final[Mapping[str, Change]] = MappingProxyType(
    {"hard purge": hard_purge, "soft purge": soft_purge, "event": event, "patch": patch, "order": order}
)


def new_price() -> int:
    """One that is higher than all before."""
    return next(_prices)


async def set_price(stage: Stage, product: str, price: int) -> None:
    """Change it at the service.

    Raises:
        Refused: it is not known to be done.
    """
    answer = await stage.services["products"].ask(
        "PATCH", f"/products/{product}", _PATCH, orjson.dumps({"price": price})
    )
    if answer.status != 200:
        raise Refused("PATCH of a product", answer)


async def purge_product(gateway: Client, product: str) -> None:
    """Drop all that shows it, and what was last known of it.

    Raises:
        Refused: not everybody has been told.
    """
    answer = await gateway.ask("DELETE", f"/api/cache/tags/product:{product}?mode=hard", ADMIN)
    if answer.status != 204:
        raise Refused("hard purge", answer)


def price_in(state: State, product: str) -> int | None:
    """The price that is shown of a product, all of which are whole numbers here; None if there is none."""
    shown: Any = (state.get("products") or {}).get(product)
    return None if shown is None else int(shown["price"])


async def _made_anew(stage: Stage, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Shows:
    # Nothing in it is another; but that it was put together after this moment tells.
    since = datetime.now(UTC)
    answer = await stage.gateways[0].ask(method, path, headers, body)
    if answer.status not in {202, 204}:
        raise Refused(f"{method} {path}", answer)
    return lambda state: _is_later(state, since)


def _is_later(state: State, since: datetime) -> bool:
    if "metadata" not in state:
        return False
    made = datetime.fromisoformat(state["metadata"]["aggregated_at"])
    return made >= since.replace(microsecond=since.microsecond // 1000 * 1000)

"""What aggregates are made from: every part that there is, by name, from wherever it is at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from bff.forms import ORDERS, OWNED, PRODUCTS, USER
from bff.models import Order, Product, User
from bff.parts.bounds import Bounds
from bff.parts.keyed import KeyedParts
from bff.parts.part import Part
from bff.parts.single import SingleParts
from bff.parts.spans import SpannedKeyedParts, SpannedSingleParts
from bff.parts.store import PartStore
from bff.upstreams import Upstreams
from shared.cache.cache import Value
from shared.cache.loader import Loading
from shared.observing.telemetry.spans import Spans


class PartSources:
    """The sources of a whole app."""

    def __init__(self, upstreams: Upstreams, store: PartStore, bounds: Bounds, spans: Spans | None = None) -> None:
        """``bounds`` are those of parts that are made of many things; ``spans`` takes a span of each part."""
        self.upstreams = upstreams
        single = SingleParts if spans is None else partial(SpannedSingleParts, spans=spans)
        self.single = single(store, OWNED)
        keyed = KeyedParts if spans is None else partial(SpannedKeyedParts[Product], spans=spans)
        batch = upstreams.products.batch
        self.products = keyed(store, PRODUCTS, lambda ids, terms: batch(ids, terms, terms.wanted_until), bounds)

    def of(self, loading: Loading) -> "Sources":
        """The sources as one load sees them."""
        return Sources(self, loading)


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources for one load; ``values`` collects what is to be kept afterwards."""

    _all: PartSources
    loading: Loading
    values: list[Value] = field(default_factory=list)

    async def user(self, user_id: str) -> Part[User]:
        """The user; a fresh part without a value when the user service says that there is no such user."""
        call = partial(self._all.upstreams.users.one, user_id, self.loading.deadline)
        return await self._all.single.get(USER, user_id, call, self.loading, self.values.append)

    async def orders(self, user_id: str) -> Part[list[Order]]:
        """The user's orders, newest first; empty for an unknown user."""
        call = partial(self._all.upstreams.orders.of_user, user_id, self.loading.deadline)
        return await self._all.single.get(ORDERS, user_id, call, self.loading, self.values.append)

    async def products(self, product_ids: Sequence[str]) -> Part[Mapping[str, Product]]:
        """The products by id; those that the product service does not know are left out."""
        return await self._all.products.get(product_ids, self.loading.deadline, renew=self.loading.early)

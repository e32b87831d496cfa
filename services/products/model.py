"""What the product service tells, what it is asked in a batch, and what it is told."""

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from services.price import Price
from shared.ids import Id


class Product(msgspec.Struct, frozen=True):
    """Something that can be bought; ``price`` has two decimals."""

    id: str
    name: str
    description: str
    price: Decimal
    category: str
    stock_quantity: int


class BatchRequest(msgspec.Struct, frozen=True):
    """Asks for several products at once; an id may come twice."""

    product_ids: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=100)]


class ProductPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merge patch of a product (RFC 7396); everything else stays as it is for ever."""

    price: Price | UnsetType = UNSET
    stock_quantity: Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType = UNSET

"""What the product service tells, and what it is asked in a batch."""

from decimal import Decimal
from typing import Annotated

import msgspec

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

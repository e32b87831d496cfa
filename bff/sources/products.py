"""The product service: what can be bought."""

from decimal import Decimal

import msgspec

from bff.parts import money
from bff.parts.invalidates import Invalidates
from bff.parts.keyed import keyed
from bff.parts.shapes import SafeInteger
from shared.upstream.service import Service


class Product(msgspec.Struct, frozen=True, gc=False):
    """A product."""

    id: str
    name: str
    description: str
    price_text: money.Amount = msgspec.field(name="price")
    category: str
    stock_quantity: SafeInteger

    def __post_init__(self) -> None:
        """Check the amount."""
        if not money.is_plain(self.price_text):
            msgspec.structs.force_setattr(self, "price_text", money.normalized(self.price_text))

    @property
    def price(self) -> Decimal:
        """The amount."""
        return money.amount(self.price_text)


PRODUCT_SERVICE = Service("product_service", url="http://127.0.0.1:8003", essential=False)
PRODUCTS = keyed(
    "products",
    PRODUCT_SERVICE,
    Product,
    post="/products/batch",
    ids_as="product_ids",
    max_batch=100,
    tag="product",
    outdated_by=(Invalidates("com.example.product.changed.v1", lambda event: [f"product:{event.subject}"]),),
    example={
        "id": "prod1",
        "name": "Laptop Pro 14",
        "description": "14 inch display, 16 GB of memory, 512 GB of storage.",
        "price": 999.99,
        "category": "electronics",
        "stock_quantity": 50,
    },
)

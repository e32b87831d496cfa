"""The products: ``prod1`` to ``prod200``."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from services.dataset.draw import Draw

COUNT: Final = 200

# Category: lowest and highest price in whole units, qualities, things, one sentence about all of them.
_CATEGORIES: Final = {
    "electronics": (
        25, 900, ("Compact", "Wireless", "Portable", "Foldable", "Pro"),
        ("Headphones", "Keyboard", "Speaker", "Webcam", "Monitor", "Power bank", "Tablet stand"),
        "Two years of warranty, cable and adapter included.",
    ),
    "kitchen": (
        8, 160, ("Stoneware", "Cast-iron", "Stainless", "Bamboo", "Enamel"),
        ("Saucepan", "Mixing bowl", "Tea pot", "Chopping board", "Cake tin", "Salad bowl", "Storage jar"),
        "Dishwasher safe and made to be used every day.",
    ),
    "home": (
        12, 240, ("Linen", "Woollen", "Oak", "Woven", "Recycled"),
        ("Blanket", "Cushion", "Floor lamp", "Basket", "Picture frame", "Side table", "Rug"),
        "Made in small batches; colours may differ a little.",
    ),
    "sports": (
        9, 320, ("Light", "Sturdy", "Insulated", "Waterproof", "Reflective"),
        ("Backpack", "Water bottle", "Running vest", "Yoga mat", "Bicycle bag", "Head torch", "Tent"),
        "Tested outdoors, in rain and in frost.",
    ),
    "stationery": (
        2, 60, ("Dotted", "Pocket", "Leather-bound", "Refillable", "Plain"),
        ("Notebook", "Fountain pen", "Desk pad", "Calendar", "Pencil case", "Sketchbook", "Letter tray"),
        "Paper from certified forests.",
    ),
    "clothing": (
        15, 190, ("Merino", "Organic", "Hooded", "Washed", "Padded"),
        ("T-shirt", "Pullover", "Jacket", "Scarf", "Pair of socks", "Rain coat", "Cardigan"),
        "Sizes XS to XXL, regular fit.",
    ),
}  # fmt: skip
_CENTS: Final = ("0.00", "0.49", "0.90", "0.99")

_NAMED: Final = (
    ("Laptop Pro 14", "14 inch display, 16 GB of memory, 512 GB of storage.", "999.99", "electronics", 50),
    ("Wireless Mouse", "Quiet buttons, USB-C charging, three devices.", "29.95", "electronics", 200),
    ("Espresso Cups", "Set of four, stoneware, 80 ml each.", "49.90", "kitchen", 120),
)


def products() -> list[dict[str, Any]]:
    """One mapping from field to value for each product; names are unique."""
    return list(_products())


def _products() -> Iterator[dict[str, Any]]:
    for number, (name, description, price, category, stock) in enumerate(_NAMED, 1):
        yield {
            "id": f"prod{number}",
            "name": name,
            "description": description,
            "price": Decimal(price),
            "category": category,
            "stock_quantity": stock,
        }
    draw = Draw("products")
    kinds = [(c, q, t) for c, (_, _, qualities, things, _) in _CATEGORIES.items() for q in qualities for t in things]
    for number, kind in enumerate(draw.pick_distinct(kinds, COUNT - len(_NAMED)), len(_NAMED) + 1):
        category, quality, thing = kind
        low, high, _, _, sentence = _CATEGORIES[category]
        # Squared, because most things are cheap.
        whole = low + int((high - low) * draw.share() ** 2)
        yield {
            "id": f"prod{number}",
            "name": f"{quality} {thing.lower()}",
            "description": sentence,
            "price": whole + Decimal(draw.pick(_CENTS)),
            "category": category,
            "stock_quantity": 0 if draw.share() < 0.04 else 1 + draw.below(500),
        }

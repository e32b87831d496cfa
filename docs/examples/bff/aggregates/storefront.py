"""The storefront: a profile, and the reviews that the user has written."""

from bff.aggregates.kind import AggregateKind
from bff.aggregates.profile import load_profile
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from bff.sources.orders import ORDERS
from bff.sources.products import PRODUCTS
from bff.sources.reviews import REVIEWS
from bff.sources.users import USER
from shared.edge.access import Access


async def load_storefront(user_id: str, sources: Sources) -> Aggregate:
    """The reviews are asked for beside everything else; without them there is still a storefront.

    Raises:
        NotFound: the user service says that there is no such user.
        ServiceUnavailable: neither the user nor the orders could be had.
    """
    profile, reviews = await sources.together(load_profile(user_id, sources), sources.take(REVIEWS, user_id))
    return profile.plus(reviews=reviews)


STOREFRONT = AggregateKind(
    "storefront",
    "/api/storefront",
    "user_id",
    load_storefront,
    parts=(USER, ORDERS, PRODUCTS, REVIEWS),
    counted=(ORDERS, PRODUCTS, REVIEWS),
    access=Access(owner="sub", scope="storefront:read", any_scope="storefront:read:any"),
)

"""Write a review."""

from typing import Annotated

import msgspec
from msgspec import Meta

from bff.commands.kind import Command
from bff.sources.reviews import REVIEW_SERVICE, Review
from shared.edge.access import Access
from shared.ids import Id


class NewReview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody thinks of a product."""

    product_id: Id
    stars: Annotated[int, Meta(ge=1, le=5)]
    text: Annotated[str, Meta(min_length=1, max_length=2_000)]


WRITE_REVIEW = Command(
    name="write_review",
    method="POST",
    path="/api/storefront/{user_id}/reviews",
    subject="user_id",
    access=Access(owner="sub", scope="reviews:write"),
    service=REVIEW_SERVICE,
    to="/reviews/user/{user_id}",
    request=NewReview,
    answer=Review,
    about=lambda review: review.user_id,
    statuses=(201,),
    refusals={409: "There is a review of this product already.", 422: "The review service does not take this review."},
    repeatable=True,
    outdates=lambda asked, _: [f"user:{asked.subject}"],
    asked_example={"product_id": "prod1", "stars": 5, "text": "Fast, and quiet."},
    answer_example={
        "id": "review1",
        "user_id": "user123",
        "product_id": "prod1",
        "stars": 5,
        "text": "Fast, and quiet.",
        "created_at": "2026-11-20T09:30:00Z",
    },
)

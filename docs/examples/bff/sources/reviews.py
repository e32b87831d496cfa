"""The review service: what somebody thinks of what was bought."""

import msgspec

from bff.parts.shapes import SafeInteger
from bff.parts.single import single
from shared.timestamps import Timestamp
from shared.upstream.service import Service


class Review(msgspec.Struct, frozen=True, gc=False):
    """A review of a product."""

    id: str
    user_id: str
    product_id: str
    stars: SafeInteger
    text: str
    created_at: Timestamp


REVIEW_SERVICE = Service("review_service", url="http://127.0.0.1:8004", essential=False, attempt_timeout=0.3)
REVIEWS = single(
    "reviews",
    REVIEW_SERVICE,
    list[Review],
    "/reviews/user/{user_id}",
    owner="user_id",
    about=lambda review: review.user_id,
    example=[
        {
            "id": "review1",
            "user_id": "user123",
            "product_id": "prod1",
            "stars": 5,
            "text": "Fast, and quiet.",
            "created_at": "2026-11-20T09:30:00Z",
        }
    ],
)
"""Newest first; empty for an unknown user."""

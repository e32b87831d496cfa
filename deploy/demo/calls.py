"""What is sent, and to whom."""

import enum
from dataclasses import dataclass


class Target(enum.StrEnum):
    """Who is asked, by the component's name."""

    GATEWAY = "api-gateway"
    USERS = "user-service"
    ORDERS = "order-service"
    PRODUCTS = "product-service"


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        target: Who is asked.
        path: Path and query.
        method: The HTTP method.
        body: A JSON document to send along, or empty.
        conditional: Whether it names the entity tag that the path had last, where one is known.
        admin: Whether it needs the admin token.
        keyed: Whether it has an idempotency key of its own, each time that it is sent.
    """

    target: Target
    path: str
    method: str = "GET"
    body: bytes = b""
    conditional: bool = False
    admin: bool = False
    keyed: bool = False

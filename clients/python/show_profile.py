"""Shows one profile, and how current each part is: ``client.sh start USER_ID``, from the gateway at GATEWAY_URL.

Where the gateway asks for access tokens, that in ACCESS_TOKEN is shown.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final, assert_never

import httpx
from profile_gateway_client import AuthenticatedClient
from profile_gateway_client.api.aggregates import profile
from profile_gateway_client.models import Fresh, Missing, Partial, ProblemDetails, Profile, Stale
from profile_gateway_client.types import Unset

UNKNOWN: Final = "unknown"  # which is not the same as none
UNREADABLE: Final = (ValueError, TypeError, KeyError)
"""What the generated code raises for an answer of another form than the one that it was made for."""


def provenance(part: Fresh | Stale | Partial | Missing) -> str:
    """How current a part is; a status that is new in the document is an error of types until it is told of here."""
    match part:
        case Fresh():
            return "fresh"
        case Stale():
            return f"stale, {round(part.age)} s old: {part.reason}"
        case Partial():
            age = "" if isinstance(part.age, Unset) else f", up to {round(part.age)} s old"
            return f"partial{age}: {part.reason}"
        case Missing():
            return f"missing: {part.reason}"
        case _:
            assert_never(part)


def lines(found: Profile) -> Iterator[str]:
    """The profile, a line a part and a line an order."""
    metadata, parts = found.metadata, found.metadata.parts
    products = None if found.products is None else found.products.additional_properties
    yield f"Profile of {metadata.user_id}: {'partial' if metadata.partial else 'complete'}"
    yield f"user: {UNKNOWN if found.user is None else found.user.full_name} ({provenance(parts.user)})"
    yield f"orders: {UNKNOWN if found.orders is None else len(found.orders)} ({provenance(parts.orders)})"
    for order in found.orders or ():
        names = {product_id: product.name for product_id, product in (products or {}).items()}
        items = [f"{item.quantity} x {names.get(item.product_id, item.product_id)}" for item in order.items]
        yield f"  {order.id}, {order.status}, {order.total_amount:.2f}: {', '.join(items)}"
    yield f"products: {UNKNOWN if products is None else len(products)} ({provenance(parts.products)})"


def refusal(problem: object, status: HTTPStatus, headers: Mapping[str, str]) -> str:
    """Why there is no profile."""
    if not isinstance(problem, ProblemDetails):
        return f"HTTP {status}"
    wait = headers.get("Retry-After")
    again = "" if wait is None else f" Try again in {wait} s."
    return f"{problem.title}: {problem.detail}{again} (request {problem.request_id or UNKNOWN})"


def connect(url: str, token: str) -> AuthenticatedClient:
    """A client that shows the token, if there is one."""
    return AuthenticatedClient(url, token=token and f"Bearer {token}", prefix="", timeout=httpx.Timeout(10))


def main(arguments: list[str]) -> int:
    """Print the profile of the user who is named; 0 when there is one, be it partial."""
    if len(arguments) != 1:
        print("usage: client.sh start USER_ID", file=sys.stderr)
        return 2
    url = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8000")
    with connect(url, os.environ.get("ACCESS_TOKEN", "")) as client:
        try:
            answer = profile.sync_detailed(arguments[0], client=client)
        except (httpx.HTTPError, *UNREADABLE) as error:
            print(f"No answer of use from {url}: {error}", file=sys.stderr)
            return 1
    if not isinstance(answer.parsed, Profile):
        print(refusal(answer.parsed, answer.status_code, answer.headers), file=sys.stderr)
        return 1
    for line in lines(answer.parsed):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

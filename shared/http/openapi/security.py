"""What is asked of clients before they are answered, as a document tells it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.edge.access import Access
from shared.edge.authenticator import UNDECIDED
from shared.edge.credentials import SIGNATURE, Credentials
from shared.edge.edge import Edge
from shared.errors import Forbidden, InvalidAuthorization, RequestError, TooManyRequests, Unauthorized
from shared.http.openapi.operation import Header
from shared.http.openapi.vocabulary import CORS_HEADERS, LIMIT_HEADERS


@dataclass(frozen=True, slots=True)
class Bearer:
    """A kind of bearer token (RFC 6750), or of what stands in a ``field`` of its own in the head."""

    name: str
    description: str
    field: str = ""


ADMIN_TOKEN: Final = Bearer("admin_token", "The token that `ADMIN_TOKEN` is set to.")
ACCESS_TOKEN: Final = Bearer("access_token", "An access token of the issuer, as a JWT (RFC 9068).")
_MALFORMED: Final = InvalidAuthorization("Authorization is not well formed.")
_UNAUTHORIZED: Final = Unauthorized("This needs a valid bearer token.")
_FORBIDDEN: Final = Forbidden("The token does not allow this.")
_TOO_MANY: Final = TooManyRequests("Too many requests.", 1, {})


@dataclass(frozen=True, slots=True)
class Security:
    """What an app asks of clients.

    Attributes:
        tokens: whether they have to show an access token.
        admin: whether there is an admin token.
        limited: whether their requests are counted.
        browsers: whether scripts of other origins may read answers.
    """

    tokens: bool = False
    admin: bool = False
    limited: bool = False
    browsers: bool = False

    def bearers(
        self, access: Access | None, credentials: Credentials | None = None
    ) -> Sequence[Mapping[Bearer, Sequence[str]]]:
        """What allows what needs ``access``, each with its scopes: one will do, or none if one is empty.

        Where there are ``credentials``, they do as well.
        """
        if access is None or not (self.tokens or access.admin):
            return ()
        found: list[Mapping[Bearer, Sequence[str]]] = []
        if access.admin and self.admin:
            found.append({ADMIN_TOKEN: ()})
        if credentials is not None:
            found += [{one: ()} for one in _schemes(credentials)]
        if self.tokens:
            found += [{ACCESS_TOKEN: (scope,)} for scope in access.scopes] or [{ACCESS_TOKEN: ()}]
        return [*found, {}] if access.local else found

    def headers(self) -> Iterator[Header]:
        """What an answer to anything may have in its head besides."""
        if self.limited:
            yield from LIMIT_HEADERS
        if self.browsers:
            yield from CORS_HEADERS

    def problems(self, access: Access | None, credentials: Credentials | None = None) -> Iterator[RequestError]:
        """How what needs ``access``, or ``credentials`` in its place, may be refused."""
        if self.bearers(access, credentials):
            yield _MALFORMED
            yield _UNAUTHORIZED
            if self.tokens:
                yield _FORBIDDEN
                yield UNDECIDED
        if self.limited:
            yield _TOO_MANY


def _schemes(credentials: Credentials) -> Iterator[Bearer]:
    name = credentials.name
    if credentials.token:
        yield Bearer(f"{name}_token", f"The token that `{name.upper()}_TOKEN` is set to.")
    if credentials.key:
        text = f"`sha256=` and the HMAC (SHA-256, in hexadecimal) of the body, by `{name.upper()}_HMAC_KEY`."
        yield Bearer(f"{name}_signature", text, SIGNATURE)


NO_SECURITY: Final = Security()
"""Of an app that asks for nothing."""


def security_of(edge: Edge | None) -> Security:
    """What an app asks with this ``edge``."""
    return NO_SECURITY if edge is None else Security(edge.asks, edge.has_admin, edge.limits, edge.cors.is_on)

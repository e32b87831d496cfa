"""What a refusal says in ``WWW-Authenticate`` (RFC 6750 §3, RFC 9728 §5.1), made once."""

from typing import Final
from urllib.parse import urlsplit

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


class Challenges:
    """The challenges of the resource at a URL, which are the same for whoever is refused.

    Attributes:
        absent: no token was shown; no error code, as RFC 6750 §3.1 has it.
        invalid_request: the field is not well formed.
        invalid_token: the token is not accepted, whyever.
    """

    def __init__(self, resource: str) -> None:
        """``resource`` is where clients reach it; "" when they are told of no metadata."""
        self._metadata = f'resource_metadata="{metadata_url(resource)}"' if resource else ""
        self.absent = self._with()
        self.invalid_request = self._with('error="invalid_request"')
        self.invalid_token = self._with('error="invalid_token"')

    def insufficient_scope(self, scope: str) -> str:
        """A good token that does not allow this; one with ``scope`` (space-separated) would, none where that is ""."""
        return self._with('error="insufficient_scope"', scope and f'scope="{scope}"')

    def _with(self, *parameters: str) -> str:
        told = ", ".join(filter(None, (*parameters, self._metadata)))
        return f"Bearer {told}".rstrip()


def metadata_url(resource: str) -> str:
    """Where the metadata of ``resource`` is: the well-known path stands between host and path (RFC 9728 §3.1)."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path.rstrip('/')}"

"""What only administrators may do: whoever has the admin token, or an access token for that."""

from typing import Final

from shared.edge.access import Access
from shared.http.openapi.operation import Tag

ADMIN: Final = Tag("admin", "What only those may do who have the admin token, or an access token for that.")
PURGE: Final = Access(scope="cache:purge", admin=True)
TELL: Final = Access(scope="events:write", admin=True)
REVOKE: Final = Access(scope="tokens:revoke", admin=True)

"""What the user service tells."""

import msgspec

from shared.timestamps import Timestamp


class User(msgspec.Struct, frozen=True):
    """A customer; ``created_at`` is in UTC."""

    id: str
    username: str
    email: str
    full_name: str
    is_active: bool
    created_at: Timestamp

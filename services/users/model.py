"""What the user service tells."""

from datetime import datetime

import msgspec


class User(msgspec.Struct, frozen=True):
    """A customer; ``created_at`` is in UTC."""

    id: str
    username: str
    email: str
    full_name: str
    is_active: bool
    created_at: datetime

"""What the user service tells, and what it is told."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shared.timestamps import Timestamp

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$(?!\n)"
_ADDRESS = r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$(?!\n)"


class User(msgspec.Struct, frozen=True):
    """A customer; ``created_at`` is in UTC."""

    id: str
    username: str
    email: str
    full_name: str
    is_active: bool
    created_at: Timestamp


class UserPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merge patch of a user (RFC 7396); everything else stays as it is for ever."""

    full_name: Annotated[str, Meta(min_length=1, max_length=200, pattern=_PRINTABLE)] | UnsetType = UNSET
    email: Annotated[str, Meta(max_length=254, pattern=_ADDRESS)] | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET

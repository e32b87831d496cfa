"""Change a profile: what users may say of themselves."""

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bff.commands.kind import Command
from bff.sources.users import USER_SERVICE, User
from shared.edge.access import Access

_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]+$(?!\n)"
_ADDRESS: Final = r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$(?!\n)"
_EXAMPLE: Final = {
    "id": "user123",
    "username": "maria.santos",
    "email": "maria.santos@example.com",
    "full_name": "Maria Santos-Lima",
    "is_active": True,
    "created_at": "2022-04-11T09:26:53Z",
}


class ProfileChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A merge patch (RFC 7396) of a user: what is named becomes what it says, all else stays."""

    email: Annotated[str, Meta(max_length=254, pattern=_ADDRESS)] | UnsetType = UNSET
    full_name: Annotated[str, Meta(min_length=1, max_length=200, pattern=_PRINTABLE)] | UnsetType = UNSET


CHANGE_PROFILE = Command(
    name="change_profile",
    method="PATCH",
    path="/api/profile/{user_id}",
    subject="user_id",
    access=Access(owner="sub", scope="profile:write", any_scope="profile:write:any"),
    service=USER_SERVICE,
    to="/users/{user_id}",
    request=ProfileChange,
    answer=User,
    about=lambda user: user.id,
    refusals={404: "There is no such user.", 422: "The user service does not take these values."},
    outdates=lambda asked, _: [f"user:{asked.subject}"],
    asked_example={"full_name": "Maria Santos-Lima"},
    answer_example=_EXAMPLE,
)

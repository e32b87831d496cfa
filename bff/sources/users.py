"""The user service: who somebody is."""

import msgspec

from bff.parts.invalidates import Invalidates
from bff.parts.single import single
from shared.timestamps import Timestamp
from shared.upstream.service import Service


class User(msgspec.Struct, frozen=True, gc=False):
    """A user."""

    id: str
    username: str
    email: str
    full_name: str
    is_active: bool
    created_at: Timestamp


USER_SERVICE = Service("user_service", url="http://127.0.0.1:8001")
USER = single(
    "user",
    USER_SERVICE,
    User,
    "/users/{user_id}",
    owner="user_id",
    about=lambda user: user.id,
    may_be_absent=True,
    outdated_by=(Invalidates("com.example.user.changed.v1", lambda event: [f"user:{event.subject}"]),),
    example={
        "id": "user123",
        "username": "maria.santos",
        "email": "maria.santos@example.com",
        "full_name": "Maria Santos",
        "is_active": True,
        "created_at": "2022-04-11T09:26:53Z",
    },
)

"""Users in the database."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import Boolean, Column, MetaData, String, Table, bindparam, select

from services import dataset
from services.bootstrap import DataSet, version_table
from services.columns import Identifier, Instant
from services.dataset import people
from services.events import EventType
from services.outbox import outbox_table
from services.patching import Patching, given
from services.reading import Statement
from services.store import Store
from services.users.model import User, UserPatch

_metadata = MetaData()
version_table(_metadata)
_users = Table(
    "users",
    _metadata,
    Column("id", Identifier, primary_key=True),
    Column("username", String(100), nullable=False, unique=True),
    Column("email", String(254), nullable=False),
    Column("full_name", String(200), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
)
_all = select(*(_users.c[field] for field in User.__struct_fields__))
_one: Statement = _all.where(_users.c.id == bindparam("id"))
_after: Statement = _all.where(_users.c.id > bindparam("id")).order_by(_users.c.id).limit(bindparam("count"))

OUTBOX: Final = outbox_table(_metadata)
DATA_SET: Final = DataSet(_metadata, dataset.VERSION, lambda: {_users: people.users()}, (OUTBOX,))
_CHANGED: Final = EventType("/user-service", "com.example.user.changed.v1")


def kept_as(user_id: str) -> str:
    """The name of the user in a read cache."""
    return f"user:{user_id}"


class UserRepository:
    """Reads and changes users; every method raises ServiceUnavailable while the database is away."""

    def __init__(self, store: Store) -> None:
        self._database = store.database
        self._changes = store.changes
        self._patching = Patching(_users, User, store.outbox, _CHANGED)

    async def get(self, user_id: str) -> User | None:
        """The user, or None where there is none."""
        rows = await self._database.rows(_one, id=user_id)
        return User(*rows[0]) if rows else None

    async def list_after(self, user_id: str, count: int) -> Sequence[User]:
        """At most ``count`` users whose ids come after ``user_id``, by id."""
        return [User(*row) for row in await self._database.rows(_after, id=user_id, count=count)]

    async def patch(self, user_id: str, patch: UserPatch) -> User | None:
        """The user as changed by ``patch``, or None where there is none."""
        outdated = [kept_as(user_id)]
        return await self._changes.make(partial(self._patching.patch, user_id, given(patch), outdated), outdated)

"""Users in the database."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Boolean, Column, MetaData, String, Table, bindparam, select

from services import dataset
from services.bootstrap import DataSet, version_table
from services.columns import Identifier, Instant
from services.database import Database
from services.dataset import people
from services.reading import Statement
from services.users.model import User

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

DATA_SET: Final = DataSet(_metadata, dataset.VERSION, lambda: {_users: people.users()})


class UserRepository:
    """Reads users; every method raises ServiceUnavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, user_id: str) -> User | None:
        """The user, or None where there is none."""
        rows = await self._database.rows(_one, id=user_id)
        return User(*rows[0]) if rows else None

    async def list_after(self, user_id: str, count: int) -> Sequence[User]:
        """At most ``count`` users whose ids come after ``user_id``, by id."""
        return [User(*row) for row in await self._database.rows(_after, id=user_id, count=count)]

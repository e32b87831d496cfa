"""Merge patches (RFC 7396) of things that are one row each: what is given is changed, and what is not stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.events import EventType
from services.outbox import Outbox

T = TypeVar("T", bound=msgspec.Struct)


def given(patch: msgspec.Struct) -> dict[str, Any]:
    """The members that ``patch`` has, by name."""
    members = ((name, getattr(patch, name)) for name in patch.__struct_fields__)
    return {name: value for name, value in members if value is not msgspec.UNSET}


@dataclass(frozen=True, slots=True)
class Patching(Generic[T]):
    """Patches rows of ``table``, each of which is a ``kind``; each change is told by an event of this type."""

    table: Table
    kind: type[T]
    outbox: Outbox
    event_type: EventType

    async def patch(
        self, one_id: str, members: Mapping[str, Any], outdated: Sequence[str], connection: AsyncConnection
    ) -> T | None:
        """The thing with these members changed; None where there is none. Where nothing differs, nothing is told.

        ``outdated`` are the names of what read caches may have of it.
        """
        columns = [self.table.c[field] for field in self.kind.__struct_fields__]
        is_it = self.table.c.id == one_id
        # Whoever comes in between waits, so that events are stored in the order of the changes.
        row = (await connection.execute(select(*columns).where(is_it).with_for_update())).first()
        if row is None:
            return None
        before = self.kind(*row)
        changed = {name: value for name, value in members.items() if getattr(before, name) != value}
        if not changed:
            return before
        await connection.execute(update(self.table).where(is_it).values(**changed))
        event = self.event_type.event(one_id, {"changed": sorted(changed)})
        await self.outbox.append(connection, one_id, event, outdated)
        return msgspec.structs.replace(before, **changed)

"""What a service keeps its things in: a database with a read cache before it, and an outbox that tells of changes."""

from typing import Final

from sqlalchemy import Table

from services.bootstrap import DataSet
from services.changes import Changes
from services.database import Database
from services.outbox import Outbox
from services.points import Passing, unnoticed
from services.publisher import Publisher
from services.read_cache import ReadCache
from services.settings import ServiceSettings
from services.sinks import sink_for
from shared.observing.telemetry.spans import Spans
from shared.serving.app import Resource


class Store:
    """The store of ``service``.

    Attributes:
        database: where things are read.
        reads: what was read from it a moment ago.
        outbox: takes the events of changes, in their transactions.
        changes: makes them.
        resources: of the app, in their order.
    """

    def __init__(
        self,
        service: str,
        settings: ServiceSettings,
        data_set: DataSet,
        outbox: Table,
        *,
        spans: Spans | None = None,
        passing: Passing = unnoticed,
    ) -> None:
        """``passing`` is told how far each change is."""
        self.database: Final = Database(service, settings, data_set)
        self.reads: Final = ReadCache(service, settings, self.database, spans)
        self.outbox: Final = Outbox(self.database, outbox)
        sink = sink_for(settings, self.reads.redis)
        publisher = Publisher(self.outbox, sink, self.reads, self.database.takes_changes, passing)
        self.changes: Final = Changes(self.database, self.reads, publisher, passing)
        self.resources: Final[list[Resource]] = [self.reads, self.database, *sink.resources, publisher]

"""The user service, put together."""

from typing import Any

from sanic import Sanic

from services.caller_time import honour_caller_time
from services.database import Database
from services.front import Front
from services.users.endpoints import LINKS, UserEndpoints
from services.users.repository import DATA_SET, UserRepository
from services.users.settings import SERVICE, UserSettings
from shared.app import build_app
from shared.telemetry.build import spans_for


def create_app(settings: UserSettings) -> Sanic[Any, Any]:
    """The app that serves users from the database that ``settings`` name."""
    database = Database(SERVICE, settings, DATA_SET)
    return build_app(
        SERVICE,
        settings,
        routes=[honour_caller_time, UserEndpoints(UserRepository(database)), Front(SERVICE, LINKS, database.check)],
        resources=[database],
        ready=database.ready,
        spans=spans_for(SERVICE, settings),
    )

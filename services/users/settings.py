"""What the user-service reads from its environment."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import URL

from services.settings import ServiceSettings
from shared.settings.declared import with_default

SERVICE: Final = "user-service"


@dataclass(frozen=True, kw_only=True)
class UserSettings(ServiceSettings):
    """A port and a database of its own."""

    port: int = with_default(ServiceSettings, "port", "8001")
    database_url: URL = with_default(ServiceSettings, "database_url", "sqlite:///.data/users.db")
    read_cache_namespace: str = with_default(ServiceSettings, "read_cache_namespace", SERVICE)

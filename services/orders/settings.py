"""What the order-service reads from its environment."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import URL

from services.settings import ServiceSettings
from shared.settings.declared import with_default

SERVICE: Final = "order-service"


@dataclass(frozen=True, kw_only=True)
class OrderSettings(ServiceSettings):
    """A port and a database of its own."""

    port: int = with_default(ServiceSettings, "port", "8002")
    database_url: URL = with_default(ServiceSettings, "database_url", "sqlite:///.data/orders.db")
    read_cache_namespace: str = with_default(ServiceSettings, "read_cache_namespace", SERVICE)

"""What the product-service reads from its environment."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import URL

from services.settings import ServiceSettings
from shared.settings.declared import with_default

SERVICE: Final = "product-service"


@dataclass(frozen=True, kw_only=True)
class ProductSettings(ServiceSettings):
    """A port and a database of its own."""

    port: int = with_default(ServiceSettings, "port", "8003")
    database_url: URL = with_default(ServiceSettings, "database_url", "sqlite:///.data/products.db")
    read_cache_namespace: str = with_default(ServiceSettings, "read_cache_namespace", SERVICE)

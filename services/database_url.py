"""``DATABASE_URL``: which database a service owns, in SQLAlchemy's form with the driver left out."""

from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from shared.settings.values import Kind

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ValueError(text) from error
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise ValueError(text)
    complete = _sqlite if driver.startswith("sqlite") else _postgresql
    return complete(url).set(drivername=driver)


def _sqlite(url: URL) -> URL:
    path = url.database or ""
    # A database in memory would be another one for each connection.
    if url.host or url.username or url.query or not path or path.startswith((":memory:", "file:")):
        raise ValueError(path)
    return url


def _postgresql(url: URL) -> URL:
    if not url.host or not url.database or (url.port is not None and not 1 <= url.port <= 65535):
        raise ValueError(url.drivername)
    ssl = url.query.get("sslmode", url.query.get("ssl", "prefer"))
    if len(url.query) > 1 or not set(url.query) <= {"ssl", "sslmode"} or ssl not in _SSL_MODES:
        raise ValueError(url.drivername)
    return url.set(query={"ssl": ssl} if url.query else {})


DATABASE_URL: Final = Kind(
    "sqlite:///path/of/a/file.db, or postgresql://user:password@host[:port]/database[?sslmode="
    + "|".join(_SSL_MODES)
    + "]",
    _parse,
)

"""What the services read from their environment."""

import subprocess
import sys

import pytest

from services.database_url import DATABASE_URL
from shared.errors import SettingsError
from shared.settings.loading import describe, load
from tests.fixtures.processes import ROOT
from tests.services.kinds import ORDERS, PRODUCTS, USERS, Service


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("sqlite:///users.db", "sqlite+aiosqlite:///users.db"),
        ("sqlite:////var/lib/a b/users.db", "sqlite+aiosqlite:////var/lib/a b/users.db"),
        ("sqlite+aiosqlite:///users.db", "sqlite+aiosqlite:///users.db"),
        ("postgresql://me:pw@db/users", "postgresql+asyncpg://me:pw@db/users"),
        ("postgres://me:pw@db:5433/users", "postgresql+asyncpg://me:pw@db:5433/users"),
        ("postgresql+asyncpg://db/users", "postgresql+asyncpg://db/users"),
        ("postgresql://me:p%40ss@[::1]:1/users", "postgresql+asyncpg://me:p%40ss@[::1]:1/users"),
        ("postgresql://db/users?sslmode=require", "postgresql+asyncpg://db/users?ssl=require"),
        ("postgresql://db/users?ssl=verify-full", "postgresql+asyncpg://db/users?ssl=verify-full"),
    ],
)
def test_the_driver_may_be_left_out(text: str, complete: str) -> None:
    """Addresses that people have at hand are completed."""
    assert DATABASE_URL.parse(text).render_as_string(hide_password=False) == complete


@pytest.mark.parametrize(
    "text",
    [
        "users.db",
        "/var/lib/users.db",
        "mysql://db/users",
        "postgresql+psycopg://db/users",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:users.db",
        "sqlite://users.db",
        "sqlite://folder/users.db",
        "sqlite:///users.db?mode=ro",
        "postgresql://me:pw@/users",
        "postgresql://db",
        "postgresql://db/",
        "postgresql://db:0/users",
        "postgresql://db:65536/users",
        "postgresql://db:port/users",
        "postgresql://db/users?ssl=true",
        "postgresql://db/users?sslmode=require&ssl=require",
        "postgresql://db/users?sslmode=require&sslmode=disable",
        "postgresql://db/users?application_name=x",
    ],
)
def test_what_cannot_be_used_is_a_mistake(text: str) -> None:
    """It is refused at the start, naming the variable and what was expected."""
    with pytest.raises(SettingsError) as caught:
        load(USERS.settings, {"DATABASE_URL": text})
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"DATABASE_URL={text!r}".partition("me:")[0])
    assert "expected sqlite:///" in mistake
    assert "postgresql://user:password@host[:port]/database" in mistake


@pytest.mark.parametrize(
    ("service", "port", "file"),
    [(USERS, 8001, "users.db"), (ORDERS, 8002, "orders.db"), (PRODUCTS, 8003, "products.db")],
    ids=["users", "orders", "products"],
)
def test_each_service_has_defaults_of_its_own(service: Service, port: int, file: str) -> None:
    """Without an environment: a port and a file in .data, nothing shared with another."""
    settings = load(service.settings, {})
    assert settings.port == port
    assert settings.database_url.database == f".data/{file}"
    assert (settings.database_pool_size, settings.database_timeout) == (5, 2.0)


def test_a_password_is_never_shown() -> None:
    """Neither the effective settings nor their representation hold it."""
    settings = load(USERS.settings, {"DATABASE_URL": "postgresql://me:hunter2@db/users"})
    assert "DATABASE_URL=postgresql+asyncpg://me:***@db/users" in describe(settings).splitlines()
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("service", [USERS, ORDERS, PRODUCTS], ids=["users", "orders", "products"])
def test_a_process_with_wrong_settings_ends_with_status_2(service: Service) -> None:
    """All mistakes are on standard error, and nothing was served."""
    wrong = {"PORT": "0", "DATABASE_URL": "postgresql://me:hunter2@db", "DATABASE_POOL_SIZE": "none"}
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service.name}"],
        cwd=ROOT,
        env=wrong,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    for name in wrong:
        assert f"{name}=" in ended.stderr
    assert "hunter2" not in ended.stderr

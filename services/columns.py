"""Column types that keep values exact and alike in SQLite and PostgreSQL."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator, TypeEngine

# Ordered by code point everywhere: PostgreSQL would else follow the language of the database.
Identifier: TypeEngine[str] = String(64).with_variant(String(64, collation="C"), "postgresql")


class Money(TypeDecorator[Decimal]):
    """An amount with two decimals, kept as whole cents."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> int | None:
        """Cents; an amount with more than two decimals is refused with ValueError."""
        if value is None:
            return None
        cents = value.scaleb(2)
        if cents != cents.to_integral_value():
            raise ValueError(value)
        return int(cents)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> Decimal | None:
        """The amount, always with two decimals."""
        return None if value is None else Decimal(value).scaleb(-2)


class Instant(TypeDecorator[datetime]):
    """A point in time, in UTC on both sides."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """The same instant in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """An aware datetime; SQLite gives back what was stored without its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

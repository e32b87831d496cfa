"""Instants as text."""

from datetime import UTC, datetime


def rfc3339(epoch_seconds: float) -> str:
    """The instant in UTC with milliseconds, such as ``2026-11-23T06:00:00.123Z`` (RFC 3339)."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"

"""The fields of header blocks that came lately, over whatever connection; a proxy's has those of many clients."""

from typing import Final

from shared.http.request_head import Fields, read_fields

_MAX_BYTES: Final = 4 * 2**20
_FIELDS_BYTES: Final = 1_000
"""What fields take besides their block, or a little more."""


class FieldsTable:
    """Fields by block, in two generations of at most ``max_bytes`` each; what is not asked for in one is forgotten."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._young: dict[bytes, Fields] = {}
        self._old: dict[bytes, Fields] = {}

    def get(self, block: bytes) -> Fields | None:
        """Those of ``block``; None as ``read_fields`` has it."""
        found = self._young.get(block)
        if found is None:
            found = self._old.pop(block, None) or read_fields(block)
            if found is not None:
                self._keep(block, found)
        return found

    def _keep(self, block: bytes, fields: Fields) -> None:
        if self._bytes > self._max_bytes:
            self._old, self._young, self._bytes = self._young, {}, 0
        self._young[block] = fields
        self._bytes += len(block) + _FIELDS_BYTES

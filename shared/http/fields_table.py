"""The fields of header blocks that came lately from each peer; a proxy's connections have those of many clients."""

from typing import Final

from shared.http.request_head import Fields, read_fields

_MAX_BYTES: Final = 4 * 2**20
_FIELDS_BYTES: Final = 1_000
"""What fields take besides their block, or a little more."""
_Key = tuple[bytes, str]


class FieldsTable:
    """Fields by peer and block, in two generations of at most ``max_bytes``; what nobody asks for in one is forgotten.

    Who asks is remembered with the fields (:class:`shared.edge.caller.Caller`), and depends on the peer too.
    """

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._young: dict[_Key, Fields] = {}
        self._old: dict[_Key, Fields] = {}

    def get(self, block: bytes, peer: str) -> Fields | None:
        """Those of ``block`` from ``peer``; None as ``read_fields`` has it."""
        key = block, peer
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None) or read_fields(block)
            if found is not None:
                self._keep(key, found)
        return found

    def _keep(self, key: _Key, fields: Fields) -> None:
        if self._bytes > self._max_bytes:
            self._old, self._young, self._bytes = self._young, {}, 0
        self._young[key] = fields
        self._bytes += len(key[0]) + _FIELDS_BYTES

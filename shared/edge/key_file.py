"""Keys from a file, read at the start and when told to."""

from pathlib import Path
from typing import Self

from shared.edge.key_source import KeySource
from shared.edge.keys import MAX_BYTES, KeySet
from shared.settings.values import Kind


class KeyFile(KeySource):
    """The keys in the file at ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__("file")
        self._path = Path(path)

    async def __aenter__(self) -> Self:
        """Read it."""
        self.reload()
        return self

    def reload(self) -> bool:
        """Read it again, and tell whether there are others now; one without keys changes nothing and is logged."""
        before = self.keys
        self._state = ""  # whoever says so wants to know, each time
        try:
            keys = _read(self._path)
        except (OSError, ValueError) as error:
            self._failed(error, still_good=before is not None)
        else:
            self._succeeded(keys)
        return self.keys is not before


def _read(path: Path) -> KeySet:
    if not path.is_file():  # nobody knows when a pipe ends, or whether it begins
        raise ValueError("no regular file")
    with path.open("rb") as file:
        return KeySet.parse(file.read(MAX_BYTES + 1))


def _parse(text: str) -> str:
    try:
        _read(Path(text))
    except OSError as error:
        raise ValueError(text) from error
    return text


KEY_SET_FILE = Kind("a regular file with a set of keys (RFC 7517), one of them a public key for signatures", _parse)

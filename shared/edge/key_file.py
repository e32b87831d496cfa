"""Keys from a file, read at the start and when told to."""

from pathlib import Path
from typing import Self

from shared.edge.key_source import KeySource
from shared.edge.keys import MAX_BYTES, KeySet


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
            keys = KeySet.parse(self._read())
        except (OSError, ValueError) as error:
            self._failed(error, still_good=before is not None)
        else:
            self._succeeded(keys)
        return self.keys is not before

    def _read(self) -> bytes:
        if not self._path.is_file():  # nobody knows when a pipe ends, or whether it begins
            raise ValueError("not a regular file")
        with self._path.open("rb") as file:
            return file.read(MAX_BYTES + 1)

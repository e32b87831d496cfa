"""A secret that may change while a process runs, because it is read again from the file that it came from."""

import stat
from pathlib import Path
from typing import Final

from shared.errors import SettingsError
from shared.settings.masking import MASK
from shared.settings.values import TEXT, Kind

FILE: Final = "_FILE"
"""Stands behind the name of a secret's variable in that of the variable with the path of its file."""
_MAX_BYTES: Final = 65_536


class Secret:
    """A secret, to be read where it is used; false where there is none, and masked where it is printed.

    Attributes:
        text: what it is at the moment; "" for none.
    """

    __slots__ = ("_kind", "_path", "_variable", "text")

    def __init__(self, text: str = "", *, variable: str = "", kind: Kind[str] = TEXT, path: str = "") -> None:
        """``path`` is that of its file, where it came from one, named by ``variable`` with ``_FILE`` after it."""
        self.text = text
        self._variable = variable
        self._kind = kind
        self._path = path

    @property
    def name(self) -> str:
        """The variable that names its file; "" where there is none."""
        return f"{self._variable}{FILE}" if self._path else ""

    def reload(self) -> bool:
        """Read its file again; whether it is another one now.

        Raises:
            SettingsError: the file holds nothing that could be used; the secret stays what it was.
        """
        try:
            text = self._kind.parse(read_secret(self._variable, self._path))
        except ValueError:
            raise SettingsError([f"{self.name}={self._path!r}: expected a file with {self._kind.expected}"]) from None
        if text == self.text:
            return False
        self.text = text
        return True

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self.text)

    def __str__(self) -> str:
        """Whether there is one, and nothing of it."""
        return MASK if self.text else ""

    __repr__ = __str__


def read_secret(variable: str, path: str) -> str:
    """The text in the file of the secret ``variable``, without white space round it.

    Raises:
        SettingsError: one sentence about the file, without its content.
    """
    named = f"{variable}{FILE}={path!r}"
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # nobody knows when a pipe ends, or whether it begins
            raise SettingsError([f"{named}: expected a regular file"])
        with Path(path).open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        text = data.decode().strip()
    except OSError as error:
        raise SettingsError([f"{named}: expected a file that can be read ({error.strerror})"]) from None
    except ValueError:
        raise SettingsError([f"{named}: expected a file with text in UTF-8"]) from None
    if not text or len(data) > _MAX_BYTES:
        raise SettingsError([f"{named}: expected a file with its value and nothing else"])
    return text

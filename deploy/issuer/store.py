"""The issuer's file: read by whoever signs or publishes, written by one at a time, and its owner's alone."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from deploy.issuer.keys import Key, Keys
from deploy.issuer.signing import new_key

FOLDER = "issuer"
_MODE = 0o600


class Unusable(Exception):
    """The file is not to be had; the text says why."""


class Store:
    """The file in a data directory.

    Args:
        data: The data directory; it is made when it is first written to.
    """

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER
        self.file = self._folder / "keys.json"

    def read(self) -> Keys:
        """Return what is kept.

        Raises:
            Unusable: There is nothing, or it cannot be read.
        """
        try:
            return msgspec.json.decode(self.file.read_bytes(), type=Keys)
        except OSError as error:
            raise Unusable(f"{self.file} cannot be read: {error.strerror}.") from error
        except msgspec.DecodeError as error:
            raise Unusable(f"{self.file} holds no keys: {error}. Remove it, and new ones are made.") from error

    @contextlib.contextmanager
    def changing(self) -> Iterator["Change"]:
        """Keep others from changing it meanwhile; the first who comes makes a key. What is in the change is written.

        Raises:
            Unusable: It cannot be read or written.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise Unusable(f"{self._folder} cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            before = self.read() if self.file.exists() else None
            change = Change(before or Keys(Key(new_key())))
            yield change
            if change.keys != before:
                self._write(change.keys)
        finally:
            os.close(handle)

    def _write(self, keys: Keys) -> None:
        fresh = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        try:
            fresh.unlink(missing_ok=True)
            with open(fresh, "xb", opener=lambda path, flags: os.open(path, flags, _MODE)) as file:
                file.write(msgspec.json.format(msgspec.json.encode(keys)) + b"\n")
            fresh.replace(self.file)
        except OSError as error:
            raise Unusable(f"{self.file} cannot be written: {error.strerror}.") from error


class Change:
    """What is to be kept from now on.

    Args:
        keys: What is kept so far.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

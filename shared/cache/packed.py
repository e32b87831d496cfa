"""What aiocache's serializers make of values, as bytes that tell text from bytes; a number is text."""

import re
from typing import Any, Final

_TEXT: Final = b"s"
_BYTES: Final = b"b"
_whole: Final = re.compile(rb"[sb]-?[0-9]{1,4000}").fullmatch


def packed(value: Any) -> bytes:
    """The bytes that stand for what a serializer has made.

    Raises:
        TypeError: nothing that can be kept.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return _BYTES + bytes(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise TypeError(f"the serializer must give text, bytes or a number, not {type(value).__name__}")
    return _TEXT + value.encode(errors="surrogatepass")


def unpacked(data: bytes | None, encoding: str | None) -> Any:
    """What :func:`packed` was given; text as its bytes where the serializer has no ``encoding``."""
    if data is None:
        return None
    value = data[1:]
    return value.decode(errors="surrogatepass") if data[:1] == _TEXT and encoding is not None else value


def incremented(there: bytes | None, delta: int) -> bytes:
    """The number that is ``there``, and ``delta`` more.

    Raises:
        TypeError: it is none.
    """
    if there is None:
        return packed(delta)
    if not _whole(there):
        raise TypeError("Value is not an integer")
    return there[:1] + str(int(there[1:]) + delta).encode()

"""A body in all its codings; the one place where something is compressed."""

import gzip
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from shared.edge.form import Coding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIN_CODED: Final = 1024
"""Bodies of fewer bytes stay as they are: what could be saved still takes a packet."""
_QUICK_ZSTD: Final = 3
_QUICK_GZIP: Final = 1  # text like ours is a tenth of its size then; more would cost twice the time for a hundredth
_THOROUGH_ZSTD: Final = 12
_THOROUGH_GZIP: Final = 9

_compressor = zstd.ZstdCompressor(_QUICK_ZSTD)  # to set one up takes longer than to compress a short body


_QUICK: Final[Mapping[Coding, Callable[[bytes], bytes]]] = {
    "zstd": partial(_compressor.compress, mode=zstd.ZstdCompressor.FLUSH_FRAME),
    "gzip": partial(gzip.compress, compresslevel=_QUICK_GZIP, mtime=0),
}


_NOT_CODED: Final[Mapping[Coding, tuple[bytes, Coding]]] = {}
"""Shared by all that are in no coding yet."""


class CodedBody:
    """A body and its codings, each made when it is first asked for, and kept."""

    __slots__ = ("_coded", "plain")

    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self._coded = _NOT_CODED

    @classmethod
    def thorough(cls, plain: bytes) -> "CodedBody":
        """With all codings made already, to be small rather than soon done: 0.1 s for a megabyte, so in a thread."""
        body = cls(plain)
        if len(plain) >= MIN_CODED:
            body._keep("zstd", zstd.compress(plain, _THOROUGH_ZSTD))
            body._keep("gzip", gzip.compress(plain, _THOROUGH_GZIP, mtime=0))
        return body

    def coded(self, coding: Coding) -> tuple[bytes, Coding]:
        """The body in this ``coding``, or as it is where that is no longer; and which of both it is."""
        coded = self._coded.get(coding)
        if coded is not None:
            return coded
        if coding == "identity" or len(self.plain) < MIN_CODED:
            return self.plain, "identity"
        return self._keep(coding, _QUICK[coding](self.plain))

    def _keep(self, coding: Coding, coded: bytes) -> tuple[bytes, Coding]:
        kept: tuple[bytes, Coding] = (coded, coding) if len(coded) < len(self.plain) else (self.plain, "identity")
        self._coded = {**self._coded, coding: kept}
        return kept


NO_BODY: Final = CodedBody(b"")
"""Nothing, in whatever coding."""

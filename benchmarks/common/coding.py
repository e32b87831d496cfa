"""Takes content codings off (RFC 9110 §8.4): gzip and zstd, as strictly as a client would."""

import gzip
import sys
import zlib
from collections.abc import Mapping

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def decoded(body: bytes, headers: Mapping[str, str]) -> bytes:
    """The content of ``body``, whose coding the ``headers`` name; their names are in lower case.

    Raises:
        ValueError: it is not in that coding.
    """
    coding = headers.get("content-encoding", "identity")
    try:
        if coding == "zstd":
            return zstd.decompress(body)
        if coding == "gzip" and body:
            return gzip.decompress(body)
    except (zstd.ZstdError, zlib.error, OSError, EOFError) as error:
        raise ValueError("the body is not in its coding") from error
    if coding != "identity":
        raise ValueError("the body is in a coding that there is not")
    return body

"""Content codings as benchmarks take them off."""

import gzip

import pytest

from benchmarks.common.coding import decoded
from shared.http.coded_body import CodedBody

TEXT = b"as it is, " * 200


@pytest.mark.parametrize("coding", ["zstd", "gzip", "identity"])
def test_what_the_gateway_codes_is_read(coding: str) -> None:
    """The content is what it was."""
    body = {"identity": TEXT, "gzip": gzip.compress(TEXT), "zstd": CodedBody(TEXT).coded("zstd")[0]}[coding]
    assert decoded(body, {"content-encoding": coding}) == TEXT
    assert decoded(TEXT, {}) == TEXT


@pytest.mark.parametrize("coding", ["zstd", "gzip", "br"])
@pytest.mark.parametrize(
    "body",
    [b"", TEXT, gzip.compress(TEXT)[:-5], CodedBody(TEXT).coded("zstd")[0][:-5]],
    ids=["nothing", "something else", "gzip that breaks off", "zstd that breaks off"],  # gzip has the time in it
)
def test_what_is_not_in_its_coding_is_an_error(coding: str, body: bytes) -> None:
    """Nothing, something else, and what breaks off."""
    with pytest.raises(ValueError, match="coding"):
        decoded(body, {"content-encoding": coding})

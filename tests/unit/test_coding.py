"""Who takes gzip."""

import gzip

import pytest

from shared.http.content_coding import coded, coding_headers, takes_gzip


@pytest.mark.parametrize(
    "lines",
    [
        ["gzip"], ["GZIP"], ["x-gzip"], ["deflate, gzip;q=1.0, *;q=0.5"], ["*"], ["*;q=0.1"], ["br", "gzip"],
        ["gzip ; q=0.001"], ["gzip;Q=1"], ["identity;q=0.5, gzip"], ["identity;q=0, *"], ["gzip;q=0.5, identity;q=0.5"],
        ["", "gzip"], [",,gzip,"],
    ],
)  # fmt: skip
def test_it_is_taken(lines: list[str]) -> None:
    """By name, in any case, under its old name, or as one of all; on whichever line."""
    assert takes_gzip(lines)


@pytest.mark.parametrize(
    "lines",
    [
        [], [""], ["identity"], ["br, deflate"], ["gzip;q=0"], ["gzip;q=0.000"], ["*;q=0"], ["gzip;q=0, *;q=1"],
        ["gzip;q=0.5, identity"], ["gzip;q=0.5, identity;q=0.6"], ["gzip;q=2"], ["gzip;q=-1"], ["gzip;q=nan"],
        ["gzip;q="], ["gzip;q=0.1234"], ["gzip;q=1.5"], ["gzip;level=9"], ["gzipped"], ["g zip"], ["identity, *;q=0.9"],
    ],
)  # fmt: skip
def test_it_is_not_taken(lines: list[str]) -> None:
    """Not named, refused, less welcome than the plain form, or with a weight that is none."""
    assert not takes_gzip(lines)


@pytest.mark.parametrize("gzipped", [True, False])
def test_a_body_says_how_it_is_coded(gzipped: bool) -> None:
    """And what that was chosen by."""
    body = coded(b"text" * 100, gzipped=gzipped)
    assert (gzip.decompress(body) if gzipped else body) == b"text" * 100
    headers = coding_headers("Accept-Encoding", gzipped=gzipped)
    assert (headers.get("Content-Encoding") == "gzip") == gzipped
    assert headers["Vary"] == "Accept-Encoding"

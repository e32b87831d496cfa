"""Informational answers are taken off, counted and bounded, in whatever pieces they come."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadResponse
from shared.upstream.interim import MAX_INTERIM, Interim

FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 100 \r\n\r\n",
    b"HTTP/1.0 102\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX: HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 199 Odd\r\n\r\n",
]
_interim = st.sampled_from(INTERIM)


def _cut(said: bytes, cuts: list[int]) -> bytes:
    interim = Interim()
    places = sorted({0, len(said), *(cut % len(said) for cut in cuts)})
    for start, end in pairwise(places):
        if rest := interim.cut(said[start:end]):
            return rest + said[end:]
    return b""


@given(before=st.lists(_interim, max_size=MAX_INTERIM), cuts=st.lists(st.integers(0, 500), max_size=30))
def test_the_final_answer_is_left_as_it_is(before: list[bytes], cuts: list[int]) -> None:
    """Up to eight before it leave no trace, wherever one read ends and the next begins."""
    assert _cut(b"".join(before) + FINAL, cuts) == FINAL


@given(
    before=st.lists(_interim, min_size=MAX_INTERIM + 1, max_size=20),
    cuts=st.lists(st.integers(0, 500), max_size=30),
)
def test_more_than_eight_are_a_bad_response(before: list[bytes], cuts: list[int]) -> None:
    """Whatever they are, and whatever comes behind them."""
    with pytest.raises(BadResponse, match="informational"):
        _cut(b"".join(before) + FINAL, cuts)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: " + b"a" * 9_000,
        b"HTTP/1.1 103\n\nHTTP/1.1 103\n\n",
        b"\r\nHTTP/1.1 103 E\r\n\r\n",
        b"HTTP/2.0 103 E\r\n\r\n",
        b"HTTP/0.9 103 E\r\n\r\n",
        b"HTTP/1.1  103 E\r\n\r\n",
        b"HTTP/1.1 103E\r\n\r\n",
        b"HTTP/1.1 1030 E\r\n\r\n",
        b"HTTP/1.1 099 E\r\n\r\n",
        b"http/1.1 103 E\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x00",
    ],
)
def test_what_does_not_begin_like_an_answer_is_none(said: bytes) -> None:
    """Nothing gets past that a more forgiving parser might take for an informational answer."""
    with pytest.raises(BadResponse):
        _cut(said, [])


@pytest.mark.parametrize("status", [b"101 Switching Protocols", b"200", b"204 ", b"304 Not Modified", b"599 Odd"])
def test_every_other_status_is_final(status: bytes) -> None:
    """101 too: it was not asked for, and is no answer to wait behind."""
    said = b"HTTP/1.1 " + status + b"\r\n\r\n"
    assert _cut(INTERIM[0] + said, []) == said

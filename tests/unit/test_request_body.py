"""Bodies are taken exactly to their end, however they arrive; what is malformed is never passed on as data."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.request_body import ChunkedBody, SizedBody


def chunked(*chunks: bytes, extension: bytes = b"") -> bytes:
    """A body in chunks."""
    return b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks) + b"0\r\n\r\n"


def _plain(passed_on: bytes) -> bytes:
    """The data in chunks as they are passed on."""
    data = b""
    while passed_on:
        size, _, rest = passed_on.partition(b"\r\n")
        length = int(size, 16)
        data += rest[:length]
        assert rest[length : length + 2] == b"\r\n"
        passed_on = rest[length + 2 :]
    return data


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=6), st.integers(), st.binary(max_size=10))
def test_chunks_give_the_same_data_however_they_arrive(chunks: list[bytes], seed: int, more: bytes) -> None:
    """In pieces of any size; what comes after the end is left."""
    sent = chunked(*chunks, extension=b";a=b" if seed % 2 else b"") + more
    dice, held, body, passed_on = random.Random(seed), bytearray(), ChunkedBody(), b""
    while sent:
        size = dice.randint(1, 9)
        held += sent[:size]
        sent = sent[size:]
        passed_on += body.take(held)
    assert body.is_complete
    assert held == more
    assert _plain(passed_on) == b"".join(chunks)


@pytest.mark.parametrize(
    "sent",
    [
        b"zz\r\n", b"-1\r\n", b"+1\r\nx\r\n", b"0x1\r\nx\r\n", b" 1\r\nx\r\n", b"1_0\r\n", b"\r\n", b"1\nx\r\n", b"\n",
        b"g\r\n", b"1;\x00\r\nx\r\n", b"1;a\nb\r\nx\r\n", b"f" * 16 + b"\r\n", b"1" * 300, b"1;" + b"x" * 300,
        b"1\r\nxy\r\n", b"1\r\nx\n\n", b"1\r\nx0\r\n\r\n", b"1\r\nx\rZ", b"1\r\nx\r\r\n", b"3\r\nabc0\r\n\r\n",
        b"0\r\nTrailer: x\r\n\r\n", b"0\r\nG", b"0\r\n\n", b"0\r\n\rX", b"1 \r\nx\r\n", b"1\t\r\n",
        b"1,1\r\nx\r\n", b"1 1\r\nx\r\n",
    ],
)  # fmt: skip
def test_malformed_chunks_are_passed_on_as_no_chunk(sent: bytes) -> None:
    """In one piece or byte by byte; nothing after the fault is taken for anything."""
    for step in (len(sent), 1):
        body, held, passed_on = ChunkedBody(), bytearray(), b""
        for place in range(0, len(sent), step):
            held += sent[place : place + step]
            passed_on += body.take(held)
        assert body.is_malformed
        assert not body.is_complete
        assert passed_on.endswith(b"malformed\r\n")
        assert passed_on.count(b"malformed") == 1
        held += b"1\r\nx\r\n0\r\n\r\n"
        assert (body.take(held), bytes(held)) == (b"", b"")


def test_many_small_chunks_are_taken_a_part_at_a_time() -> None:
    """Who sends each byte for itself gets a bounded piece of work done for each look."""
    held, body = bytearray(chunked(*[b"x"] * 10_000)), ChunkedBody()
    looks, data = 0, b""
    while not body.is_complete:
        data += _plain(body.take(held))
        looks += 1
    assert data == b"x" * 10_000
    assert looks > 50


@given(st.binary(max_size=50), st.integers(1, 9), st.binary(max_size=9))
def test_a_body_of_known_length_ends_there(data: bytes, step: int, more: bytes) -> None:
    """However it arrives; what comes after it is left."""
    sent, held, body, taken = data + more, bytearray(), SizedBody(len(data)), b""
    for place in range(0, len(sent), step):
        held += sent[place : place + step]
        taken += body.take(held)
    assert (taken, bytes(held), body.is_complete) == (data, more, True)

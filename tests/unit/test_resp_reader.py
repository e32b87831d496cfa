"""How what Redis sends is read: what is out of all proportion is refused before anybody makes room for it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import pytest
from hiredis import Reader
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import InvalidResponse, ResponseError

from shared.cache.link import BoundedReader
from shared.cache.resp import MAX_BYTES, MAX_ELEMENTS, ReplyTooLarge

NOTHING: Final = object()
HUGE: Final = [
    b"*%d\r\n" % (MAX_ELEMENTS + 1),
    b"*500000000\r\n",
    b"~500000000\r\n",
    b">500000000\r\n",
    b"%%%d\r\n" % (MAX_ELEMENTS // 2 + 1),
    b"%250000000\r\n",
    b"|500000000\r\n",
    b"*9999999999\r\n",
    b"$%d\r\n" % (MAX_BYTES + 1),
    b"$9999999999\r\n",
    b"=9999999999\r\n",
    b"!9999999999\r\n",
]
LOOKALIKES: Final = [
    b"\r\n*500000000\r\n",
    b"*500000000\r\n",
    b"\n>999999999",
    b"\r\n$9999999999\r\n",
    b"%",
    b"*",
    b"\r\n",
]

texts = st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(LOOKALIKES), max_size=4).map(b"".join))
scalars = st.one_of(
    texts.map(lambda text: b"$%d\r\n%s\r\n" % (len(text), text)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: b":%d\r\n" % number),
    st.sampled_from(
        [b"+OK\r\n", b"-ERR what?\r\n", b"_\r\n", b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b"#t\r\n", b",1.5\r\n"]
    ),
)


def _array(items: Sequence[bytes]) -> bytes:
    return b"*%d\r\n" % len(items) + b"".join(items)


values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4).map(_array), max_leaves=12)
streams = st.lists(values, min_size=1, max_size=8).map(b"".join)
cuts = st.lists(st.integers(0, 400), max_size=12)


def _reader() -> BoundedReader:
    return BoundedReader(protocolError=InvalidResponse, replyError=ResponseError, notEnoughData=NOTHING)


def _cut(stream: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({min(place, len(stream)) for place in places} | {0, len(stream)})
    return [stream[start:end] for start, end in pairwise(ends)]


def _read(reader: Reader, pieces: Sequence[bytes]) -> list[object]:
    found = []
    for piece in pieces:
        reader.feed(piece)
        while (reply := reader.gets(False)) is not NOTHING:
            found.append(reply)
    return found


@given(streams, cuts)
def test_what_is_in_proportion_is_read_as_ever(stream: bytes, places: Sequence[int]) -> None:
    """However it is cut, and although values may hold what looks like a header."""
    plain = Reader(protocolError=InvalidResponse, replyError=ResponseError, notEnoughData=NOTHING)
    assert repr(_read(_reader(), _cut(stream, places))) == repr(_read(plain, [stream]))


@given(streams, st.sampled_from(HUGE), st.sampled_from([b"", b"*1\r\n", b">2\r\n$1\r\na\r\n", b"%1\r\n+a\r\n"]), cuts)
def test_what_is_not_is_refused(stream: bytes, huge: bytes, around: bytes, places: Sequence[int]) -> None:
    """Wherever it comes, at the top or inside something, in however many pieces; at the latest with what follows."""
    pieces = _cut(stream + around + huge, places)
    with pytest.raises(InvalidResponse):
        _read(_reader(), [*pieces, b"a"])


@given(st.sampled_from(HUGE[:8]), cuts)
def test_no_room_is_made_for_it(huge: bytes, places: Sequence[int]) -> None:
    """The library never sees the end of such a header."""
    reader, pieces = _reader(), _cut(huge, places)
    with pytest.raises(ReplyTooLarge):
        _read(reader, pieces)
    assert reader.gets(False) is NOTHING
    assert reader.len() < len(huge)


@pytest.mark.parametrize("header", [b"*", b"* 1", b"*1_0", b"$" + b"1" * 30, b"*x", b"$\xff", b"%1.0"])
@pytest.mark.parametrize("after", [b"", b"\r\n*100000\r\n"])
def test_no_number_is_no_header(header: bytes, after: bytes) -> None:
    """The library says so as well; nothing else comes of it."""
    with pytest.raises(InvalidResponse):
        _read(_reader(), [header + b"\r\n" + after, b"a"])


def test_a_line_without_end_is_refused() -> None:
    """However slowly it comes."""
    with pytest.raises(InvalidResponse):
        _read(_reader(), [b"+", *[b"a" * 1000] * 100])

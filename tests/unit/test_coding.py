"""Which coding a client likes best, and bodies in all of them."""

import gzip
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from random import Random

import pytest
from aiohttp.compression_utils import ZSTDDecompressor
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.form import Coding
from shared.http.coded_body import MIN_CODED, CodedBody
from shared.http.content_coding import coding_headers, negotiate

CODINGS: tuple[Coding, ...] = ("zstd", "gzip", "identity")
DECODE: Mapping[Coding, Callable[[bytes], bytes]] = {
    "zstd": lambda body: ZSTDDecompressor().decompress_sync(body),
    "gzip": gzip.decompress,
    "identity": bytes,
}


@pytest.mark.parametrize(
    ("field", "coding"),
    [
        (None, "identity"), ("", "identity"), ("gzip", "gzip"), ("zstd", "zstd"), ("GZIP", "gzip"), ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"), ("gzip, deflate, br", "gzip"), ("deflate, gzip;q=1.0, *;q=0.5", "gzip"),
        ("*", "zstd"), ("*;q=0.1", "zstd"), ("zstd;q=0, *", "gzip"), ("gzip ; q=0.001", "gzip"), ("gzip;Q=1", "gzip"),
        ("identity;q=0.5, gzip", "gzip"), ("identity;q=0, *", "zstd"), ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=0.5, zstd;q=0.5", "zstd"), ("gzip;q=0.501, zstd;q=0.5", "gzip"), (",,gzip,", "gzip"),
        ("gzip\t;\tq=1\t,\tbr", "gzip"), ("gzip, gzip;q=0", "gzip"), ("gzip;q=0, gzip", "identity"),
        ("x-gzip;q=0, zstd;q=0, *", "identity"), ("br, deflate", "identity"), ("gzip;q=0", "identity"),
        ("gzip;q=0.000", "identity"), ("*;q=0", "identity"), ("gzip;q=0, zstd;q=0, *;q=1", "identity"),
        ("gzip;q=0.5, identity", "identity"), ("identity, *;q=0.9", "identity"),
        ("zstd;q=0.2, gzip;q=0.2, *", "identity"), ("gzip;q=2, zstd;q=0.1", "zstd"), ("gzip;q=-1", "identity"),
        ("gzip;q=nan", "identity"), ("gzip;q=", "identity"),
        ("gzip;", "identity"), ("gzip;q=0.1234", "identity"), ("gzip;q=1.5", "identity"), ("gzip;level=9", "identity"),
        ("gzip;q=1;level=9", "identity"), ("gzipped", "identity"), ("g zip", "identity"), ("x-zstd", "identity"),
        ("identity;q=0", "identity"), ("identity;q=0, br", "identity"), ("*;q=0, identity;q=0", "identity"),
        ("br," * 84 + "gzip", "gzip"), ("br," * 85 + "gzip", "identity"),
    ],
)  # fmt: skip
def test_the_coding_that_is_liked_best(field: str | None, coding: Coding) -> None:
    """By RFC 9110 §12.5.3: in any case, by an old name, as one of all; what cannot be read is passed over."""
    assert negotiate(field) == coding


_names = st.sampled_from(["gzip", "x-gzip", "GZip", "zstd", "identity", "*", "br", "deflate", "", "g zip", "gzip2"])
_weights = st.sampled_from(
    ["", ";q=1", ";q=0", " ; q=0.5", ";Q=0.50", ";q=0.7\t", ";q=1.000", ";q=1.1", ";q=", ";v=1", ";"]
)
_texts = st.lists(st.builds("{}{}".format, _names, _weights), max_size=6).flatmap(
    lambda members: st.sampled_from([",", ", ", " ,\t", ",,"]).map(lambda between: between.join(members))
)


def _by_the_letter(text: str) -> Coding:
    """What RFC 9110 §12.5.3 says, step by step."""
    weights: dict[str, Fraction] = {}
    for member in text.split(","):
        name, *parameters = (piece.strip(" \t").lower() for piece in member.split(";"))
        name = "gzip" if name == "x-gzip" else name
        if name in weights or len(parameters) > 1:
            continue
        if not parameters:
            weights[name] = Fraction(1)
        elif re.fullmatch(r"q=(0(\.\d{0,3})?|1(\.0{0,3})?)", parameters[0]):
            weights[name] = Fraction(parameters[0][2:].removesuffix("."))
    best: Coding = "identity"
    least = weights.get("identity", weights.get("*", Fraction(0)))
    for coding in ("gzip", "zstd"):
        weight = weights.get(coding, weights.get("*", Fraction(0)))
        if weight > 0 and weight >= least:
            best, least = coding, weight
    return best


@given(_texts)
def test_it_is_chosen_by_the_letter(text: str) -> None:
    """Whatever is said in whatever order; the same when it is said again."""
    expected = _by_the_letter(text)
    assert [negotiate(text), negotiate(text)] == [expected, expected]


def test_what_many_say_is_answered_right_for_ever() -> None:
    """However many texts there have been: what was remembered of them is right, and dropped in time."""
    for number in range(2500):
        assert negotiate(f"a{number}, gzip") == "gzip"
        assert negotiate(f"a{number}, zstd") == "zstd"
    assert negotiate("a1, gzip, zstd") == "zstd"


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_says_how_it_is_coded(coding: Coding) -> None:
    """And what that was chosen by."""
    headers = coding_headers(coding, "Accept, Accept-Encoding")
    assert headers.pop("Content-Encoding", "identity") == coding
    assert headers == {"Vary": "Accept, Accept-Encoding"}


_bodies = st.one_of(
    st.binary(min_size=MIN_CODED, max_size=5 * MIN_CODED),
    st.builds(lambda text, times: text * times, st.binary(min_size=1, max_size=50), st.integers(MIN_CODED, 2000)),
)


@pytest.mark.parametrize("make", [CodedBody, CodedBody.thorough], ids=["quick", "thorough"])
@given(plain=_bodies, order=st.permutations([*CODINGS, *CODINGS]))
def test_a_coded_body_is_the_same_body(make: Callable[[bytes], CodedBody], plain: bytes, order: list[Coding]) -> None:
    """In whichever order it is asked for: smaller, or as it is; and made once."""
    body = make(plain)
    for coding in order:
        coded, used = body.coded(coding)
        assert used in {coding, "identity"}
        assert DECODE[used](coded) == plain
        assert len(coded) < len(plain) or used == "identity"
        assert body.coded(coding)[0] is coded


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("make", [CodedBody, CodedBody.thorough], ids=["quick", "thorough"])
def test_what_is_short_or_dense_stays_as_it_is(make: Callable[[bytes], CodedBody], coding: Coding) -> None:
    """Below the bound, or where coding makes nothing smaller."""
    for plain in (b"", b"a" * (MIN_CODED - 1), Random(1).randbytes(10 * MIN_CODED)):
        assert make(plain).coded(coding) == (plain, "identity")
    assert make(b"a" * MIN_CODED).coded(coding)[1] == coding


@pytest.mark.parametrize("make", [CodedBody, CodedBody.thorough], ids=["quick", "thorough"])
def test_a_frame_of_zstd_is_one_that_browsers_take(make: Callable[[bytes], CodedBody]) -> None:
    """It tells its length, and that no more than 8 MB are needed to decode it (RFC 9659 §3)."""
    plain = Random(1).randbytes(1000) * 12_000
    coded, used = make(plain).coded("zstd")
    assert used == "zstd"
    descriptor, window = coded[4], 2 ** (10 + (coded[5] >> 3))  # RFC 8878 §3.1.1.1
    assert descriptor >> 6 == 2
    assert not descriptor & 0x20
    assert window <= 8 * 2**20
    assert int.from_bytes(coded[6:10], "little") == len(plain)

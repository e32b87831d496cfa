"""Whom a value says it is about, compared exactly or as a service compares."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from bff.parts.codec import PartCodec
from bff.sources.products import PRODUCTS, Product
from shared import codec
from tests.fixtures import fake_services

_names = st.text(max_size=8)


def _codec(**options: object) -> PartCodec[list[str]]:
    return PartCodec(list[str], about=lambda names: names, **options)  # type: ignore[arg-type]


@given(subject=_names, names=st.lists(_names))
def test_by_default_names_are_the_same_if_they_are_equal(subject: str, names: list[str]) -> None:
    """Every piece has to be about the subject; nothing is about anybody."""
    assert _codec().is_about(subject, names) is all(name == subject for name in names)
    assert _codec().is_about(subject, [subject] * len(names))


@given(subject=_names, names=st.lists(_names))
def test_a_service_may_fold_case(subject: str, names: list[str]) -> None:
    """Where a part declares it, what is the same after folding is the same."""
    names_codec = _codec(normalize=str.casefold)
    assert names_codec.is_about(subject, names) is all(name.casefold() == subject.casefold() for name in names)
    assert names_codec.is_about(subject, [subject.upper().lower()]) is (
        subject.upper().lower().casefold() == subject.casefold()
    )


def test_what_is_kept_holds_on_to_nothing_else() -> None:
    """A product out of a batch does not keep the whole answer in memory."""
    answer = codec.encode([fake_services.product("p1") | {"description": "x" * 10_000}, fake_services.product("p2")])
    before = sys.getrefcount(answer)
    read = codec.decoder(list[Product])(answer)
    assert sys.getrefcount(answer) > before
    kept = PRODUCTS.codec.decode_owned(PRODUCTS.codec.encode(read[1]))
    assert kept.price == read[1].price
    del read
    assert sys.getrefcount(answer) == before
    assert PRODUCTS.codec.sizeof(kept) < 1_000

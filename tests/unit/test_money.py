"""Amounts of money: which texts are amounts, and that they leave as they came."""

import json
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bff.sources.products import Product
from shared import codec

_read = codec.decoder(Product)
_NUMBERISH: Final = st.text("0123456789.-+eE_ \tNaInfiyst\u0661", max_size=45)
_NUMBERS: Final = st.from_regex(rb"\A-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?\Z").map(bytes.decode)


def _product(price: str) -> bytes:
    parts = ('{"id":"p","name":"n","description":"d","price":', ',"category":"c","stock_quantity":1}')
    return price.join(parts).encode()


def _constant(name: str) -> float:
    raise ValueError(name)


def _is_amount(text: str) -> bool:
    """By another reader of JSON, whatever is not a number by itself left out."""
    try:
        value = json.loads(text, parse_constant=_constant, parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        return False
    return (
        isinstance(value, Decimal) and text == text.strip() and len(text) <= 40 and value.copy_abs() < Decimal("1e300")
    )


@given(text=_NUMBERISH | _NUMBERS)
@example(text="NaN")
@example(text="sNaN123")
@example(text="-Infinity")
@example(text="1_000.5")
@example(text=" 12 ")
@example(text="\u0661\u0662")
@example(text="1e999999999999")
@example(text="1" * 400)
@example(text="01")
@example(text="-0.0")
@example(text="1E+5")
@example(text="9.9999e299")
def test_a_string_is_an_amount_if_it_is_exactly_a_number(text: str) -> None:
    """Whatever else ``Decimal`` would take is refused; what is taken leaves as the same digits without quotes."""
    try:
        product = _read(_product(json.dumps(text, ensure_ascii=False)))
    except codec.WrongShape:
        assert not _is_amount(text)
        return
    assert _is_amount(text)
    assert codec.encode(product) == _product(text)
    assert product.price == Decimal(text)


@given(text=_NUMBERS)
def test_a_number_is_an_amount_if_it_is_bounded(text: str) -> None:
    """It leaves with the digits that it has."""
    try:
        product = _read(_product(text))
    except codec.WrongShape:
        assert not _is_amount(text)
        return
    assert _is_amount(text)
    assert codec.encode(product) == _product(text)


@pytest.mark.parametrize("text", ["null", "true", "[]", "[1]", "{}", '{"amount":1}', '""', '"\\u0031"'])
def test_nothing_else_is_an_amount(text: str) -> None:
    """No other kind of JSON, and no number behind an escape."""
    with pytest.raises(codec.WrongShape):
        _read(_product(text))

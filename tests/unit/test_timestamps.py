"""Instants as text."""

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.timestamps import http_date, rfc3339

_SECONDS = st.integers(0, 253_402_300_799)


@given(_SECONDS, st.integers(0, 999))
def test_every_millisecond_is_told_as_it_is(second: int, thousandths: int) -> None:
    """A float that stands for a millisecond is that one, and not the one before."""
    if second > 4_294_967_295:
        second %= 4_294_967_296  # beyond, floats do not tell milliseconds well
    text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    assert rfc3339(second + thousandths / 1000) == f"{text}.{thousandths:03d}Z"


@given(st.floats(0, 4e9))
def test_instants_are_cut_to_milliseconds_and_seconds(instant: float) -> None:
    """Never told as later than they are by more than a float is off, nor a millisecond earlier."""
    told = datetime.fromisoformat(rfc3339(instant)).timestamp()
    assert -0.001 <= told - instant <= 1e-6
    assert http_date(instant) == formatdate(int(instant), usegmt=True)


def test_the_end_of_a_second_belongs_to_it() -> None:
    """Nothing is rounded up but what a float is off by."""
    assert rfc3339(1_800_000_000.99999) == "2027-01-15T08:00:00.999Z"
    assert rfc3339(1_800_000_001.0) == "2027-01-15T08:00:01.000Z"


def test_a_second_is_put_into_words_once() -> None:
    """The same object as long as it lasts, and again after others."""
    first = http_date(1_800_000_000.0)
    assert http_date(1_800_000_000.999) is first
    assert http_date(1_800_000_001.0) == "Fri, 15 Jan 2027 08:00:01 GMT"
    assert http_date(1_800_000_000.5) == first


@pytest.mark.parametrize("instant", [0.0, 951_782_400.0, 1_709_164_800.25])
def test_days_that_are_special(instant: float) -> None:
    """The epoch and leap days."""
    assert rfc3339(instant)[:19] == datetime.fromtimestamp(instant, UTC).isoformat()[:19]

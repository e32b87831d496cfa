"""Identifiers of each type: one text for each, and only such as can stand anywhere."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import ids
from shared.errors import DeclarationError, InvalidInput
from shared.ids import IdType

SERIAL = ids.like("[a-z]{2}[0-9]{6}", "two letters and six digits")


@pytest.mark.parametrize(
    ("id_type", "text", "found"),
    [
        (ids.TEXT, "user-1_A", "user-1_A"),
        (ids.INTEGER, "0", "0"),
        (ids.INTEGER, "42", "42"),
        (ids.UUID, "7F3C1E9A-0B0D-4C3B-9A55-000000000001", "7f3c1e9a-0b0d-4c3b-9a55-000000000001"),
        (SERIAL, "ab123456", "ab123456"),
    ],
)
def test_what_is_one_is_taken(id_type: IdType, text: str, found: str) -> None:
    """In the one form that it is kept and asked for by."""
    assert id_type.checked("it", text) == found


@pytest.mark.parametrize(
    ("id_type", "text"),
    [
        *((ids.TEXT, text) for text in ("", "a b", "a.b", "é", "x" * 65, "a\n")),
        *((ids.INTEGER, text) for text in ("", "-1", "+1", "01", "1.0", "1_0", "x", "9" * 19, "1\n", "٣")),
        *((ids.UUID, text) for text in ("", "7f3c1e9a0b0d4c3b9a55000000000001", "x" * 36)),
        *((ids.UUID, f"7f3c1e9a-0b0d-4c3b-9a55-00000000000{end}") for end in ("g", "٣", "1\n", "")),
        (ids.UUID, "----7f3c1e9a0b0d4c3b9a55000000000001"),
        (ids.UUID, "{7f3c1e9a0b0d4c3b9a55000000000001}--"),
        (ids.UUID, "7f3c1e9a_0b0d_4c3b_9a55_000_00000001----"[:36]),
        *((SERIAL, text) for text in ("", "ab12345", "ab1234567", "AB123456", "ab123456\n")),
    ],
)  # fmt: skip
def test_what_is_none_is_refused(id_type: IdType, text: str) -> None:
    """With the name of the parameter and the rule."""
    with pytest.raises(InvalidInput, match=r"^it must be .*\.$"):
        id_type.checked("it", text)


@given(st.uuids())
def test_a_uuid_has_one_text(one: uuid.UUID) -> None:
    """However it is written."""
    assert ids.UUID.checked("it", str(one).upper()) == str(one)


@given(st.text(max_size=70))
def test_one_of_ones_own_is_an_identifier(text: str) -> None:
    """Whatever the expression takes, what cannot stand in a key or a path is none."""
    assert ids.like(".*", "anything").has(text) is ids.is_id(text)


@pytest.mark.parametrize("expression", ["(", "(?i)[a-z]", r"\1", "a)|(.*"])
def test_an_expression_that_is_none_is_refused(expression: str) -> None:
    """When it is declared, and not with the first request."""
    with pytest.raises(DeclarationError, match="no regular expression"):
        ids.like(expression, "what")


def test_services_are_sent_what_they_understand() -> None:
    """Numbers as numbers."""
    assert [kind.as_json("42") for kind in (ids.TEXT, ids.INTEGER)] == ["42", 42]

"""Where parts are asked for."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.parts.path import PathTemplate
from shared.errors import DeclarationError


@pytest.mark.parametrize(
    ("text", "values", "path"),
    [
        ("/users/{user_id}", {"user_id": "u-1"}, "/users/u-1"),
        ("/users/{user_id}/", {"user_id": "a/b?c#d"}, "/users/a%2Fb%3Fc%23d/"),
        (
            "/shops/{shop}/users/{user}?limit=20&lang={lang}",
            {"lang": "de", "user": "u", "shop": "s"},
            "/shops/s/users/u?limit=20&lang=de",
        ),
        ("/find?q={q}", {"q": "a&b=c d"}, "/find?q=a%26b%3Dc%20d"),
        ("/banner", {}, "/banner"),
        ("/a%20b", {}, "/a%20b"),
    ],
)
def test_parameters_are_filled_in(text: str, values: dict[str, str], path: str) -> None:
    """Each as one piece of the path or the query, whatever it is."""
    assert PathTemplate(text).filled(values) == path


@given(st.text(max_size=20))
def test_a_value_stays_one_segment(value: str) -> None:
    """Nothing that a value holds ends it, and it can be read back."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    if value in {"", ".", ".."}:
        return
    path = PathTemplate("/users/{user_id}/orders").filled({"user_id": value})
    _, users, segment, orders = path.split("/")
    assert (users, unquote(segment), orders) == ("users", value, "orders")
    assert path.isascii()
    assert path.isprintable()


@pytest.mark.parametrize("value", ["", ".", ".."])
@pytest.mark.parametrize("text", ["/users/{user}/orders", "/shops/{shop}/users/{user}?q={q}"])
def test_a_value_leads_nowhere_else(text: str, value: str) -> None:
    """What is no segment is refused in a path; in a query it is a value like any other."""
    with pytest.raises(ValueError, match=f"^{re.escape(value)}$"):
        PathTemplate(text).filled({"user": value, "shop": "s", "q": "q"})
    assert PathTemplate("/find?q={q}").filled({"q": value}) == f"/find?q={value}"


@pytest.mark.parametrize(
    "text",
    [
        *("/..", "/../users", "/users/{a}/..", "/./{a}", "/users/./x?q=.."),
        *("", "users", "http://x/users", "/a b", "/a\r\nb", "/é", "/a#b", "/a?b?c", "/%zz"),
        *("/{", "/}", "/{a}{b", "/{A}", "/{}", "/{a b}", "/{a}/{a}"),
    ],
)
def test_what_can_be_no_path_is_refused(text: str) -> None:
    """By a sentence that names it."""
    with pytest.raises(DeclarationError, match=r"is no path|no parameter"):
        PathTemplate(text)

"""Which of two media types a client likes best."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.media_types import preferred

JSON = "application/json"
HTML = "text/html;charset=utf-8"
CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)


@pytest.mark.parametrize(
    "lines",
    [
        [CHROMIUM], ["text/html"], ["TEXT/HTML"], ["text/*"], ["text/html, */*;q=0.9"], ["*/*;q=0", "text/html"],
        ["application/json;q=0.5, text/html;q=0.501"], ["application/json;q=0, */*"], ["text/html;charset=UTF-8"],
        ['text/html;charset="utf-8"'], ["text/html;q=0.001"], ["text/html ; Q=1"], ["text/html;q=1.000;level=1"],
        ["application/*;q=0.2, text/*;q=0.3"], ["*/*, application/json;q=0.5"], ["application/json;q=2, text/html"],
        ['image/x;title="a,application/json", text/html'], ["", ", ,text/html"], [";, ;q=1, text/html"],
    ],
)  # fmt: skip
def test_a_page_is_preferred(lines: list[str]) -> None:
    """By name, by a range or by its weight, in any case; the most precise range decides, on whichever line."""
    assert preferred(lines, (JSON, HTML)) == HTML


@pytest.mark.parametrize(
    "lines",
    [
        [], [""], ["*/*"], ["application/json"], ["text/html, application/json"], ["text/html;q=0.5, */*"],
        ["text/html;q=0, */*"], ["text/html;q=0.5, application/json;q=0.6"], ["text/*;q=0.5, */*;q=0.5"], ["nonsense"],
        ["application/*"], ["text/html;q=2, */*"], ["text/html;q=, */*;q=0.1"], ["text/html;level=1, */*;q=0.1"],
        ["text, */*"], ["*/html, */*"], ['image/x;title="a,text/html", */*'], [";"],
        ["text/html;q=0.1, text/html;charset=utf-8;q=0, */*;q=0.05"],
    ],
)  # fmt: skip
def test_json_is_preferred(lines: list[str]) -> None:
    """Where nothing is said, all is equal, or a page is less welcome, refused, another one, or not to be read."""
    assert preferred(lines, (JSON, HTML)) == JSON


@pytest.mark.parametrize(
    "line", ["text/plain", "image/*, text/plain;q=0.5", "*/*;q=0", "text/html;q=0, application/json;q=0.0"]
)
def test_neither_is_taken(line: str) -> None:
    """What is on offer is not named, or is refused."""
    assert preferred([line], (JSON, HTML)) is None


@given(st.text(alphabet='text/html*;q=0.15,"\\ x', max_size=60))
def test_whatever_comes_has_an_answer(line: str) -> None:
    """No line is an error."""
    assert preferred([line], (JSON, HTML)) in {JSON, HTML, None}

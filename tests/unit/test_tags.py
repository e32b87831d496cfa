"""Tags: what is one, and how many an entry carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cache.tags import MAX_TAGS, any_of, are_tags, bounded, is_tag, is_tags

_names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
_tags = st.builds(lambda name, number: f"{name}:{number}", _names, st.integers(0, 200))


@pytest.mark.parametrize("text", ["product:prod1", "a:1", "user_2:x.y~z", f"n:{'i' * 64}", "a:b:c", "a:*b"])
def test_a_tag_is_a_name_and_an_id(text: str) -> None:
    """Whatever is visible and no brace names a thing."""
    assert is_tag(text)
    assert is_tags(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        ":1",
        "a:",
        "A:1",
        "1:1",
        "a b:1",
        "a:b c",
        "a:{b}",
        "a:\n",
        "a:1\n",
        "a:é",
        f"n:{'i' * 65}",
        "a:*",
        "*:*",
    ],
)
def test_everything_else_is_none(text: str) -> None:
    """Least of all what would end a key early, or stand for many."""
    assert not is_tag(text)
    assert not are_tags(["a:1", text]) or text == "a:*"


@given(st.lists(_tags, max_size=400))
def test_so_many_tags_and_no_more(tags: list[str]) -> None:
    """Where there are too many of a name, one stands for all of them, so that nothing is missed by a purge."""
    kept = bounded(tags)
    assert len(kept) <= max(MAX_TAGS, len({any_of(one) for one in tags}))
    assert all(one in kept or any_of(one) in kept for one in tags)
    assert len({*tags}) > MAX_TAGS or kept == tuple(dict.fromkeys(tags))

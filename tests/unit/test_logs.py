"""A line of the log is whole, and no longer than what a pipe keeps together."""

import json
import select
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.observing.logs import log
from tests.fixtures.log_lines import heard

_FACTS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=9).map("fact_{}".format),
    st.one_of(
        st.none(),
        st.integers(-(2**60), 2**60),
        st.text(max_size=20).map(lambda text: text * 400),
        st.lists(st.text(max_size=10).map(lambda text: text * 100), max_size=30),
    ),
    max_size=12,
)


def _logged(event: str, facts: dict[str, Any]) -> bytes:
    taken: list[bytes] = []
    with heard(taken.append):
        log("error", event, "test", **facts)
    (line,) = taken
    return line


@given(st.text(max_size=10).map(lambda text: text * 900), _FACTS)
def test_no_line_is_longer_than_a_pipe_keeps_together(event: str, facts: dict[str, Any]) -> None:
    """Whatever its facts are: it can still be read, and says that something is missing."""
    line = _logged(event, facts)
    assert len(line) <= select.PIPE_BUF
    assert line.endswith(b"\n")
    document = json.loads(line)
    assert event.startswith(document["event"])
    assert document.get("cut", False) == (document != document | {"event": event} | facts)
    assert {"timestamp", "level", "logger", "service", "request_id", "trace_id"} <= document.keys()


@pytest.mark.parametrize("spare", [0, 1, 100])
def test_a_line_that_fits_is_left_as_it_is(spare: int) -> None:
    """To the last byte."""
    room = select.PIPE_BUF - len(_logged("event", {"fact": ""}))
    document = json.loads(_logged("event", {"fact": "x" * (room - spare)}))
    assert document["fact"] == "x" * (room - spare)
    assert json.loads(_logged("event", {"fact": "x" * (room + 1), "number": 7}))["number"] == 7

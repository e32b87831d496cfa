"""Lines written beforehand say what any other line says."""

import time

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.observing import logs
from shared.observing.logs import EventTemplate, log
from shared.observing.tracing import begin_trace, current_trace
from tests.fixtures.log_lines import heard

FACTS = {"method": "GET", "route": '/a/<"b">', "status": 200, "cache": "memory hit"}


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128), st.floats(0, 1e5))
@example('"', 0.0)
@example('a"b\\c', 0.0004)
@example("</script>'", 12.3456)
def test_a_recurring_line_equals_a_normal_one(request_id: str, number: float) -> None:
    """The same document but for the instant, whatever the client has called its request."""
    lines: list[bytes] = []
    trace = begin_trace(request_id, None, None)
    with heard(lines.append):
        token = current_trace.set(trace)
        log("info", "request", "access", duration_ms=round(number, 3), **FACTS)
        current_trace.reset(token)
        EventTemplate("info", "request", "access", "duration_ms", **FACTS).log(time.time(), trace, f"{number:.3f}")
    normal, recurring = (orjson.loads(line) for line in lines)
    assert lines[1].endswith(b"}\n")
    assert lines[1].count(b"\n") == 1
    assert recurring["request_id"] == request_id
    assert recurring["duration_ms"] == pytest.approx(normal.pop("duration_ms"), abs=0.00101)
    assert normal | {"timestamp": "", "duration_ms": 0} == recurring | {"timestamp": "", "duration_ms": 0}


def test_a_recurring_line_below_the_threshold_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with any line; and it is no error when nobody listens."""
    lines: list[bytes] = []
    recurring = EventTemplate("info", "request", "access", "duration_ms", **FACTS)
    monkeypatch.setattr(logs._sink, "threshold", 30)
    with heard(lines.append):
        recurring.log(time.time(), begin_trace(None, None, None), "1.0")
    monkeypatch.undo()
    recurring.log(time.time(), begin_trace(None, None, None), "1.0")
    assert lines == []

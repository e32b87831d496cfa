"""Request ids and W3C trace context."""

import re

import pytest

from shared.observing.tracing import begin_trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("traceparent", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f"00-{TRACE}-{SPAN}-ff", "01"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-bring", "01"),
    ],
)
def test_a_good_trace_is_taken_over(traceparent: str, flags: str) -> None:
    """The trace goes on under a span of ours; of the flags only "sampled" is known."""
    trace = begin_trace(None, traceparent, "vendor=1,other=2")
    assert (trace.trace_id, trace.flags, trace.state) == (TRACE, flags, "vendor=1,other=2")
    assert re.fullmatch(r"[0-9a-f]{16}", trace.span_id)
    assert trace.span_id != SPAN
    assert trace.traceparent == f"00-{TRACE}-{trace.span_id}-{flags}"


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "garbage",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE[:-1]}-{SPAN}-01",
    ],
)
def test_a_bad_trace_is_replaced_with_its_state(traceparent: str | None) -> None:
    """What is not valid starts a new trace, and the state that came with it is dropped."""
    trace = begin_trace(None, traceparent, "vendor=1")
    assert re.fullmatch(r"[0-9a-f]{32}", trace.trace_id)
    assert trace.trace_id != TRACE
    assert trace.state == ""


@pytest.mark.parametrize("state", ["a=1\nEvil: yes", "a=1\r", "x" * 513, "ä=1"])
def test_a_state_that_could_not_be_sent_on_is_dropped(state: str) -> None:
    """Nothing that would break a header travels on."""
    assert begin_trace(None, f"00-{TRACE}-{SPAN}-01", state).state == ""


@pytest.mark.parametrize(
    ("given", "kept"), [("a", True), ("~" * 128, True), ("", False), ("a b", False), ("a\n", False)]
)
def test_request_ids(given: str, kept: bool) -> None:
    """Visible ASCII of 1 to 128 characters is kept."""
    assert (begin_trace(given, None, None).request_id == given) is kept


def test_identities_differ() -> None:
    """No two requests share an id, a trace or a span."""
    traces = [begin_trace(None, None, None) for _ in range(1000)]
    for part in ("request_id", "trace_id", "span_id"):
        assert len({getattr(trace, part) for trace in traces}) == 1000

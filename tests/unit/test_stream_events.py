"""Events in both forms, on both wires, and which form a client gets."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.streams.accept import may_want_stream, takes_json, wanted_stream
from shared.http.streams.event import FORMATS, JSON_LINES, SERVER_SENT_EVENTS, Event, StreamFormat, Wire

SSE, JSONL = SERVER_SENT_EVENTS, JSON_LINES
VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
EVENTS = st.lists(
    st.builds(
        Event,
        st.sampled_from(["begin", "part", "complete", "end"]),
        VALUES.map(orjson.dumps),
        st.sampled_from(["", "35ffc29f"]),
        st.just(False),
    )
)


def _read(form: StreamFormat, data: bytes) -> list[Event]:
    if form is JSONL:
        lines = [orjson.loads(line) for line in data.splitlines()]
        return [Event(one["event"], orjson.dumps(one["data"]), one.get("id", "")) for one in lines]
    read = []
    for block in data.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        read.append(Event(fields["event"], fields["data"].encode(), fields.get("id", "")))
    return read


@given(EVENTS, st.sampled_from(FORMATS))
def test_what_is_written_is_what_is_read(events: list[Event], form: StreamFormat) -> None:
    """Whatever JSON there is in it: no event ends within its data."""
    assert _read(form, form.encode(events)) == events


def test_the_forms_are_these() -> None:
    """To the letter."""
    events = [Event("begin", b"{}"), Event("complete", b'{"etag":null}', "35ff")]
    assert SSE.encode(events) == b'event: begin\ndata: {}\n\nevent: complete\nid: 35ff\ndata: {"etag":null}\n\n'
    assert JSONL.encode(events) == (
        b'{"event":"begin","data":{}}\n{"event":"complete","id":"35ff","data":{"etag":null}}\n'
    )
    changed = Event("part", b"{}", forgets=True)
    assert SSE.encode([changed]) == b"event: part\nid: \ndata: {}\n\n"
    assert JSONL.encode([changed]) == b'{"event":"part","data":{}}\n'
    assert (SSE.heartbeat, JSONL.heartbeat) == (b":\n\n", b"\n")
    assert SSE.encode_last(Event("end", b"{}"), 1500) == b"retry: 1500\nevent: end\ndata: {}\n\n"
    assert JSONL.encode_last(Event("end", b"{}"), 1500) == b'{"event":"end","data":{}}\n'


def test_chunks_are_for_those_who_know_them() -> None:
    """RFC 9112 §7.1; others read to the end of the connection."""
    assert (Wire(SSE, is_chunked=True).framed(b"x" * 17), Wire(SSE, is_chunked=True).last) == (
        b"11\r\n" + b"x" * 17 + b"\r\n",
        b"0\r\n\r\n",
    )
    assert (Wire(SSE, is_chunked=False).framed(b"x"), Wire(SSE, is_chunked=False).last) == (b"x", b"")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ([], None),
        (["*/*"], None),
        (["application/json"], None),
        (["text/*, application/*"], None),
        (["text/html, application/xhtml+xml, */*;q=0.8"], None),
        (["text/event-stream"], SSE),
        (["Text/Event-Stream"], SSE),
        (['text/event-stream; charset="UTF-8"'], SSE),
        (["application/jsonl;charset=utf-8;q=0.5, application/json;q=0.4"], JSONL),
        (["text/event-stream;charset=latin-1"], None),
        (["application/jsonl"], JSONL),
        (["application/jsonl;q=0.5, text/event-stream;q=0.4"], JSONL),
        (["application/jsonl", "text/event-stream"], SSE),
        (["text/event-stream, */*"], SSE),
        (["application/jsonl, */*"], JSONL),
        (["application/json, text/event-stream"], None),
        (["application/json;q=0.9, text/event-stream"], SSE),
        (["application/json", "application/jsonl;q=0.1"], None),
        (["text/event-stream;q=0"], None),
        (["text/event-stream;q=0, application/jsonl"], JSONL),
    ],
)
def test_a_stream_is_for_those_who_name_it(accept: list[str], form: StreamFormat | None) -> None:
    """And like it better than a document, or as much as one that they do not name; ranges name nothing."""
    assert wanted_stream(accept) is form
    if form is not None:
        assert any(map(may_want_stream, accept))


def test_a_document_may_do_as_well() -> None:
    """For those who take anything, or say nothing."""
    assert [takes_json(accept) for accept in ([], ["*/*"], ["text/event-stream, application/json;q=0.1"])] == [True] * 3
    assert not takes_json(["text/event-stream"])

"""CloudEvents are read as the specification has them, in each mode, and nothing else is taken for one."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.cloud_event import MAX_BATCH, MAX_BYTES, CloudEvent, MalformedEvent, read_batch, read_event
from shared.events.http_binding import ATTRIBUTES, BATCHED, STRUCTURED, UnknownFormat, events_in

PLAIN: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.example.changed"}
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.fixed_dictionaries(
    {"specversion": st.just("1.0"), "id": TEXTS, "source": TEXTS, "type": TEXTS, "data": JSON},
    optional={"subject": TEXTS, "time": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)},
)
BAD: Mapping[str, Mapping[str, Any]] = {
    "another version": {"specversion": "0.3"},
    "no version": {"specversion": None},
    **{f"no {name}": {name: None} for name in ("id", "source", "type")},
    **{f"an empty {name}": {name: ""} for name in ("id", "source", "type", "subject", "time")},
    **{f"a long {name}": {name: "x" * 1025} for name in ("id", "source", "type", "subject")},
    **{f"a line in {name}": {name: "x\n"} for name in ("id", "source", "type", "subject")},
    "a number for an id": {"id": 1},
    "a list for a subject": {"subject": []},
    "a time without an offset": {"time": "2026-11-26T12:00:00"},
    "a date": {"time": "2026-11-26"},
    "seconds": {"time": 1796000000},
    "no base64": {"data_base64": "*"},
    "data twice": {"data": 1, "data_base64": "MQ=="},
    "no JSON in base64": {"datacontenttype": "application/json", "data_base64": "e30="[:2] + "=="},
    "too large": {"data": "x" * MAX_BYTES},
}
NO_EVENTS = [b"", b"{", b"[]", b"null", b"\xff", b'"1.0"', b"[" * 100_000, b'{"id": "\\ud800"}']


def written(document: object) -> bytes:
    """As JSON."""
    return json.dumps(document).encode()


def head(fields: Mapping[str, str | Sequence[str]]) -> Callable[[str], Sequence[str]]:
    """The head of a request that has these fields."""

    def values(name: str) -> Sequence[str]:
        found = fields.get(name, ())
        return (found,) if isinstance(found, str) else found

    return values


def binary(event: Mapping[str, Any], **more: str) -> Callable[[str], Sequence[str]]:
    """The head of a request that brings this event in binary mode, its data as JSON."""
    fields = {f"ce-{name}": quote(event[name], safe="!#$&'()*+,/:;=?@[]") for name in ATTRIBUTES if name in event}
    return head({**fields, "content-type": "application/json", **{name.replace("_", "-"): more[name] for name in more}})


def one(values: Callable[[str], Sequence[str]], body: bytes) -> CloudEvent:
    """The only event of a request."""
    event = events_in(values, body)
    assert isinstance(event, CloudEvent)
    return event


def batch(*events: Mapping[str, Any]) -> list[CloudEvent | None]:
    """Those of a request that brings a batch."""
    found = events_in(head({"content-type": BATCHED}), written(events))
    assert not isinstance(found, CloudEvent)
    return list(found)


@given(EVENTS)
def test_each_mode_says_the_same(event: dict[str, Any]) -> None:
    """What is sent in structured, batched or binary mode, and with its data in base64."""
    data = written(event["data"])
    in_base64 = {key: value for key, value in event.items() if key != "data"} | {
        "data_base64": base64.b64encode(data).decode(),
        "datacontenttype": "Application/JSON; charset=utf-8",
    }
    (batched,) = batch(event)
    assert batched is not None
    read = read_event(written(event))
    for other in (
        one(head({"content-type": f"{STRUCTURED.title()}; charset=UTF-8"}), written(event)),
        batched,
        one(binary(event), data),
        read_event(written(in_base64)),
    ):
        for name in (*ATTRIBUTES, "data"):
            assert getattr(other, name) == getattr(read, name)
    assert (read.id, read.source, read.type) == (event["id"], event["source"], event["type"])
    assert (read.subject, read.data) == (event.get("subject", ""), event["data"])
    assert read.time == (datetime.fromisoformat(event["time"]) if "time" in event else None)


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_what_is_malformed_is_refused(change: Mapping[str, Any]) -> None:
    """By itself; a batch has the others all the same. What is said of it has nothing of it."""
    event = {**PLAIN, "data": None, **change}
    if "data_base64" in change and "data" not in change:
        del event["data"]
    with pytest.raises(MalformedEvent) as refused:
        read_event(written(event))
    assert "xx" not in str(refused.value)
    assert [found is None for found in batch(PLAIN, event, PLAIN)] == [False, True, False]


@pytest.mark.parametrize("body", NO_EVENTS, ids=range(len(NO_EVENTS)))
def test_what_is_no_object_is_no_event(body: bytes) -> None:
    """Whatever else it is."""
    with pytest.raises(MalformedEvent):
        read_event(body)


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"1", written([PLAIN] * (MAX_BATCH + 1))], ids=range(5))
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    """As a whole, as is one of too many."""
    with pytest.raises(MalformedEvent):
        read_batch(body)


def test_what_is_absent_is_nothing() -> None:
    """As is what is null; further attributes say nothing to us."""
    for event in (PLAIN, {**PLAIN, "subject": None, "time": None, "data": None, "comexampleother": 5}):
        read = read_event(written(event))
        assert (read.subject, read.time, read.data) == ("", None, None)
    assert list(read_batch(b"[]")) == []


def test_data_that_is_no_json_is_text_or_bytes() -> None:
    """As it was sent."""
    assert read_event(written({**PLAIN, "datacontenttype": "text/xml", "data": "<a/>"})).data == "<a/>"
    assert read_event(written({**PLAIN, "data_base64": "e30="})).data == b"{}"
    assert one(binary(PLAIN, content_type="text/xml"), b"<a/>").data == b"<a/>"
    assert one(binary(PLAIN, content_type="application/vnd.x+json"), b"{}").data == {}
    assert one(head({f"ce-{name}": value for name, value in PLAIN.items()}), b"").data is None


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("Euro%20%e2%82%ac", "Euro €"),
        ("%41", "A"),
        ("%2541", "%41"),
        ('"a b"', "a b"),
        (r'"a \"b\" \\"', r'a "b" \ '.rstrip()),
        ('"%41"', "A"),
        ('"', '"'),
        *((bad, None) for bad in ("%C0%A0", "%", "%4", "%zz", "é", "%00", "%0A", "%ED%A0%80", '""', "")),
    ],
)
def test_fields_of_the_head_are_decoded_once(value: str, meant: str | None) -> None:
    """Percent-encoded UTF-8, in quotes as earlier versions had it; the examples of the specification."""
    values = head({**{f"ce-{name}": text for name, text in PLAIN.items()}, "ce-subject": value})
    if meant is None:
        with pytest.raises(MalformedEvent):
            events_in(values, b"")
    else:
        assert one(values, b"").subject == meant


@pytest.mark.parametrize(
    "fields",
    [{"ce_id": ""}, {"ce_datacontenttype": "application/json"}, {"ce_specversion": "0.3"}, {"ce_time": "now"}],
    ids=str,
)
def test_a_wrong_field_is_refused(fields: dict[str, str]) -> None:
    """So is one that comes twice, data that is not what its type says, and too much of it."""
    with pytest.raises(MalformedEvent):
        events_in(binary(PLAIN, **fields), b"")
    twice = {**{f"ce-{name}": text for name, text in PLAIN.items()}, "ce-id": ("1", "1")}
    for values, body in ((head(twice), b""), (binary(PLAIN), b"{"), (binary(PLAIN), b" " * MAX_BYTES + b"1")):
        with pytest.raises(MalformedEvent):
            events_in(values, body)


@pytest.mark.parametrize("content_type", ["application/json", "application/cloudevents+avro", "text/plain", ""])
def test_other_content_is_not_looked_at(content_type: str) -> None:
    """JSON without the fields of an event, and formats that nobody here reads."""
    fields = {"content-type": content_type} if content_type else {}
    if "cloudevents" in content_type:
        fields |= {f"ce-{name}": text for name, text in PLAIN.items()}
    with pytest.raises(UnknownFormat):
        events_in(head(fields), written(PLAIN))


@pytest.mark.parametrize("content_type", [STRUCTURED, BATCHED, "text/plain"])
def test_nothing_compressed_is_taken(content_type: str) -> None:
    """In no mode."""
    fields = {f"ce-{name}": text for name, text in PLAIN.items()}
    with pytest.raises(UnknownFormat):
        events_in(head({**fields, "content-type": content_type, "content-encoding": "gzip"}), written(PLAIN))

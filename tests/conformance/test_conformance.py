"""Sections 2 to 7 of ``docs/streams.md``, asked of an aggregate that exists and stays as it is."""

import asyncio
from typing import Any, Final

import orjson
import pytest

from tests.conformance.conftest import StartTarget, Target, named
from tests.conformance.items import Event, Form, Item
from tests.conformance.json_lines import JSON_LINES
from tests.conformance.rules import Rules
from tests.conformance.sse import SSE

FORMS: Final = pytest.mark.parametrize("form", [SSE, JSON_LINES], ids=["sse", "json_lines"])
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
OTHERS: Final = ["f" * 24, "x", "a" * 4_000, "W/", '"', "%00", "0" * 24]


async def _until(name: str, target: Target, form: Form, query: str, **fields: str) -> list[Item]:
    """What a live stream says up to the first event of that name."""
    items: list[Item] = []
    async with target.asked(form.media_type, query, **fields) as answer:
        assert answer.head.status == 200
        async for item in answer.items(form):
            items.append(item)
            if isinstance(item, Event) and item.name == name:
                return items
    raise AssertionError(f"it ended with {items}")


async def _document(target: Target) -> Any:
    async with target.asked(JSON) as answer:
        return await answer.document()


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        (None, JSON),
        ("*/*", JSON),
        (JSON, JSON),
        ("text/html", JSON),
        ("text/event-stream", SSE.media_type),
        ("Text/Event-Stream", SSE.media_type),
        ("application/jsonl", JSON_LINES.media_type),
        ("text/event-stream, */*;q=0.1", SSE.media_type),
        ("*/*, application/jsonl", JSON_LINES.media_type),
        ("text/*", JSON),
        ("application/*, text/event-stream;q=0.9", JSON),
        ("text/event-stream;q=0.5, application/json", JSON),
        ("text/event-stream;q=0.5, application/jsonl", JSON_LINES.media_type),
        ("application/jsonl, text/event-stream", SSE.media_type),
        ("text/event-stream, application/json", JSON),
        ("application/jsonl;q=0, text/event-stream;q=0.001", SSE.media_type),
        ("text/event-stream;q=0", JSON),
    ],
)
async def test_the_form_is_the_one_liked_best(target: StartTarget, accept: str | None, given: str) -> None:
    """§2.1: by weight; of equals JSON where it is named, then Server-Sent Events; JSON where no stream is named."""
    async with (await target()).asked(accept) as answer:
        assert (answer.head.status, answer.head.media_type) == (200, given)


@FORMS
@pytest.mark.parametrize("query", ["live=", "live=1", "live=TRUE", "live=true&live=true", "live=true&live=false"])
async def test_live_is_true_or_false(target: StartTarget, form: Form, query: str) -> None:
    """§2.2: anything else is refused, and so is a document that is to stay open."""
    one = await target()
    for accept in (form.media_type, JSON):
        async with one.asked(accept, f"?{query}") as answer:
            assert (answer.head.status, answer.head.media_type) == (400, PROBLEM)
    async with one.asked(JSON, "?live=true") as answer:
        assert (answer.head.status, answer.head.media_type) == (406, PROBLEM)


@FORMS
async def test_live_false_is_one_shot(target: StartTarget, form: Form) -> None:
    """§2.2: as without it."""
    items = await (await target()).told(form, "?live=false")
    assert Rules(form).broken(items) == []


@FORMS
@pytest.mark.parametrize("view", ["card", "anything"])
async def test_a_view_is_no_stream(target: StartTarget, form: Form, view: str) -> None:
    """§2.3: it is a document where that is taken too; a view that is none is refused anyway."""
    one = await target()
    async with one.asked(form.media_type, f"?view={view}") as answer:
        assert (answer.head.status, answer.head.media_type) in [(status, PROBLEM) for status in (400, 406)]
    async with one.asked(f"{form.media_type}, {JSON};q=0.1", f"?view={view}") as answer:
        assert (answer.head.status, answer.head.media_type) in [(200, JSON), (400, PROBLEM)]


@FORMS
async def test_the_field_counts_before_the_parameter(target: StartTarget, form: Form) -> None:
    """§2.4: where it is there and not empty."""
    one = await target()
    state = await one.state()
    for field, parameter, status in [(state, "x", 204), ("x", state, 200), ("", state, 204), (state, "", 204)]:
        async with one.asked(form.media_type, f"?last_event_id={parameter}", Last_Event_ID=field) as answer:
            assert answer.head.status == status


@FORMS
async def test_if_none_match_counts_for_nothing(target: StartTarget, form: Form) -> None:
    """§2.4: a stream has an id, and no entity tag."""
    one = await target()
    items = await one.told(form, If_None_Match=f'W/"{await one.state()}"')
    assert Rules(form).broken(items) == []


@FORMS
@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("last", ["", "x", None])
@pytest.mark.parametrize("query", ["", "live=true", "live=1"])
async def test_head_has_the_head_alone(
    target: StartTarget, form: Form, query: str, last: str | None, version: str
) -> None:
    """§2.5: that of the stream, or of what there is instead of one; nothing is in chunks for those who know none."""
    one = await target()
    asked = f"?{query}&last_event_id={await one.state() if last is None else last}"
    async with one.asked(form.media_type, asked, version=version) as answer:
        got = answer.head
    async with one.asked(form.media_type, asked, version=version, method="HEAD") as answer:
        head = answer.head
    assert (head.status, head.fields.get("content-type")) == (got.status, got.fields.get("content-type"))
    assert (head.fields.get("cache-control"), head.varies_by) == (got.fields.get("cache-control"), got.varies_by)
    assert head.status != 200 or head.fields["cache-control"] == "no-store"
    assert version == "1.1" or "transfer-encoding" not in head.fields


@FORMS
@pytest.mark.parametrize("query", ["", "?live=true", "?last_event_id=x"])
@pytest.mark.parametrize("identifier", ["a%20b", "a" * 65])
async def test_what_can_be_said_by_a_status_is(target: StartTarget, form: Form, query: str, identifier: str) -> None:
    """§3.1: by a problem document."""
    async with (await target()).beside(identifier).asked(form.media_type, query) as answer:
        assert (answer.head.status, answer.head.media_type) == (400, PROBLEM)
        assert (await answer.document())["status"] == 400


@FORMS
@pytest.mark.parametrize("query", ["", "?live=true", "?last_event_id=x"])
async def test_of_what_does_not_exist_a_problem_is_told(target: StartTarget, form: Form, query: str) -> None:
    """§3.1: by a status; §5.5: by the end of a stream, if another part was known first."""
    async with (await target()).beside("nobody-has-this-id").asked(form.media_type, query) as answer:
        if answer.head.media_type == PROBLEM:
            assert answer.head.status == (problem := await answer.document())["status"]
        else:
            items = [item async for item in answer.items(form)]
            assert Rules(form, live="live" in query).broken(items) == []
            (end,) = named(items, "end")
            problem = end.document.get("problem", {})
        assert problem.get("status") == 404


@FORMS
@pytest.mark.parametrize("query", ["", "?live=true"])
async def test_the_head_is_that_of_a_stream(target: StartTarget, form: Form, query: str) -> None:
    """§3.3: nothing may keep it, collect it or encode it."""
    async with (await target()).asked(form.media_type, query, Accept_Encoding="gzip, zstd, br") as answer:
        fields = answer.head.fields
        assert (answer.head.status, answer.head.media_type) == (200, form.media_type)
        assert fields["content-type"].lower().replace(" ", "") in {form.media_type, f"{form.media_type};charset=utf-8"}
        assert (fields["cache-control"], fields["x-accel-buffering"]) == ("no-store", "no")
        assert "accept" in answer.head.varies_by
        assert {"etag", "age", "content-length", "content-encoding"}.isdisjoint(fields)


async def test_the_json_answer_depends_on_accept_too(target: StartTarget) -> None:
    """§3.3: or a cache would give it to those who want a stream."""
    one = await target()
    for fields in ({}, {"If_None_Match": f'W/"{await one.state()}"'}):
        async with one.asked(JSON, **fields) as answer:
            assert "accept" in answer.head.varies_by


@FORMS
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_the_body_ends_properly(target: StartTarget, form: Form, version: str) -> None:
    """§3.4: by the last chunk, or with the connection; to the end the stream is as it should be."""
    async with (await target()).asked(form.media_type, version=version) as answer:
        assert answer.head.fields.get("transfer-encoding") == ("chunked" if version == "1.1" else None)
        assert Rules(form).broken([item async for item in answer.items(form)]) == []


@FORMS
async def test_a_stream_has_the_bytes_of_the_json_answer(target: StartTarget, form: Form) -> None:
    """§3.5, §5.2, §5.4: values, the order of parts, metadata, and the entity tag."""
    one = await target()
    async with one.asked(JSON) as answer:
        etag, body = answer.head.fields["etag"], await answer.body()
    items = await one.told(form)
    (begin,), (complete,) = named(items, "begin"), named(items, "complete")
    *members, metadata = orjson.loads(body).items()
    assert begin.document["parts"] == [name for name, _ in members]
    values = {part.document["name"]: part.data.partition(b',"value":')[2][:-1] for part in named(items, "part")}
    assert b",".join(b'"%b":%b' % (name.encode(), values[name]) for name, _ in members) in body
    assert complete.document["etag"] == etag
    same = {"partial", "parts", "aggregated_at", "cache_ttl"} & metadata[1].keys()
    assert {name: complete.document["metadata"][name] for name in same} == {name: metadata[1][name] for name in same}
    assert complete.document["metadata"].keys() == metadata[1].keys()


async def test_both_forms_have_the_same_data(target: StartTarget) -> None:
    """§4, §6.1: and the same ids."""
    one = await target()
    await one.state()
    sse, lines = await one.told(SSE), await one.told(JSON_LINES)
    assert sorted(map(str, sse)) == sorted(map(str, lines))


@FORMS
async def test_a_live_stream_begins_as_a_one_shot_one(target: StartTarget, form: Form) -> None:
    """§5.1, §7.1: up to the first complete."""
    items = await _until("complete", await target(), form, "?live=true")
    assert Rules(form, live=True).broken(items, goes_on=True) == []


@FORMS
async def test_who_has_the_state_is_told_so(target: StartTarget, form: Form) -> None:
    """§6.2: 204 and nothing else, or when live a complete that says it."""
    one = await target()
    state = await one.state()
    for query, fields in (("", {"Last_Event_ID": state}), (f"?last_event_id={state}", {})):
        async with one.asked(form.media_type, query, **fields) as answer:
            assert (answer.head.status, answer.head.fields["cache-control"]) == (204, "no-store")
            assert "accept" in answer.head.varies_by
    for query, fields in (("?live=true", {"Last_Event_ID": state}), (f"?live=true&last_event_id={state}", {})):
        items = await _until("complete", one, form, query, **fields)
        assert Rules(form, live=True, asked_with=state).broken(items, goes_on=True) == []
        assert named(items, "part") == []
        assert (named(items, "complete")[0].id, named(items, "complete")[0].document["unchanged"]) == (state, True)


@FORMS
@pytest.mark.parametrize("other", OTHERS)
async def test_any_other_id_is_none(target: StartTarget, form: Form, other: str) -> None:
    """§6.3, §6.4: everything is told, and Server-Sent Events forget that id first."""
    one = await target()
    items = await one.told(form, Last_Event_ID=other)
    assert Rules(form, asked_with=other).broken(items) == []
    live = await _until("complete", one, form, "?live=true", Last_Event_ID=other)
    assert Rules(form, live=True, asked_with=other).broken(live, goes_on=True) == []


@FORMS
async def test_streams_side_by_side_are_the_same(target: StartTarget, form: Form) -> None:
    """§6.1: who joins a load is told the same as who began it."""
    one = await target()
    streams = await asyncio.gather(*(one.told(form) for _ in range(3)))
    for items in streams:
        assert Rules(form).broken(items) == []
        assert named(items, "complete")[0].id == named(streams[0], "complete")[0].id

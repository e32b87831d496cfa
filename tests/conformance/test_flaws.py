"""The conformance tests themselves: they pass where nothing is wrong, and whoever breaks one rule fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from tests.conformance import test_conformance as rules
from tests.conformance.conftest import Target
from tests.conformance.scripted import PATH, Scripted

Check = Callable[..., Awaitable[None]]


@asynccontextmanager
async def _scripted(flaw: str) -> AsyncIterator[Callable[[], Awaitable[Target]]]:
    server = await asyncio.start_server(Scripted(flaw).serve, "127.0.0.1", 0)

    async def target() -> Target:
        return Target("127.0.0.1", server.sockets[0].getsockname()[1], PATH)

    async with server:
        yield target


def _parameters(check: Any) -> list[dict[str, Any]]:
    """Those that it is run with, in every combination."""
    combinations: list[dict[str, Any]] = [{}]
    for mark in (one for one in getattr(check, "pytestmark", []) if one.name == "parametrize"):
        names, rows = mark.args
        names = (names,) if isinstance(names, str) else names
        values = [dict(zip(names, row if len(names) > 1 else [row], strict=True)) for row in rows]
        combinations = [{**one, **more} for one in combinations for more in values]
    return combinations


CHECKS: Final[dict[str, Check]] = {name: check for name, check in vars(rules).items() if name.startswith("test_")}
FLAWS: Final = {
    "weights are ignored": "test_the_form_is_the_one_liked_best",
    "ranges are names": "test_the_form_is_the_one_liked_best",
    "lines are liked better": "test_the_form_is_the_one_liked_best",
    "live is anything": "test_live_is_true_or_false",
    "documents stay open": "test_live_is_true_or_false",
    "views are streamed": "test_a_view_is_no_stream",
    "the parameter counts first": "test_the_field_counts_before_the_parameter",
    "If-None-Match counts": "test_if_none_match_counts_for_nothing",
    "may be kept": "test_head_has_the_head_alone",
    "streams of nothing": "test_of_what_does_not_exist_a_problem_is_told",
    "no problem documents": "test_what_can_be_said_by_a_status_is",
    "an entity tag": "test_the_head_is_that_of_a_stream",
    "JSON does not vary": "test_the_json_answer_depends_on_accept_too",
    "no last chunk": "test_the_body_ends_properly",
    "other bytes": "test_a_stream_has_the_bytes_of_the_json_answer",
    "forms differ": "test_both_forms_have_the_same_data",
    "the state is told again": "test_who_has_the_state_is_told_so",
    "odd ids are refused": "test_any_other_id_is_none",
    "ids are remembered": "test_any_other_id_is_none",
    "ids differ": "test_streams_side_by_side_are_the_same",
}


@pytest.mark.parametrize("check", CHECKS)
async def test_nothing_is_found_where_nothing_is_wrong(check: str) -> None:
    """In an implementation that shares nothing with the gateway."""
    async with _scripted("") as target:
        for parameters in _parameters(CHECKS[check]):
            await CHECKS[check](target, **parameters)


@pytest.mark.parametrize(("flaw", "check"), FLAWS.items())
async def test_a_flaw_is_found(flaw: str, check: str) -> None:
    """By the test that is about it."""
    failures: list[str] = []
    async with _scripted(flaw) as target:
        for parameters in _parameters(CHECKS[check]):
            try:
                await CHECKS[check](target, **parameters)
            except (AssertionError, asyncio.IncompleteReadError) as failure:
                failures.append(str(failure))
    assert failures


def test_every_check_finds_a_flaw() -> None:
    """But for those of whole streams, whose rules are broken one by one in ``test_rules.py``."""
    of_rules = {"test_live_false_is_one_shot", "test_a_live_stream_begins_as_a_one_shot_one"}
    assert {*CHECKS} - of_rules == {*FLAWS.values()}

"""The live view of the index page: parts as they arrive, and what it does when a stream ends.

What the gateway says is written here, whole streams of it; ``test_watching_live.py`` has the gateway say it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.barriers import barriers
from tests.browser.conftest import VisitPage
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer
from tests.fixtures.system import StartSystem, System

pytestmark = pytest.mark.chromium

FRESH: Final = {"status": "fresh"}
PARTS: Final = ["user", "orders", "products"]
METADATA: Final = {"partial": False, "aggregated_at": "2026-11-23T06:00:00.123Z", "parts": dict.fromkeys(PARTS, FRESH)}
PROBLEM: Final = {"title": "Not found", "status": 404, "detail": "There is no such user."}


def _line(event: str, data: object, state: str | None = None) -> str:
    return json.dumps({"event": event, **({"id": state} if state else {}), "data": data}) + "\n"


BEGIN: Final = _line("begin", {"user_id": "user123", "parts": PARTS, "live": True})
USER: Final = _line("part", {"name": "user", "provenance": FRESH, "value": {"full_name": "<b>Maria</b>"}})
OLD: Final = {"status": "stale", "age": 41.2, "reason": "timeout"}
ORDERS: Final = _line("part", {"name": "orders", "provenance": OLD, "value": []})
GONE: Final = {"status": "missing", "reason": "circuit_open"}
PRODUCTS: Final = _line("part", {"name": "products", "provenance": GONE, "value": None})
COMPLETE: Final = _line("complete", {"metadata": METADATA, "etag": 'W/"a1"'}, "a1")
PARTIAL: Final = _line("complete", {"metadata": {**METADATA, "partial": True}, "etag": None})


def _end(reason: str, **more: object) -> str:
    return _line("end", {"reason": reason, **more})


@dataclass
class Script:
    """What is said, one stream after the other, and the fields of the requests for them; then nothing is answered."""

    answers: list[tuple[int, dict[str, str], str]]
    asked: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, page: Page, *answers: str | tuple[int, dict[str, str], str]) -> "Script":
        """Said to ``page``."""
        streams = [(200, {}, answer) if isinstance(answer, str) else answer for answer in answers]
        script = cls(streams)
        page.route("**/api/profile/*", script._answer)
        return script

    def _answer(self, route: Route) -> None:
        self.asked.append(route.request.headers)
        if len(self.asked) <= len(self.answers):
            status, fields, body = self.answers[len(self.asked) - 1]
            route.fulfill(status=status, headers={"content-type": "application/jsonl", **fields}, body=body)


def _watch(page: Page) -> None:
    page.get_by_label("user_id").fill("user123")
    page.get_by_role("button", name="Watch").click()


def _cards(page: Page, selector: str) -> Sequence[str]:
    return page.locator("#parts .card").locator(selector).all_text_contents()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_parts_are_shown_with_status_reason_and_value(
    running_system: System, visit: VisitPage, color_scheme: str
) -> None:
    """As text, whatever they say; and for everybody to use."""
    one = visit(f"{running_system.gateway.url}/", color_scheme=color_scheme)
    said = BEGIN + _line("news", {}) + USER + "\n" + ORDERS + PRODUCTS + PARTIAL + _end("drain", retry=600_000)
    script = Script.of(one.page, said)
    _watch(one.page)
    expect(one.page.locator("#stream")).to_have_text("coming back")
    expect(one.page.locator("#told")).to_have_text("the gateway is leaving")
    assert _cards(one.page, ".name") == PARTS
    assert _cards(one.page, ".state") == ["fresh", "stale", "missing"]
    assert _cards(one.page, ".why") == ["", "timeout, 41 s old", "circuit open"]
    assert _cards(one.page, "pre") == ['{\n  "full_name": "<b>Maria</b>"\n}', "[]", "null"]
    assert all(when.startswith("after ") for when in _cards(one.page, ".when"))
    one.page.get_by_text("What came").click()
    expect(one.page.locator("#came li")).to_have_count(6)
    expect(one.page.locator("#came li").nth(2)).to_contain_text("partial, after ")
    assert barriers(one.page) == []
    assert one.complaints == []
    assert script.asked[0]["accept"] == "application/jsonl"


def test_what_changes_is_shown(running_system: System, visit: VisitPage) -> None:
    """With the time of day; what stays stays, opened as it was."""
    one = visit(f"{running_system.gateway.url}/")
    changed = _line("part", {"name": "products", "provenance": FRESH, "value": {"prod1": {"price": 5}}})
    first = BEGIN + USER + ORDERS + PRODUCTS + PARTIAL + _end("drain", retry=0)
    Script.of(one.page, first, BEGIN + USER + ORDERS + PRODUCTS + PARTIAL + changed + COMPLETE + _end("revoked"))
    _watch(one.page)
    expect(one.page.locator("#told")).to_have_text("the access token was revoked")
    assert _cards(one.page, ".state") == ["fresh", "stale", "fresh"]
    *_, products = _cards(one.page, ".when")
    assert products.startswith("changed at ")
    expect(one.page.locator("#came li").nth(1)).to_contain_text("complete; as of ")


@pytest.mark.parametrize(
    ("said", "last_event_id"),
    [
        (BEGIN + USER + ORDERS + PRODUCTS + COMPLETE + _end("drain", retry=1), "a1"),
        (BEGIN + USER + ORDERS + PRODUCTS + COMPLETE + _end("limit"), "a1"),
        (BEGIN + USER + ORDERS + PRODUCTS + COMPLETE + _end("expired"), "a1"),
        (BEGIN + USER + ORDERS + PRODUCTS + COMPLETE + _end("problem", problem=PROBLEM, retry=1), "a1"),
        (BEGIN + USER + ORDERS + PRODUCTS + COMPLETE + _end("problem", problem=PROBLEM | {"status": 503}), "a1"),
        (BEGIN + USER + ORDERS + PRODUCTS + COMPLETE + _end("whim"), "a1"),
        (BEGIN + USER + ORDERS + PRODUCTS + COMPLETE, "a1"),
        (BEGIN + USER + ORDERS + PRODUCTS + COMPLETE + USER, None),
        (BEGIN + USER + ORDERS + PRODUCTS + COMPLETE + USER + PARTIAL, None),
        (BEGIN + USER, None),
        (BEGIN + '{"event":"part"', None),
        ("", None),
        ((503, {"retry-after": "0"}, "{}"), None),
        ((429, {"retry-after": "0"}, "{}"), None),
        ((502, {}, "<html>Bad gateway</html>"), None),
    ],
)
def test_it_comes_back(
    running_system: System, visit: VisitPage, said: str | tuple[int, dict[str, str], str], last_event_id: str | None
) -> None:
    """With the id of what it has, if that is all of one state."""
    one = visit(f"{running_system.gateway.url}/")
    script = Script.of(one.page, said, BEGIN + USER + ORDERS + PRODUCTS + COMPLETE + _end("revoked"))
    _watch(one.page)
    expect(one.page.locator("#told")).to_have_text("the access token was revoked")
    expect(one.page.locator("#stream")).to_have_text("ended")
    assert [fields.get("last-event-id") for fields in script.asked] == [None, last_event_id]


@pytest.mark.parametrize(
    ("said", "state", "told"),
    [
        (BEGIN + ORDERS + _end("problem", problem=PROBLEM), "refused", "Not found: There is no such user."),
        ((404, {}, json.dumps(PROBLEM)), "refused", "Not found: There is no such user."),
        ((401, {}, "<html>"), "refused", "HTTP 401: no stream"),
        (BEGIN + USER + ORDERS + PRODUCTS + COMPLETE + _end("revoked"), "ended", "the access token was revoked"),
    ],
)
def test_it_stays_away(
    running_system: System, visit: VisitPage, said: str | tuple[int, dict[str, str], str], state: str, told: str
) -> None:
    """Where the same question would have the same answer; it says why, and there is nothing to stop."""
    one = visit(f"{running_system.gateway.url}/")
    script = Script.of(one.page, said)
    _watch(one.page)
    expect(one.page.locator("#told")).to_have_text(told)
    expect(one.page.locator("#stream")).to_have_text(state)
    expect(one.page.get_by_role("button", name="Stop")).to_be_hidden()
    assert len(script.asked) == 1


def test_one_is_watched_at_a_time_until_it_is_stopped(running_system: System, visit: VisitPage) -> None:
    """With the keyboard alone."""
    one = visit(f"{running_system.gateway.url}/")
    Script.of(one.page, BEGIN + USER + _end("drain", retry=600_000))
    one.page.get_by_label("user_id").fill("user123")
    for _ in range(2):
        one.page.keyboard.press("Tab")
    expect(one.page.get_by_role("button", name="Watch")).to_be_focused()
    one.page.keyboard.press("Enter")
    expect(one.page.locator("#stream")).to_have_text("coming back")
    one.page.get_by_label("user_id").fill("user456")
    one.page.get_by_role("button", name="Watch").click()
    expect(one.page.locator("#subject")).to_have_text("user456")
    expect(one.page.locator("#stream")).to_have_text("asking")
    expect(one.page.locator("#parts .card")).to_have_count(0)
    one.page.get_by_role("button", name="Stop").click()
    expect(one.page.locator("#stream")).to_have_text("ended")


def test_a_token_is_shown_where_one_is_asked_for(start_system: StartSystem, visit: VisitPage, tmp_path: Path) -> None:
    """The field is there then, and only then; what it holds at the time is sent."""
    issuer, keys = Issuer(), tmp_path / "keys.json"
    keys.write_bytes(issuer.key_set())
    system = start_system(AUTH="jwt", AUTH_JWKS_FILE=str(keys), AUTH_ISSUER=ISSUER, AUTH_AUDIENCE=AUDIENCE)
    one = visit(f"{system.gateway.url}/")
    script = Script.of(one.page, (401, {}, "{}"), BEGIN + USER + _end("revoked"))
    _watch(one.page)
    expect(one.page.locator("#stream")).to_have_text("refused")
    one.page.get_by_label("access token").fill("abc.def.ghi")
    one.page.get_by_role("button", name="Watch").click()
    expect(one.page.locator("#stream")).to_have_text("ended")
    assert [fields.get("authorization") for fields in script.asked] == [None, "Bearer abc.def.ghi"]
    assert barriers(one.page) == []


def test_there_is_no_field_for_a_token_where_none_is_asked_for(running_system: System, visit: VisitPage) -> None:
    """Nor a placeholder that is no id."""
    one = visit(f"{running_system.gateway.url}/")
    expect(one.page.locator("#token")).to_have_count(0)
    expect(one.page.get_by_label("user_id")).to_have_attribute("placeholder", "user123")

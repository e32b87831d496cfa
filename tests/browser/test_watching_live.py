"""The live view of the index page over the running system: what people see when something happens."""

import urllib.request
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.browser.barriers import barriers
from tests.browser.conftest import VisitPage
from tests.fixtures.edge_on import shown_to
from tests.fixtures.system import StartSystem, System

pytestmark = pytest.mark.chromium

ADMIN: Final = "open-sesame"


def _watch(page: Page, user_id: str) -> None:
    page.get_by_label("user_id").fill(user_id)
    page.get_by_role("button", name="Watch").click()


def _purge(system: System, user_id: str) -> None:
    headers = {**shown_to(system.gateway.environment), "Authorization": f"Bearer {ADMIN}"}
    path = f"{system.gateway.url}/api/cache/profile/{user_id}"
    with urllib.request.urlopen(urllib.request.Request(path, headers=headers, method="DELETE"), timeout=30) as answer:
        assert answer.status == 204


def test_parts_arrive_change_and_come_back(start_system: StartSystem, visit: VisitPage) -> None:
    """A service goes, and what was known is purged: the page says so, and what becomes of it."""
    system = start_system(ADMIN_TOKEN=ADMIN)
    one = visit(f"{system.gateway.url}/")
    _watch(one.page, "user123")
    cards = one.page.locator("#parts .card")
    expect(one.page.locator("#stream")).to_have_text("live")
    expect(cards.locator(".state")).to_have_text(["fresh", "fresh", "fresh"])
    expect(cards.nth(0).locator("pre")).to_contain_text("Maria Santos")
    expect(one.page.locator("#told")).to_contain_text("complete")
    _purge(system, "user123")
    expect(one.page.locator("#told")).to_contain_text("unchanged")
    system.apps["orders"].kill()
    _purge(system, "user123")
    expect(one.page.locator("#told")).to_contain_text("partial")
    expect(cards.nth(1).locator(".state")).to_have_text("missing")
    expect(cards.nth(1).locator(".why")).not_to_be_empty()
    expect(cards.nth(1).locator(".when")).to_contain_text("changed at")
    assert barriers(one.page) == []
    assert one.complaints == []


def test_the_gateway_goes_and_comes_back(start_system: StartSystem, visit: VisitPage) -> None:
    """And so does the stream, with nothing that anybody does."""
    system = start_system()
    one = visit(f"{system.gateway.url}/")
    _watch(one.page, "user123")
    expect(one.page.locator("#stream")).to_have_text("live")
    system.gateway.stop()
    expect(one.page.locator("#watched")).not_to_have_attribute("data-stream", "live")
    system.gateway.start()
    expect(one.page.locator("#stream")).to_have_text("live")


def test_who_does_not_exist_is_told_so(running_system: System, visit: VisitPage) -> None:
    """In the words of the problem."""
    one = visit(f"{running_system.gateway.url}/")
    _watch(one.page, "nobody")
    expect(one.page.locator("#told")).to_have_text("Not found: There is no such user.")
    expect(one.page.locator("#stream")).to_have_text("refused")

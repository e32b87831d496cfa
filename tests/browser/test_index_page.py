"""The index page in a browser: what it shows, and that it keeps up with what happens."""

import pytest
from playwright.sync_api import expect

from tests.browser.barriers import barriers
from tests.browser.conftest import VisitPage
from tests.fixtures.processes import free_port
from tests.fixtures.system import StartSystem, System

pytestmark = pytest.mark.chromium


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_it_shows_what_there_is(running_system: System, visit: VisitPage, color_scheme: str) -> None:
    """Services, both cache tiers and all links, without an error and for everybody to use."""
    one = visit(f"{running_system.gateway.url}/", color_scheme=color_scheme)
    expect(one.page.get_by_role("status")).to_have_text("healthy")
    expect(one.page.locator("#services li")).to_have_count(4)
    expect(one.page.get_by_role("listitem").filter(has_text="redis")).to_contain_text("disabled")
    expect(one.page.locator("article h3")).to_have_text(["Services", "memory cachealone", "redis cachedisabled"])
    for link in running_system.get("/").document["links"].values():
        expect(one.page.locator(f'a[href="{link}"], form[data-path="{link}"]')).to_have_count(1)
    assert barriers(one.page) == []
    assert one.complaints == []


def test_it_is_light_or_dark_as_the_browser_is(running_system: System, visit: VisitPage) -> None:
    """Also when that changes meanwhile."""
    one = visit(f"{running_system.gateway.url}/", color_scheme="light")
    expect(one.page.locator("body")).to_have_css("background-color", "rgb(245, 247, 250)")
    one.page.emulate_media(color_scheme="dark")
    expect(one.page.locator("body")).to_have_css("background-color", "rgb(18, 23, 30)")


def test_it_sees_a_service_go_and_come_back(start_system: StartSystem, visit: VisitPage) -> None:
    """Without being loaded again."""
    system = start_system()
    one = visit(f"{system.gateway.url}/")
    status = one.page.get_by_role("status")
    service = one.page.locator("#services li").filter(has_text="product service").locator(".state")
    expect(service).to_have_text("healthy")
    system.apps["products"].kill()
    expect(service).to_have_text("unhealthy")
    expect(status).to_have_text("degraded")
    system.apps["products"].start()
    expect(service).to_have_text("healthy")
    expect(status).to_have_text("healthy")
    assert one.complaints == []


def test_it_counts_the_instances_of_a_service_that_has_several(start_system: StartSystem, visit: VisitPage) -> None:
    """Those of one address have no number."""
    users = free_port(), free_port()
    system = start_system(USER_SERVICE_URL=",".join(f"http://127.0.0.1:{port}" for port in users))
    one = visit(f"{system.gateway.url}/")
    expect(one.page.locator("#services .name")).to_have_text(
        ["user service, 0 of 2", "order service", "product service", "redis"]
    )
    assert one.complaints == []


def test_it_sees_the_gateway_go_and_come_back(start_system: StartSystem, visit: VisitPage) -> None:
    """What it showed last is marked as old meanwhile."""
    system = start_system()
    one = visit(f"{system.gateway.url}/")
    status = one.page.get_by_role("status")
    expect(status).to_have_text("healthy")
    system.gateway.stop()
    expect(status).to_have_text("unreachable")
    expect(one.page.locator("#state")).to_have_attribute("data-old", "")
    expect(one.page.locator("#services li")).to_have_count(4)
    system.gateway.start()
    expect(status).to_have_text("healthy")
    expect(one.page.locator("#state")).not_to_have_attribute("data-old", "")


def test_an_aggregate_is_opened_with_the_keyboard_alone(running_system: System, visit: VisitPage) -> None:
    """Past the link that skips the head of the page to the field for the id; whatever is typed stays an id."""
    one = visit(f"{running_system.gateway.url}/")
    for _ in range(2):
        one.page.keyboard.press("Tab")
    expect(one.page.get_by_label("user_id")).to_be_focused()
    one.page.keyboard.type("user123")
    one.page.keyboard.press("Enter")
    one.page.wait_for_url(f"{running_system.gateway.url}/api/profile/user123")
    expect(one.page.locator("pre")).to_contain_text('"username":"maria.santos"')
    one.page.go_back()
    one.page.get_by_label("user_id").fill("../../?a=b#c")
    one.page.get_by_role("button", name="Open").click()
    one.page.wait_for_url(f"{running_system.gateway.url}/api/profile/..%2F..%2F%3Fa%3Db%23c")

"""The documentation in a browser: it is read and tried there, without anything from elsewhere."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit, VisitPage
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer
from tests.fixtures.system import StartSystem, System

pytestmark = pytest.mark.chromium
TOKEN = "a-token-of-thirty-two-characters"


def _operations(system: System) -> int:
    paths = system.get("/openapi.json").document["paths"]
    methods = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
    return sum(len(methods & path.keys()) for path in paths.values())


def _open(visit: Visit, path: str, method: str = "get") -> None:
    """Open the operation of ``method`` at ``path``, and make it ready to be tried."""
    operation = visit.page.locator(f".opblock-{method}").filter(has=visit.page.locator(f'[data-path="{path}"]'))
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()


def _authorize(visit: Visit, token: str, scheme: str = "admin_token") -> None:
    """Give the page a token for those operations that need one of this ``scheme``."""
    visit.page.locator(".btn.authorize").click()
    dialog = visit.page.locator(".dialog-ux")
    one = dialog.locator(".auth-container").filter(has_text=scheme)
    one.get_by_role("textbox").fill(token)
    one.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").last.click()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_every_operation_is_shown(running_system: System, visit: VisitPage, color_scheme: str) -> None:
    """Of the document, without an error."""
    one = visit(f"{running_system.gateway.url}/docs", color_scheme=color_scheme)
    expect(one.page.locator(".opblock")).to_have_count(_operations(running_system))
    expect(one.page.get_by_role("heading", name="API documentation")).to_be_visible()
    assert one.complaints == []


def test_it_is_light_or_dark_as_the_browser_is(running_system: System, visit: VisitPage) -> None:
    """Also when that changes meanwhile."""
    one = visit(f"{running_system.gateway.url}/docs", color_scheme="light")
    expect(one.page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    one.page.emulate_media(color_scheme="dark")
    expect(one.page.locator("body")).to_have_css("background-color", "rgb(28, 32, 34)")
    expect(one.page.locator(".swagger-ui").first).to_have_css("background-color", "rgb(28, 32, 34)")
    one.page.emulate_media(color_scheme="light")
    expect(one.page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")


def test_a_call_is_tried(running_system: System, visit: VisitPage) -> None:
    """This very gateway answers it, and the answer is shown with its status and its headers."""
    one = visit(f"{running_system.gateway.url}/docs")
    _open(one, "/api/profile/{user_id}")
    one.page.get_by_placeholder("user_id").fill("user123")
    one.page.get_by_role("button", name="Execute").click()
    answer = one.page.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_have_text("200")
    expect(answer).to_contain_text('"username": "maria.santos"')
    expect(answer).to_contain_text("cache-status: memory; fwd=uri-miss; stored")
    expect(one.page.locator(".request-url")).to_contain_text(f"{running_system.gateway.url}/api/profile/user123")
    assert one.complaints == []


def test_a_call_with_a_token_is_tried(start_system: StartSystem, visit: VisitPage) -> None:
    """Whoever gives it to the page as a bearer token may do what needs it, nobody else."""
    system = start_system(ADMIN_TOKEN=TOKEN)
    one = visit(f"{system.gateway.url}/docs")
    _open(one, "/api/cache", "delete")
    status = one.page.locator(".live-responses-table .response .response-col_status")
    one.page.get_by_role("button", name="Execute").click()
    expect(status).to_have_text("401")
    one.complaints.clear()  # a browser tells of such statuses in its console
    _authorize(one, TOKEN)
    one.page.get_by_role("button", name="Execute").click()
    expect(status).to_have_text("204")
    assert one.complaints == []


def test_a_profile_is_shown_to_its_owner(start_system: StartSystem, visit: VisitPage, tmp_path: Path) -> None:
    """Where the gateway asks for access tokens, whoever gives one to the page has what it is for, and no more."""
    issuer, keys = Issuer(), tmp_path / "keys.json"
    keys.write_bytes(issuer.key_set())
    asks = {"AUTH": "jwt", "AUTH_JWKS_FILE": str(keys), "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE}
    system = start_system(ADMIN_TOKEN=TOKEN, **asks)
    one = visit(f"{system.gateway.url}/docs")
    _open(one, "/api/profile/{user_id}")
    status = one.page.locator(".live-responses-table .response .response-col_status")
    name = one.page.get_by_placeholder("user_id")
    name.fill("user123")
    one.page.get_by_role("button", name="Execute").click()
    expect(status).to_have_text("401")
    _authorize(one, issuer.token("user123", scope="profile:read"), "access_token")
    one.page.get_by_role("button", name="Execute").click()
    expect(status).to_have_text("200")
    name.fill("user456")
    one.page.get_by_role("button", name="Execute").click()
    expect(status).to_have_text("403")


def test_it_comes_in_few_bytes(running_system: System, visit: VisitPage) -> None:
    """The browser takes what is coded for it, as zstd, and the document with it."""
    one = visit(f"{running_system.gateway.url}/docs")
    codings = one.page.evaluate(
        "Promise.all(['/docs', '/openapi.json', '/metrics'].map(path => fetch(path).then(answer =>"
        " answer.text().then(text => [answer.headers.get('content-encoding'), text.length > 1000]))))"
    )
    assert codings == [["zstd", True]] * 3
    assert one.complaints == []


@pytest.mark.parametrize(
    ("deed", "directive"),
    [
        ("document.body.setAttribute('style', 'color: red')", "style-src-attr"),
        ("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))", "script-src-elem"),
        ("fetch('http://elsewhere.example/').catch(() => 0)", "connect-src"),
        ("document.body.append(Object.assign(new Image(), {src: 'http://elsewhere.example/'}))", "img-src"),
    ],
)
def test_what_a_page_may_not_do_is_noticed(running_system: System, visit: VisitPage, deed: str, directive: str) -> None:
    """The browser hinders it, and the tests above would fail."""
    one = visit(f"{running_system.gateway.url}/docs")
    with one.page.expect_console_message(lambda line: f"violates {directive}" in line.text):
        one.page.evaluate(deed)
    assert any(directive in complaint for complaint in one.complaints)

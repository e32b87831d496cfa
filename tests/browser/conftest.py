"""A real Chromium, which tells of everything on a page that is not as it should be."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.fixtures.suite_settings import ANSWER_SECONDS

TELL_OF_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`violates ${event.violatedDirective}: ${event.blockedURI}`));
"""


@dataclass
class Visit:
    """A page in a browser.

    Attributes:
        page: steers it.
        complaints: errors in scripts and in the console, violations of its policy, requests to other hosts.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self, host: str) -> None:
        """Take down complaints from now on; ``host`` has its port."""

        def look_at(request: Request) -> None:
            address = urlsplit(request.url)
            if address.scheme not in {"data", "blob"} and address.netloc != host:
                self.complaints.append(f"asks {request.url}")

        self.page.on("console", lambda line: self._console(line.type, line.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", look_at)

    def _console(self, level: str, text: str) -> None:
        if level in {"error", "warning"}:
            self.complaints.append(f"{level}: {text}")


VisitPage = Callable[..., Visit]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; for a module at most, since no event loop can run in this thread as long as it is there."""
    expect.set_options(timeout=ANSWER_SECONDS * 1000)
    program = shutil.which("chromium")
    assert program is not None, "chromium is not installed"
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program) as browser:
        yield browser


@pytest.fixture
def visit(chromium: Browser) -> Iterator[VisitPage]:
    """``visit(url, color_scheme="dark")`` opens a page as somebody who has never been there."""
    contexts = []

    def open_page(url: str, **options: str) -> Visit:
        context = chromium.new_context(**options)  # type: ignore[arg-type]  # names and values as Playwright has them
        contexts.append(context)
        context.set_default_timeout(ANSWER_SECONDS * 1000)
        context.add_init_script(TELL_OF_VIOLATIONS)
        one = Visit(context.new_page())
        one.listen(urlsplit(url).netloc)
        one.page.goto(url)
        return one

    yield open_page
    for context in contexts:
        context.close()

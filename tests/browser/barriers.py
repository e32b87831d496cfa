"""What keeps people from using a page, as axe-core finds it."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

_AXE: Final = Path(
    str(distribution("axe-playwright-python").locate_file("axe_playwright_python/axe.min.js"))
).read_text()


def barriers(page: Page) -> list[str]:
    """All that is there now (WCAG 2.2 AA, and good practice)."""
    page.evaluate(_AXE)
    found = page.evaluate("axe.run()")
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found["violations"]]

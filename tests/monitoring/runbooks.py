"""Reads the pages that tell what to do about an alert."""

import re
from pathlib import Path
from typing import Final

from tests.monitoring.definitions import ROOT

FOLDER: Final = ROOT / "docs" / "runbooks"
PAGES: Final = sorted(FOLDER.glob("*.md"))


def sections(page: Path) -> dict[str, str]:
    """Heading and text of each section, in their order."""
    _, *rest = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    pairs = [section.partition("\n") for section in rest]
    return {heading: text.strip() for heading, _, text in pairs}


def queries(page: Path) -> list[str]:
    """What is to be asked of Prometheus, one a line."""
    return [line for block in _blocks(page, "promql") for line in block.splitlines()]


def commands(page: Path) -> str:
    """What is to be typed into a shell."""
    return "".join(_blocks(page, "sh"))


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

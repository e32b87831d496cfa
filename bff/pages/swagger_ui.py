"""Swagger UI, whose files an installed distribution brings; nothing of its Python is imported."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

DISTRIBUTION: Final = "offapi"
_FILES: Final = {"swagger_bundle.js": "swagger-ui.js", "swagger_style.css": "swagger-ui.css"}
"""What its files are called there, and here."""


def swagger_ui_files() -> Mapping[str, Path]:
    """The script and the style sheet of Swagger UI by their names; none where they are not all installed."""
    try:
        listed = distribution(DISTRIBUTION).files or ()
    except PackageNotFoundError:
        return {}
    found = {_FILES[file.name]: Path(str(file.locate())) for file in listed if file.name in _FILES}
    return found if len(found) == len(_FILES) and all(path.is_file() for path in found.values()) else {}

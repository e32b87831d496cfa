"""The index as a page: what this is, everything that it links to, and the state of services and cache as it is now."""

import re
from collections.abc import Iterable
from typing import Final

from bff.pages.assets import Assets
from bff.pages.page import Html, Page, fill, template
from shared.http.index_route import Index

_parameters: Final = re.compile(r"\{(\w+)\}").findall


def index_page(index: Index, assets: Assets) -> Page:
    """The page for this ``index``; a path with parameters gets a field for each."""
    return Page(
        "index",
        assets,
        service=index.name,
        version=index.version,
        lookups=_rows(_lookup(name, path) for name, path in index.links.items() if _parameters(path)),
        links=_rows(_row("index_link", name, path=path) for name, path in index.links.items() if not _parameters(path)),
    )


def _lookup(name: str, path: str) -> Html:
    inputs = _rows(fill(template("index_input"), name=parameter) for parameter in _parameters(path))
    return _row("index_lookup", name, path=path, inputs=inputs)


def _row(kind: str, name: str, **values: str) -> Html:
    return fill(template(kind), name=name.replace("_", " "), **values)


def _rows(rows: Iterable[Html]) -> Html:
    return Html("".join(rows))

"""The index as a page: what there is, what aggregates are and become, and the state of services and cache."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from bff.pages.assets import Assets
from bff.pages.page import Html, Page, fill, template
from shared.http.index_route import Index

_parameters: Final = re.compile(r"\{(\w+)\}").findall


def index_page(index: Index, assets: Assets, examples: Mapping[str, str], *, asks: bool) -> Page:
    """The page for this ``index``; a path with parameters gets a field for each, and can be watched.

    ``examples`` are ids by the name of such a link. Where clients are asked who they are (``asks``), there is a field
    for a token.
    """
    return Page(
        "index",
        assets,
        service=index.name,
        version=index.version,
        token=fill(template("index_token")) if asks else "",
        lookups=_rows(
            _lookup(name, path, examples.get(name, "")) for name, path in index.links.items() if _parameters(path)
        ),
        links=_rows(_row("index_link", name, path=path) for name, path in index.links.items() if not _parameters(path)),
    )


def _lookup(name: str, path: str, example: str) -> Html:
    inputs = _rows(fill(template("index_input"), name=parameter, example=example) for parameter in _parameters(path))
    return _row("index_lookup", name, path=path, inputs=inputs)


def _row(kind: str, name: str, **values: str) -> Html:
    return fill(template(kind), name=name.replace("_", " "), **values)


def _rows(rows: Iterable[Html]) -> Html:
    return Html("".join(rows))

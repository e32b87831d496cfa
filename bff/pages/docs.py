"""``GET /docs``: the OpenAPI document to read and to try, in Swagger UI."""

from typing import Any, Final

from sanic import Sanic

from bff.pages.assets import PAGES, Assets
from bff.pages.page import Page
from bff.pages.swagger_ui import DISTRIBUTION
from shared.http import routing
from shared.http.openapi.operation import Operation
from shared.http.openapi.vocabulary import IF_NONE_MATCH

PATH: Final = "/docs"


def docs_route(service: str, assets: Assets, app: Sanic[Any, Any], *, installed: bool) -> None:
    """Add the page to ``app``, or one that says that it cannot be had: 404, where Swagger UI is not ``installed``."""
    page = (
        Page("docs", assets, service=service)
        if installed
        else Page("no_docs", assets, status=404, service=service, distribution=DISTRIBUTION)
    )
    operation = Operation("This document, to read and to try", PAGES, page.answers, parameters=(IF_NONE_MATCH,))
    routing.get(app, PATH, page, "docs", operation)

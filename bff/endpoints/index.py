"""``GET /``: what there is, as JSON, or as a page for whoever likes that better."""

from collections.abc import Mapping
from functools import partial

from bff.catalogue import Catalogue
from bff.pages.assets import Assets
from bff.pages.index import index_page
from shared.http.index_route import IndexRoute, Link


def index(
    service: str, declared: Catalogue, pages: Mapping[str, str], admin: Mapping[str, Link], assets: Assets
) -> IndexRoute:
    """The route of the index; ``pages`` has further ones by name, ``admin`` those for administrators."""
    aggregates = {kind.name: f"{kind.path}/{{{kind.parameter}}}" for kind in declared.kinds}
    links = {**aggregates, **pages, "cache_stats": "/api/cache/stats"}
    commands = {one.name: Link(one.method, one.path) for one in declared.commands}
    return IndexRoute(service, links, admin, partial(index_page, assets=assets), commands=commands)

"""``GET /``: what there is, as JSON, or as a page for whoever likes that better."""

from collections.abc import Mapping
from functools import partial

from bff.catalogue import Catalogue
from bff.pages.assets import Assets
from bff.pages.index import index_page
from shared.http.index_route import IndexRoute, Link


def index(
    service: str,
    declared: Catalogue,
    pages: Mapping[str, str],
    admin: Mapping[str, Link],
    assets: Assets,
    *,
    asks: bool,
) -> IndexRoute:
    """The route of the index; ``pages`` has further ones by name, ``admin`` those for administrators.

    ``asks`` is whether clients have to show who they are.
    """
    aggregates = {kind.name: f"{kind.path}/{{{kind.parameter}}}" for kind in declared.kinds}
    links = {**aggregates, **pages, "cache_stats": "/api/cache/stats"}
    commands = {one.name: Link(one.method, one.path) for one in declared.commands}
    examples = {kind.name: kind.example_id or "" for kind in declared.kinds}
    page = partial(index_page, assets=assets, examples=examples, asks=asks)
    return IndexRoute(service, links, admin, page, commands=commands)

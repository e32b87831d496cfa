"""``GET /``: what there is, as JSON, or as a page for whoever likes that better."""

from collections.abc import Mapping, Sequence
from functools import partial

from bff.aggregates.kind import AggregateKind
from bff.pages.assets import Assets
from bff.pages.index import index_page
from shared.http.index_route import IndexRoute, Link


def index(
    service: str, kinds: Sequence[AggregateKind], pages: Mapping[str, str], admin: Mapping[str, Link], assets: Assets
) -> IndexRoute:
    """The route of the index; ``pages`` has further ones by name, ``admin`` those for administrators."""
    aggregates = {kind.name: f"{kind.path}/{{{kind.parameter}}}" for kind in kinds}
    links = {**aggregates, **pages, "cache_stats": "/api/cache/stats"}
    return IndexRoute(service, links, admin, partial(index_page, assets=assets))

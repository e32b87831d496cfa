"""``GET /``: name, version and links to everything."""

from collections.abc import Mapping, Sequence

from bff.aggregates.kind import AggregateKind
from shared.http.index_route import IndexRoute, Link


def index(service: str, kinds: Sequence[AggregateKind], admin: Mapping[str, Link]) -> IndexRoute:
    """The route of the index; ``admin`` has the routes that need the admin token, where there are any."""
    aggregates = {kind.name: f"{kind.path}/{{{kind.parameter}}}" for kind in kinds}
    return IndexRoute(service, {**aggregates, "cache_stats": "/api/cache/stats"}, admin)

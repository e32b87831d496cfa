"""``GET /metrics``: the metrics of all workers; concurrent scrapes share one rendering."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from sanic import HTTPResponse, Request, Sanic
from sanic.response import raw

from shared.http import routing
from shared.http.content_coding import coded, coding_headers, takes_gzip
from shared.http.cost_limit import CostLimited
from shared.observing import metrics


class _Variant(NamedTuple):
    format: metrics.Format
    gzipped: bool


def metrics_route(app: Sanic[Any, Any]) -> None:
    """Add the route to ``app``."""
    limited: CostLimited[_Variant, bytes] = CostLimited(_render)

    async def exposition(request: Request) -> HTTPResponse:
        gzipped = takes_gzip(request.headers.getall("accept-encoding", []))
        variant = _Variant(metrics.format_for(",".join(request.headers.getall("accept", []))), gzipped)
        with metrics.uncounted():
            body = await limited(variant)
        headers = {"Cache-Control": "no-store", **coding_headers("Accept, Accept-Encoding", gzipped=gzipped)}
        return raw(body, headers=headers, content_type=variant.format.content_type)

    routing.get(app, "/metrics", exposition, "metrics")


async def _render(variants: frozenset[_Variant]) -> tuple[Mapping[_Variant, bytes], float]:
    started = time.thread_time()
    texts = {wanted: metrics.exposition(wanted) for wanted in {variant.format for variant in variants}}
    made = {variant: coded(texts[variant.format], gzipped=variant.gzipped) for variant in variants}
    return made, time.thread_time() - started

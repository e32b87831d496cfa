"""``GET /metrics``: the metrics of all workers; concurrent scrapes share one rendering."""

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sanic import HTTPResponse, Request, Sanic
from sanic.response import raw

from shared.edge import access
from shared.edge.form import Coding
from shared.http import routing
from shared.http.coded_body import CodedBody
from shared.http.content_coding import coding_for, coding_headers
from shared.http.cost_limit import TOO_MANY, CostLimited
from shared.http.openapi.operation import Answer, Operation
from shared.http.openapi.vocabulary import CACHE_CONTROL, OPERATIONS, VARY
from shared.observing import metrics

_OPERATION: Final = Operation(
    "What all workers have counted",
    OPERATIONS,
    (
        Answer(
            200,
            "The metrics, in the format that `Accept` prefers.",
            str,
            ("text/plain", "application/openmetrics-text"),
            headers=(CACHE_CONTROL, VARY),
        ),
    ),
    problems=(TOO_MANY,),
    access=access.OPERATIONS,
    operational=True,
    polled=True,
)


class _Variant(NamedTuple):
    format: metrics.Format
    coding: Coding


def metrics_route(app: Sanic[Any, Any]) -> None:
    """Add the route to ``app``."""
    limited: CostLimited[_Variant, tuple[bytes, Coding]] = CostLimited(_render)

    async def exposition(request: Request) -> HTTPResponse:
        accept = ",".join(request.headers.getall("accept", []))
        variant = _Variant(metrics.format_for(accept), coding_for(request))
        with metrics.uncounted():
            body, coding = await limited(variant)
        headers = {"Cache-Control": "no-store", **coding_headers(coding, "Accept, Accept-Encoding")}
        return raw(body, headers=headers, content_type=variant.format.content_type)

    routing.get(app, "/metrics", exposition, "metrics", _OPERATION)


async def _render(variants: frozenset[_Variant]) -> tuple[Mapping[_Variant, tuple[bytes, Coding]], float]:
    started = time.thread_time()
    bodies = {wanted: CodedBody(metrics.exposition(wanted)) for wanted in {variant.format for variant in variants}}
    made = {variant: bodies[variant.format].coded(variant.coding) for variant in variants}
    return made, time.thread_time() - started

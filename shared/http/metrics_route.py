"""``GET /metrics``: what all workers have counted, made once for all who ask at the same time."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from sanic import HTTPResponse, Request, Sanic
from sanic.response import raw

from shared.http import routing
from shared.http.content_coding import coded, coding_headers, takes_gzip
from shared.http.paced import Paced
from shared.observing import metrics


class _Form(NamedTuple):
    format: metrics.Format
    gzipped: bool


def metrics_route(app: Sanic[Any, Any]) -> None:
    """Add the route to ``app``."""
    paced: Paced[_Form, bytes] = Paced(_make)

    async def exposition(request: Request) -> HTTPResponse:
        gzipped = takes_gzip(request.headers.getall("accept-encoding", []))
        form = _Form(metrics.format_for(",".join(request.headers.getall("accept", []))), gzipped)
        with metrics.unseen():
            body = await paced(form)
        headers = {"Cache-Control": "no-store", **coding_headers("Accept, Accept-Encoding", gzipped=gzipped)}
        return raw(body, headers=headers, content_type=form.format.content_type)

    routing.get(app, "/metrics", exposition, "metrics")


async def _make(forms: frozenset[_Form]) -> tuple[Mapping[_Form, bytes], float]:
    started = time.thread_time()
    texts = {wanted: metrics.exposition(wanted) for wanted in {form.format for form in forms}}
    made = {form: coded(texts[form.format], gzipped=form.gzipped) for form in forms}
    return made, time.thread_time() - started

"""``python -m benchmarks.speed.without metrics|trace``: the gateway with one thing taken out, to see what it costs.

Whatever way a request takes through the gateway, and whoever records what on that way, the difference is what the
thing costs. One worker only. What the access log costs needs no such surgery: ``LOG_LEVEL=warning`` turns it off.
"""

import sys
from collections.abc import Callable
from typing import Final

import prometheus_client

from shared.observing import metrics, tracing

_RECORDS: Final = ("inc", "dec", "set", "observe", "observe_all")
_TRACE: Final = tracing.begin_trace("0" * 32, None, None)


def _without_metrics() -> None:
    def nothing(_metric: object, *_values: object, **_labels: object) -> None:
        return None

    def same(metric: object, *_values: object, **_labels: object) -> object:
        return metric

    for metric in vars(metrics).values():
        if isinstance(metric, prometheus_client.metrics.MetricWrapperBase):
            for kind in type(metric).__mro__:
                for name in {"labels", *_RECORDS} & set(vars(kind)):
                    setattr(kind, name, same if name == "labels" else nothing)


def _without_trace() -> None:
    def same(request_id: str | None, traceparent: str | None, tracestate: str | None) -> tracing.Trace:  # noqa: ARG001
        return _TRACE

    tracing.begin_trace = same


_WAYS: Final[dict[str, Callable[[], None]]] = {"metrics": _without_metrics, "trace": _without_trace}

if __name__ == "__main__":
    _WAYS[sys.argv[1]]()

    from shared.serving.program import main  # now, for modules take these functions by name

    main("api-gateway", "bff.settings:GatewaySettings", "bff.app:create_app", [])

"""Decides once whether an app's spans are exported."""

from shared.observing.telemetry.settings import TracedSettings
from shared.observing.telemetry.spans import Spans


def spans_for(service: str, settings: TracedSettings) -> Spans | None:
    """What takes the spans of ``service``; None where traces are sent to nobody, and OpenTelemetry is not imported."""
    if not settings.traces_address:
        return None
    from shared.observing.telemetry.otel import OpenTelemetry  # noqa: PLC0415 - an extra, and slow to import

    return OpenTelemetry(service, settings.traces_address, settings.otel_sampler, settings.otel_sampler_share)

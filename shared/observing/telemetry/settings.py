"""Where traces go and how many, by OpenTelemetry's own names.

Only what decides something here is a setting. The SDK reads the finer ones (headers, certificates, batches, resource)
from the process environment itself; ``docs/tracing.md`` lists them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from shared.settings import values
from shared.settings.declared import Settings, setting

_EXTRA = "opentelemetry-exporter-otlp-proto-http"
"""The package of the extra that needs all its others."""


@dataclass(frozen=True, kw_only=True)
class TracedSettings(Settings):
    """Settings of an app that can tell a collector of what it does; without an endpoint it tells nobody."""

    otel_endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        values.BASE_URL,
        "",
        "Base address of an OpenTelemetry collector (OTLP over HTTP); empty for none.",
    )
    otel_traces_endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        values.BASE_URL,
        "",
        "Whole address that traces are sent to, where it is not the base address followed by /v1/traces.",
    )
    otel_traces_exporter: str = setting(
        "OTEL_TRACES_EXPORTER", values.one_of("otlp", "none"), "otlp", "none sends no traces, whatever the endpoint."
    )
    otel_disabled: str = setting(
        "OTEL_SDK_DISABLED", values.one_of("true", "false"), "false", "true turns OpenTelemetry off."
    )
    otel_sampler: str = setting(
        "OTEL_TRACES_SAMPLER",
        values.one_of(
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ),
        "parentbased_always_on",
        "Which traces are recorded.",
    )
    otel_sampler_share: float = setting(
        "OTEL_TRACES_SAMPLER_ARG", values.SHARE, "1", "The share of traces that a ratio sampler records."
    )

    @property
    def traces_address(self) -> str:
        """Where spans are sent; empty where they are not."""
        if self.otel_disabled == "true" or self.otel_traces_exporter == "none":
            return ""
        return self.otel_traces_endpoint or (self.otel_endpoint and f"{self.otel_endpoint}/v1/traces")

    def conflicts(self) -> Iterator[str]:
        """An endpoint is of no use without the packages that speak to it."""
        yield from super().conflicts()
        if self.traces_address and not _is_installed():
            name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" if self.otel_traces_endpoint else "OTEL_EXPORTER_OTLP_ENDPOINT"
            yield f"{name}: the OpenTelemetry packages are not installed; pip install .[otel], or leave it unset"


def _is_installed() -> bool:
    try:
        metadata.distribution(_EXTRA)
    except metadata.PackageNotFoundError:
        return False
    return True

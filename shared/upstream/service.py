"""The declaration of a service, and the settings that follow from it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from shared.errors import DeclarationError
from shared.settings import pem, values
from shared.settings.declared import Variable, changing_secret, prefixed, setting
from shared.settings.secret import Secret
from shared.upstream.lookup.address import SERVICE_ADDRESS

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_MAX_CONCURRENCY: Final = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceSettings:
    """What may be set of one service; what is "" is as for all of them."""

    url: str = setting("URL", SERVICE_ADDRESS, "", "Where the {} is.")
    token: Secret = changing_secret(
        "TOKEN", values.TOKEN, "What the gateway shows the {} as Authorization: Bearer, if anything."
    )
    health_path: str = setting("HEALTH_PATH", values.PATH, "", "UPSTREAM_HEALTH_PATH of the {}, where it differs.")
    attempt_timeout: float | Literal[""] = setting(
        "ATTEMPT_TIMEOUT_SECONDS", values.seconds(0.01, 60), "", "ATTEMPT_TIMEOUT_SECONDS of the {}, where it differs."
    )
    concurrency: int | Literal[""] = setting(
        "CONCURRENCY", values.integer(1, _MAX_CONCURRENCY), "", "UPSTREAM_CONCURRENCY of the {}, where it differs."
    )
    ca_file: str = setting("CA_FILE", pem.CERTIFICATES, "", "UPSTREAM_CA_FILE of the {}, where it differs.")


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is called.

    Attributes:
        name: labels it in metrics, logs and ``/health``, and names its settings: ``USER_SERVICE_URL`` of
            ``user_service``.
        url: its base address, where no other is set.
        essential: whether nothing works without it. ``/health`` is unhealthy when no essential service can be reached,
            and alerts about essential services are critical.
        health_path: tells with 200 that it is healthy; "" is as for all.
        attempt_timeout: seconds that one attempt at it may take; None is as for all.
        concurrency: calls to it at once, in each process; None is as for all.
        metrics_path: where Prometheus is given its metrics; "" when it has none.
    """

    name: str
    url: str
    essential: bool = True
    health_path: str = ""
    attempt_timeout: float | None = None
    concurrency: int | None = None
    metrics_path: str = "/metrics"

    def __post_init__(self) -> None:
        """Raises ``DeclarationError`` where something cannot be as it says."""
        if not _NAME.fullmatch(self.name) or self.name == "redis":
            raise DeclarationError(f"no service can be called {self.name!r}")
        declared = {name: (variable.kind, variable.default) for name, variable in self.variables().items()}
        for name, (kind, value) in {**declared, "metrics_path": (values.PATH, self.metrics_path)}.items():
            try:
                if value or name == "url":
                    kind.parse(value)
            except ValueError:
                raise DeclarationError(f"service {self.name!r}: {name} {value!r} is not {kind.expected}") from None

    def variables(self) -> Mapping[str, Variable]:
        """Its settings, by field of :class:`ServiceSettings`."""
        defaults = {
            "url": self.url,
            "health_path": self.health_path,
            "attempt_timeout": "" if self.attempt_timeout is None else f"{self.attempt_timeout:g}",
            "concurrency": "" if self.concurrency is None else str(self.concurrency),
        }
        return prefixed(ServiceSettings, self.name.upper(), self.name.replace("_", " "), defaults)

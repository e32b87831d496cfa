"""What is set of one service wins over its declaration, and that over what is set for all."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from bff.aggregates.kind import AggregateKind
from bff.catalogue import catalogue
from bff.parts.part import Aggregate
from bff.parts.single import SinglePart, single
from bff.parts.sources import Sources
from bff.settings import GatewaySettings, settings_for
from shared.settings.loading import load
from shared.upstream.service import Service

COMMON: Final = {
    "UPSTREAM_HEALTH_PATH": "/common",
    "ATTEMPT_TIMEOUT_SECONDS": "0.5",
    "UPSTREAM_CONCURRENCY": "50",
}
OWN: Final = {
    "WEATHER_SERVICE_HEALTH_PATH": "/own",
    "WEATHER_SERVICE_ATTEMPT_TIMEOUT_SECONDS": "0.1",
    "WEATHER_SERVICE_CONCURRENCY": "10",
}
PLAIN: Final = Service("weather_service", url="http://127.0.0.1:8004")
DECLARED: Final = replace(PLAIN, health_path="/declared", attempt_timeout=0.2, concurrency=20)
OTHER: Final = Service("other_service", url="http://127.0.0.1:8005")


def _part(service: Service) -> SinglePart[list[str]]:
    return single(service.name.removesuffix("_service"), service, list[str], "/all")


async def _load(_identifier: str, _sources: Sources) -> Aggregate:
    raise NotImplementedError


def _settings(service: Service, environment: dict[str, str]) -> GatewaySettings:
    kind = AggregateKind("place", "/api/place", "place_id", _load, parts=(_part(service), _part(OTHER)))
    return load(settings_for(catalogue([kind])), environment)


def _of(settings: GatewaySettings, name: str) -> tuple[str, float, int]:
    policies = settings.policies(name)
    return settings.health_path(name), policies.timeout, policies.concurrency


@pytest.mark.parametrize(
    ("service", "environment", "wanted"),
    [
        (PLAIN, {}, ("/health", 0.8, 200)),
        (PLAIN, COMMON, ("/common", 0.5, 50)),
        (DECLARED, COMMON, ("/declared", 0.2, 20)),
        (PLAIN, COMMON | OWN, ("/own", 0.1, 10)),
        (DECLARED, COMMON | OWN, ("/own", 0.1, 10)),
    ],
)
def test_the_nearest_one_counts(service: Service, environment: dict[str, str], wanted: tuple[str, float, int]) -> None:
    """And no other service is called otherwise for it."""
    settings = _settings(service, environment)
    assert _of(settings, "weather_service") == wanted
    assert _of(settings, "other_service") == (("/common", 0.5, 50) if environment else ("/health", 0.8, 200))


def test_a_token_may_stand_in_a_file(tmp_path: Path) -> None:
    """It is that service's alone."""
    (tmp_path / "token").write_text("what-only-they-know\n")
    settings = _settings(PLAIN, {"WEATHER_SERVICE_TOKEN_FILE": str(tmp_path / "token")})
    assert {name: one.token.text for name, one in settings.services.items()} == {
        "weather_service": "what-only-they-know",
        "other_service": "",
    }

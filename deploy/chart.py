"""Lets the chart's schema know the settings: `python -m deploy.chart` writes those that are declared into it.

What the chart sets itself (ports, addresses, certificates) and what is secret is not among them.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bff.settings import GatewaySettings
from services.orders.settings import OrderSettings
from services.products.settings import ProductSettings
from services.users.settings import UserSettings
from shared.broken_pipe import tolerate_broken_pipe
from shared.settings.declared import Settings, Variable, variables
from shared.settings.secret import FILE

SCHEMA: Final = Path(__file__).resolve().parent / "helm" / "profile-gateway" / "values.schema.json"
SERVICES: Final = (UserSettings, OrderSettings, ProductSettings)
SET_BY_CHART: Final = frozenset({"HOST", "PORT", "OPS_HOST", "OPS_PORT", "TLS_CERT_FILE", "TLS_KEY_FILE"})
WITH_PASSWORDS: Final = frozenset({"REDIS_URL", "DATABASE_URL"})
"""Addresses that may hold a password: they come from Secrets."""


def _settable(settings: type[Settings]) -> Mapping[str, Any]:
    addresses = {f"{name.upper()}_URL" for name in GatewaySettings.declared.services}
    kept = SET_BY_CHART | WITH_PASSWORDS | addresses
    plain = {one.name: _property(one) for one in variables(settings) if not one.secret and one.name not in kept}
    files = {one.name + FILE: {"type": "string", "minLength": 1} for one in variables(settings) if one.secret}
    return {**plain, **files}


def _property(variable: Variable) -> Mapping[str, Any]:
    # A default belongs to one of several services, or follows from another setting: docs/configuration.md has them.
    return {"type": ["string", "number", "boolean"], "description": variable.help}


def definitions() -> Mapping[str, Any]:
    """What may stand under `settings`: of every process, of the gateway, of a service."""
    gateway = _settable(GatewaySettings)
    services = {name: value for settings in SERVICES for name, value in _settable(settings).items()}
    every = {name: value for name, value in gateway.items() if name in services}
    named = {"everySettings": every, "gatewaySettings": gateway, "serviceSettings": services}
    return {
        name: {
            "type": "object",
            "additionalProperties": False,
            "properties": properties,
            # What OpenTelemetry's SDK reads beyond the settings.
            "patternProperties": {"^OTEL_[A-Z_]+$": {"type": ["string", "number", "boolean"]}},
        }
        for name, properties in named.items()
    }


def current(schema: str) -> str:
    """The schema with the settings that are declared in the place of those that it has."""
    document = json.loads(schema)
    document["$defs"].update(definitions())
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the schema, or with `--check` compare it; return the exit status, 1 where it is not current."""
    parser = argparse.ArgumentParser(prog="python -m deploy.chart", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when it is not current")
    parser.add_argument("--schema", type=Path, default=SCHEMA, help="the file (%(default)s)")
    options = parser.parse_args(arguments)
    found = options.schema.read_text(encoding="utf-8")
    wanted = current(found)
    if options.check:
        if found != wanted:
            sys.stderr.write(f"{options.schema.name} is not current: run python -m deploy.chart\n")
        return int(found != wanted)
    options.schema.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    with tolerate_broken_pipe():
        sys.exit(main(sys.argv[1:]))

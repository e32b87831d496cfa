"""Makes the configuration of a local Prometheus from the one in the checkout, which names containers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.local.errors import Refused

TARGETS: Final = Path("targets", "services.json")
"""Where the services are written down, from the folder of the configuration."""


def derive(text: str, folder: Path, addresses: Mapping[str, str]) -> str:
    """Return a configuration that scrapes what runs here, and sends alerts to an Alertmanager that runs here.

    Args:
        text: The configuration of the containers. The host of a target is the component's name; `localhost` is
            Prometheus itself.
        folder: Where that file is; the rule files it names are relative to it.
        addresses: Host and port of each component that runs; of the targets that are named those of others are left
            out, and so are jobs without a target, and all of alerting where no Alertmanager runs.

    Raises:
        Refused: The text is no YAML mapping.
    """
    try:
        configuration = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Refused(f"{folder / 'prometheus.yml'} cannot be read: {error}") from error
    if not isinstance(configuration, dict):
        raise Refused(f"{folder / 'prometheus.yml'} holds no configuration.")
    configuration["rule_files"] = [str(folder / pattern) for pattern in configuration.get("rule_files", [])]
    configuration["scrape_configs"] = _all_local(configuration.get("scrape_configs", []), addresses)
    alerting = configuration.pop("alerting", {})
    alertmanagers = _all_local(alerting.get("alertmanagers", []), addresses)
    if alertmanagers:
        configuration["alerting"] = {**alerting, "alertmanagers": alertmanagers}
    return yaml.safe_dump(configuration, sort_keys=False)


def _all_local(jobs: list[dict[str, Any]], addresses: Mapping[str, str]) -> list[dict[str, Any]]:
    return [one for job in jobs if (one := _local(job, addresses)).get("static_configs") or "file_sd_configs" in one]


def _local(job: dict[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    if "static_configs" not in job:
        return job
    groups = [
        {**group, "targets": [found for target in group["targets"] if (found := _address(target, addresses))]}
        for group in job["static_configs"]
    ]
    return {**job, "static_configs": [group for group in groups if group["targets"]]}


def _address(target: str, addresses: Mapping[str, str]) -> str | None:
    host = target.partition(":")[0]
    return addresses.get("prometheus" if host == "localhost" else host)

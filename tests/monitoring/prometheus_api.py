"""Asks a running Prometheus."""

import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.monitoring.definitions import Json

_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class PrometheusApi:
    """The HTTP API of the Prometheus at ``port`` of this machine."""

    port: int

    def is_ready(self) -> bool:
        """True when it answers queries."""
        try:
            return self._get("/-/ready")[0] == 200
        except OSError:
            return False

    def all_up(self) -> bool:
        """True when every target of every job answered its last scrape."""
        return all(target["health"] == "up" for target in self._data("targets", state="active")["activeTargets"])

    def samples(self, expression: str) -> list[Json]:
        """What ``expression`` gives now, NaN left out."""
        return [sample for sample in self._data("query", query=expression)["result"] if sample["value"][1] != "NaN"]

    def active_alerts(self) -> set[tuple[str, str, str]]:
        """Of each alert that is pending or firing: its name, what it is about, and which of the two it is."""
        return {
            (labels["alertname"], labels.get("service_name") or labels.get("part") or labels["job"], alert["state"])
            for alert in self._data("alerts")["alerts"]
            for labels in [alert["labels"]]
        }

    def rules(self) -> list[Json]:
        """Every rule with its health and last error."""
        return [rule for group in self._data("rules")["groups"] for rule in group["rules"]]

    def _data(self, what: str, **parameters: str) -> Json:
        status, body = self._get(f"/api/v1/{what}?{urlencode(parameters)}")
        assert status == 200, body
        data: Json = json.loads(body)["data"]
        return data

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

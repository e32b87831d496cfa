"""Who may connect to whom: what is needed, and nothing else."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.deploy import chart
from tests.deploy.chart import Json

pytestmark = pytest.mark.helm

_Rules = list[Mapping[str, Any]]


def _allows(rules: _Rules, side: str, peer: str, port: int) -> bool:
    """Whether a pod of this chart, or "anybody", is let through to this port."""
    return any(_is_peer(rule.get(side), peer) and port in {one["port"] for one in rule["ports"]} for rule in rules)


def _is_peer(peers: _Rules | None, peer: str) -> bool:
    if not peers:
        return True
    return any(one.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name") == peer for one in peers)


def _policies(values: Json | None = None) -> Mapping[str, Json]:
    return {name: one["spec"] for name, one in chart.of_kind(chart.render(values), "NetworkPolicy").items()}


_PORTS = {"api-gateway": 8000, "order-service": 8002, "product-service": 8003, "user-service": 8001, "redis": 6379}
_NEEDED = {("api-gateway", name) for name in _PORTS if name != "api-gateway"} | {("test", "api-gateway")}
_NEEDED |= {(name, "redis") for name in _PORTS if name.endswith("-service")}


@pytest.mark.parametrize("to", _PORTS)
@pytest.mark.parametrize("source", [*_PORTS, "test"])
def test_pods_reach_what_they_need(source: str, to: str) -> None:
    """Both sides allow what is needed; what is not needed at least one of them refuses."""
    policies = _policies()
    out = _allows(policies[source]["egress"], "to", to, _PORTS[to])
    into = _allows(policies[to]["ingress"], "from", source, _PORTS[to])
    assert (out and into) is ((source, to) in _NEEDED)


def test_every_pod_has_a_policy_of_both_directions() -> None:
    """None is open by being forgotten, and all but Redis may look names up."""
    policies = _policies()
    assert policies.keys() == {*_PORTS, "test"}
    for name, policy in policies.items():
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert _allows(policy["egress"], "to", "anybody", 53) is (name != "redis")


def test_clients_are_everybody_until_they_are_named() -> None:
    """Who scrapes reaches the port for operations, and clients do not."""
    gateway = _policies()["api-gateway"]["ingress"]
    assert _allows(gateway, "from", "anybody", 8000)
    assert not _allows(gateway, "from", "anybody", 8010)
    named = {"networkPolicy": {"clients": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]}}
    gateway = _policies(named)["api-gateway"]["ingress"]
    assert not _allows(gateway, "from", "anybody", 8000)
    assert _allows(gateway, "from", "test", 8000)


def test_nobody_scrapes_where_none_is_named() -> None:
    """A list of nobody is not everybody, as it is to Kubernetes."""
    policies = _policies({"networkPolicy": {"scrapers": []}})
    assert not _allows(policies["api-gateway"]["ingress"], "from", "anybody", 8010)
    assert not _allows(policies["redis"]["ingress"], "from", "anybody", 9121)
    assert _allows(policies["user-service"]["ingress"], "from", "api-gateway", 8001)


def test_sentinels_talk_to_each_other() -> None:
    """And to the three Redis; the gateway asks them who is master."""
    policies = _policies({"redis": {"mode": "sentinel"}})
    for port in (6379, 26379):
        for source in ("redis", "api-gateway", "order-service"):
            assert _allows(policies[source]["egress"], "to", "redis", port)
            assert _allows(policies["redis"]["ingress"], "from", source, port)


def test_further_ways_out_are_given_by_name() -> None:
    """Those of one process do not open another."""
    rule = {"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}], "ports": [{"port": 5432}]}
    policies = _policies({"services": {"user-service": {"egress": [rule]}}})
    assert [name for name, policy in policies.items() if rule in policy["egress"]] == ["user-service"]

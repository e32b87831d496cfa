"""Which instances a name has, by its addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.upstream.lookup.location import Location, instances


@pytest.mark.parametrize(
    ("addresses", "wanted"),
    [
        ([], []),
        (["10.0.0.1"], [("10.0.0.1",)]),
        (["::1"], [("::1",)]),
        (["::1", "127.0.0.1"], [("::1", "127.0.0.1")]),
        (["127.0.0.1", "::1", "127.0.0.1"], [("127.0.0.1", "::1")]),
        (["10.0.0.2", "10.0.0.1"], [("10.0.0.2",), ("10.0.0.1",)]),
        (["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"], [("10.0.0.1",), ("10.0.0.2",)]),
        (["fd00::1", "fd00::2", "10.0.0.1"], [("fd00::1",), ("fd00::2",)]),
        (["fd00::1", "10.0.0.1", "10.0.0.2"], [("fd00::1",)]),
    ],
)
def test_one_address_of_each_family_is_one_instance(addresses: list[str], wanted: list[tuple[str, ...]]) -> None:
    """Where there are more, those of the family that comes first are instances each."""
    assert list(instances(addresses)) == wanted


@given(st.lists(st.ip_addresses().map(str), max_size=8))
def test_no_address_is_in_two_instances(addresses: list[str]) -> None:
    """And each that is there was found; the best one always is."""
    hosts = [host for found in instances(addresses) for host in found]
    assert len(hosts) == len(set(hosts))
    assert set(hosts) <= set(addresses)
    assert hosts[:1] == addresses[:1]


@pytest.mark.parametrize(
    ("hosts", "label"),
    [
        (("10.0.0.5",), "10.0.0.5:8001"),
        (("::1", "127.0.0.1"), "[::1]:8001"),
        (("fe80::1%eth0",), "[fe80::1%eth0]:8001"),
    ],
)
def test_an_instance_is_called_by_its_address(hosts: tuple[str, ...], label: str) -> None:
    """As people write it."""
    assert Location("http://users:8001", hosts, 8001).label == label

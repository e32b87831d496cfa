"""Whose word counts about the address of a client, and what is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.addresses import Client, ClientAddresses

TRUSTED = ("10.0.0.0/8", "127.0.0.1/32", "2001:db8:f::/48", "unix")
PROXY = "10.0.0.1"
XFF = ClientAddresses(TRUSTED)
FORWARDED = ClientAddresses(TRUSTED, "forwarded")
NOBODY = ClientAddresses(())


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:1:ffff::1", "2001:db8:0:1::/64"),
        ("2001:DB8::1", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ("[2001:db8::1]:4711", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("[fe80::1%eth0]:80", "fe80::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:1", "203.0.113.9"),
        ("::ffff:cb00:7109", "203.0.113.9"),
        ("::1", "::1"),
    ],
)
def test_one_client_has_one_key(text: str, key: str) -> None:
    """However its address is written, by asyncio or by a proxy; of IPv6 whoever has one of a /64 has all."""
    assert XFF.client(PROXY, text).address == key
    assert FORWARDED.client(PROXY, f'for="{text}"').address == key
    if "[" not in text and "4711" not in text:
        assert NOBODY.client(text).address == key


@pytest.mark.parametrize(
    ("peer", "field", "address"),
    [
        (PROXY, None, PROXY),
        (PROXY, "", PROXY),
        (PROXY, "203.0.113.9", "203.0.113.9"),
        (PROXY, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (PROXY, "198.51.100.1,203.0.113.9 ,\t10.2.0.1", "203.0.113.9"),
        (PROXY, "203.0.113.9, 10.0.0.3, 10.0.0.2", "203.0.113.9"),
        (PROXY, "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (PROXY, "203.0.113.9, 2001:db8:f::1", "203.0.113.9"),
        (PROXY, "203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9"),
        (PROXY, "203.0.113.9, , ,", "203.0.113.9"),
        (PROXY, "203.0.113.9, garbage", PROXY),
        (PROXY, "203.0.113.9, garbage, 10.0.0.2", "10.0.0.2"),
        (PROXY, "203.0.113.9, unknown", PROXY),
        (PROXY, "203.0.113.9, _hidden", PROXY),
        (PROXY, "203.0.113.9, unix", PROXY),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("2001:db8:f::2", "203.0.113.9", "203.0.113.9"),
        ("", "203.0.113.9", "203.0.113.9"),
        ("unix", "203.0.113.9", "203.0.113.9"),
        ("203.0.113.1", "198.51.100.1", "203.0.113.1"),
        ("2001:db8:1::1", "198.51.100.1", "2001:db8:1::/64"),
    ],
)
def test_who_is_believed(peer: str, field: str | None, address: str) -> None:
    """The next to the left of whoever is trusted; what cannot be read ends that at the last that could."""
    assert XFF.client(peer, field).address == address


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ("For=203.0.113.9;proto=https;by=203.0.113.43", "203.0.113.9"),
        ('by=10.0.0.1 ; FOR = "203.0.113.9:80"', "203.0.113.9"),
        ('for=198.51.100.1, for="[2001:db8:f::1]:4711", for=10.0.0.2', "198.51.100.1"),
        ('for="evil, for=203.0.113.9', "203.0.113.9"),
        ('for=203.0.113.9;by="a,b"', PROXY),
        ("for=203.0.113.9, for=unknown", PROXY),
        ("for=203.0.113.9, for=_gazonk", PROXY),
        ("for=203.0.113.9, proto=http", PROXY),
        ("for=203.0.113.9;for=198.51.100.1", PROXY),
        ('for="203.0.113.9', PROXY),
        ("203.0.113.9", PROXY),
    ],
)
def test_the_standardized_field(field: str, address: str) -> None:
    """`Forwarded` is read the same way; one that is not, by its field's grammar, ends it too."""
    assert FORWARDED.client(PROXY, field).address == address


@pytest.mark.parametrize(
    "text",
    ["1.2.3", "01.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:123456", "1.2.3.4:٣", "[::2", "[::2]x", "[::2]:", "::2]",
     "[1.2.3.4", "1::2::3", "1.2.3.4/32", "1.2.3.4 5", "٣.2.3.4", "-", '"1.2.3.4"', "x" * 10_000],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    """Nothing is guessed of it."""
    assert XFF.client(PROXY, f"203.0.113.9, {text}").address == PROXY


@pytest.mark.parametrize(
    ("peer", "field", "is_local"),
    [
        ("127.0.0.1", None, True),
        ("127.9.9.9", None, True),
        ("::1", None, True),
        ("::ffff:127.0.0.1", None, True),
        ("", None, False),
        ("unix", None, False),
        ("10.0.0.1", None, False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "203.0.113.9", False),
        ("127.0.0.1", "127.0.0.1, 203.0.113.9", False),
        ("127.0.0.1", "unknown", False),
        ("127.0.0.1", "garbage, 127.0.0.1", False),
        ("127.0.0.1", ", ".join(["127.0.0.1"] * 33), False),
        ("203.0.113.9", "127.0.0.1", False),
        ("10.0.0.1", "127.0.0.1", False),
        ("10.0.0.1", "127.9.9.9", False),
        ("10.0.0.1", "::1, 10.0.0.2", False),
        ("127.0.0.1", "127.9.9.9, 10.0.0.2", False),
        ("127.0.0.1", "127.9.9.9", True),
        ("unix", "127.9.9.9", True),
        ("unix", "127.9.9.9, 127.0.0.1", True),
        ("unix", "", False),
        ("127.9.9.9", "127.9.9.9", False),
        ("127.9.9.9", "203.0.113.9", False),
    ],
)
def test_what_is_local_is_so_for_certain(peer: str, field: str | None, is_local: bool) -> None:
    """No proxy makes its clients local, believed or not; what one elsewhere calls local is so to that machine."""
    assert XFF.client(peer, field).is_local is is_local


@pytest.mark.parametrize(
    ("peer", "proto", "is_https"),
    [(PROXY, "https", True), (PROXY, "HTTPS ", True), (PROXY, "http, https", True), (PROXY, "https, http", False),
     (PROXY, "http", False), (PROXY, None, False), (PROXY, "", False), ("", "https", True),
     ("203.0.113.9", "https", False)],
)  # fmt: skip
def test_who_may_say_that_tls_was_used(peer: str, proto: str | None, is_https: bool) -> None:
    """Those whose word counts about addresses, and of these the nearest."""
    assert XFF.says_https(peer, proto) is is_https


def test_a_long_field_is_read_from_its_end() -> None:
    """No further than 32 hops to the left."""
    hops = ", ".join(["10.0.0.2"] * 31)
    assert XFF.client(PROXY, f"203.0.113.9, {hops}").address == "203.0.113.9"
    assert XFF.client(PROXY, f"203.0.113.9, 10.0.0.3, {hops}").address == "10.0.0.3"
    assert XFF.client(PROXY, "203.0.113.9" + "," * 100_000).address == PROXY


_addresses = st.ip_addresses().map(str)
_hops = st.one_of(
    st.text(),
    st.text('0123456789abcdef.:[]%"; \t,=for_unkowxi'),
    _addresses,
    _addresses.map("for={}".format),
    _addresses.map('for="[{}]:80"'.format),
)
_fields = st.one_of(st.none(), st.lists(_hops, max_size=40).map(", ".join))


@given(peer=st.one_of(_hops, st.sampled_from(["", "unix", PROXY])), field=_fields)
def test_nothing_breaks_it(peer: str, field: str | None) -> None:
    """Whatever is sent there is an address of which more than one client may have to be content with the same."""
    for addresses in (XFF, FORWARDED, NOBODY):
        found = addresses.client(peer, field)
        assert len(found.address) <= 45


@given(peer=_addresses, field=_fields)
def test_who_is_not_trusted_changes_no_address(peer: str, field: str | None) -> None:
    """By whatever is said in the field, but that whoever says so is none of those on this machine."""
    found, without = NOBODY.client(peer, field), NOBODY.client(peer)
    assert found == (without if field is None else without._replace(is_local=False))
    assert not NOBODY.says_https(peer, "https")


@given(left=_fields, client=st.ip_addresses(v=4).filter(lambda one: not one.is_private).map(str))
def test_what_stands_before_the_word_of_a_proxy_changes_nothing(left: str | None, client: str) -> None:
    """The client has said it."""
    expected = Client(client, is_local=False)
    assert XFF.client(PROXY, f"{left or ''}, {client}, 10.0.0.2") == expected
    assert FORWARDED.client(PROXY, f"{left or ''}, for={client}, for=10.0.0.2") == expected

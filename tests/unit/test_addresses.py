"""Base addresses and paths: what can never work is refused at the start, what may work is not."""

import string
from itertools import product
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bff.settings import GatewaySettings
from shared.errors import SettingsError
from shared.settings import values
from shared.settings.loading import load

LONGEST_NAME = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])

HOSTS = [
    "a", "localhost", "user_service", "_a", "a-", "-a", "A.B.example", "example.com.", "xn--bcher-kva.example", "web.1",
    "1.example", "0x7f.example", "a" * 63, LONGEST_NAME, f"{LONGEST_NAME}.", "10.0.0.1", "255.255.255.255", "[::1]",
    "[2001:db8::1]", "[::ffff:10.0.0.1]", "[fe80::1%eth0]",
]  # fmt: skip
NO_HOSTS = [
    "", ".", "..", ".a", "a..b", "a.b..", "a" * 64, f"a.{'b' * 70}", f"e{LONGEST_NAME}", "127.1", "127.0.1", "1",
    "2130706433", "0x7f000001", "0x7f.1", "0X7F.0.0.1", "017.0.0.1", "127.0.0.01", "256.0.0.1", "1.2.3.4.5",
    "1.2.3.4.",
    "bücher.example", "\uff41", "a b", "a\tb", "a\nb", "a\x00b", "a\x7fb", "a%41", "a,b", "a;b", "a!b", "a\\b", 'a"b',
    "a<b",
    "u@a", "@a", "u:p@a", "::1", "[::1", "::1]", "[]", "[::g]", "[1.2.3.4]", "[v1.a]", "[::1]a", "a[::1]", "[[::1]]",
    "[::1%]", "[::1%a\\b]", "*", "a*",
]  # fmt: skip
PORTS = ["", ":", ":1", ":80", ":65535"]
NO_PORTS = [":0", ":65536", ":99999", ":-1", ":+80", ":8_0", ":x", ":٣", ": 80", ":80:80", ":" + "9" * 5000]
PATHS = ["", "/", "/base", "/a/b/", "/a//b", "/a%20b", "/%c3%a9", "/a;b=c,d", "/~a/b.c-d_e", "/a:b@c", "/!$&'()*+,;=:@"]
NO_PATHS = [
    '/a"b', "/a\\b", "/a\x7fb", "/a\x00b", "/a\x1fb", "/a\tb", "/a\r\nb", "/\n", "/é", "/a b", "/a%", "/a%2", "/a%zz",
    "/%%41", "/a%2gb", "/a<b>", "/a^b", "/a`b", "/a{b}", "/a|b", "/a[b]", "/a?", "/a?b", "/a#", "/a#b", "?", "#",
    "/\u2028",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_what_may_work_is_taken(host: str) -> None:
    """Addresses in both versions, names of the DNS and of Docker, ports, paths percent-encoded."""
    for scheme, port, path in product(["http", "https", "HTTP"], PORTS, PATHS):
        address = f"{scheme}://{host}{port}{path}"
        assert values.BASE_URL.parse(address) == address.rstrip("/")


NEVER = [
    *(f"http://{host}{port}/base" for host in NO_HOSTS for port in ("", ":80")),
    *(f"https://{host}{port}" for host in ("a", "[::1]") for port in NO_PORTS),
    *(f"http://a{path}" for path in NO_PATHS),
    "", "http", "http:", "http:/a", "http:a", "http:///a", "//a", "ftp://a", "http ://a", " http://a", "\x01http://a",
]  # fmt: skip


@pytest.mark.parametrize("address", NEVER)
def test_what_can_never_work_is_refused(address: str) -> None:
    """Each is a ValueError, which the settings turn into a mistake of its own."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the settings' business
        values.BASE_URL.parse(address)


@pytest.mark.parametrize("path", [path for path in NO_PATHS if path.startswith("/")])
def test_a_path_is_read_like_one_in_an_address(path: str) -> None:
    """The path that services tell their health by is written into requests just so."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the settings' business
        values.PATH.parse(path)


def test_every_address_that_cannot_work_is_told_at_the_start() -> None:
    """With the variable, the value and what was expected."""
    wrong = {
        "USER_SERVICE_URL": "http://127.1:80",
        "ORDER_SERVICE_URL": f"http://{'a' * 70}",
        "UPSTREAM_HEALTH_PATH": "/\\",
    }
    with pytest.raises(SettingsError) as caught:
        load(GatewaySettings, wrong)
    assert [mistake.partition("=")[0] for mistake in caught.value.mistakes] == list(wrong)


@given(st.text(alphabet=string.printable + "é%\x7f\x00", max_size=40))
@example("a:80/%41")
@example("a/@")
def test_whatever_is_taken_can_be_written_into_a_request(rest: str) -> None:
    """Only visible ASCII, and a reader of addresses sees the same parts in it."""
    try:
        address = values.BASE_URL.parse(f"http://{rest}")
    except ValueError:
        return
    assert address.isascii()
    assert address.isprintable()
    assert not set(address) & set(' "\\<>^`{|}?#')
    parts = urlsplit(address)
    assert "@" not in parts.netloc
    assert parts.hostname
    assert parts.port is None or 0 < parts.port < 65536
    assert f"http://{parts.netloc}{parts.path}" == address

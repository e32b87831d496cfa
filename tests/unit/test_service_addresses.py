"""What the address of a service may say, and what it means."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bff.settings import GatewaySettings
from shared.errors import DeclarationError, SettingsError
from shared.settings import values
from shared.settings.loading import describe, load
from shared.upstream.lookup.address import SERVICE_ADDRESS, By, Target, targets
from shared.upstream.service import Service
from tests.unit.test_addresses import HOSTS, NEVER, NO_HOSTS, PATHS

MEANT = [
    ("http://10.0.0.5:8001", Target(By.ADDRESS, "10.0.0.5", 8001, "http://10.0.0.5:8001")),
    ("https://[FE80::1%eth0]/v2/", Target(By.ADDRESS, "fe80::1%eth0", 443, "https://[FE80::1%eth0]/v2")),
    ("http://Users", Target(By.NAME, "users", 80, "http://Users")),
    ("dns+http://users:8001/a/b", Target(By.NAME, "users", 8001, "http://users:8001/a/b")),
    ("DNS+HTTPS://users", Target(By.NAME, "users", 443, "HTTPS://users")),
    ("srv+http://_http._tcp.users", Target(By.SRV, "_http._tcp.users", 0, "http://users")),
    ("srv+https://_web-2._tcp.a.b./v2", Target(By.SRV, "_web-2._tcp.a.b.", 0, "https://a.b./v2")),
]
NOT_ALONE = [
    "", ",", "users", "dns+users", "dns+http://", "dns+ftp://users", "dns:http://users", "tcp+http://users",
    "dns+http://10.0.0.5", "dns+http://[::1]", "dns+dns+http://users", "srv+http://users", "srv+http://_http.users",
    "srv+http://_http._udp.users", "srv+http://_http._tcp.users:80", "srv+http://_http._tcp.users:", "+http://users",
    "srv+http://_http._tcp.", "srv+http://_http._tcp.10.0.0.5", "srv+http://http._tcp.users", "dns+http://users?a",
    "srv+http://me@_http._tcp.users", " http://users", "http://users ",
]  # fmt: skip
BROKEN = [text for text in NOT_ALONE if text == text.strip()]
TWICE = [
    "http://a,http://a", "http://a,http://A", "http://a,http://a:80", "https://a:443,https://a", "http://a/,http://a",
    "http://a,dns+http://a", "http://a, HTTP://a", "http://[::1],http://[::1]:80",
    "srv+http://_http._tcp.a,srv+http://_http._tcp.A", "http://a,http://b,http://a",
]  # fmt: skip
DIFFERENT = "http://a,http://b,https://a,http://a:81,http://a/x,http://a/X,srv+http://_http._tcp.a,srv+http://_b._tcp.a"


@pytest.mark.parametrize(("text", "meant"), MEANT)
def test_each_form_says_how_instances_are_found(text: str, meant: Target) -> None:
    """Addresses are known, names and SRV records are looked up; ports are the scheme's where none is given."""
    assert targets(text) == (meant,)


def test_forms_may_be_mixed() -> None:
    """In their order; blanks round commas do not matter."""
    texts = [text for text, _ in MEANT]
    assert targets(" , ".join(texts)) == tuple(meant for _, meant in MEANT)
    assert len(targets(DIFFERENT)) == len(DIFFERENT.split(","))


@pytest.mark.parametrize("text", [*NEVER, *NOT_ALONE, *TWICE, *(f"http://fine,{text}" for text in BROKEN)])
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    """All that is no address, a way of finding that does not go with it, and the same place twice."""
    for read in (targets, SERVICE_ADDRESS.parse):
        with pytest.raises(ValueError):  # noqa: PT011 - the text is the settings' business
            read(text)


@pytest.mark.parametrize("host", HOSTS)
def test_one_address_stays_as_it_is(host: str) -> None:
    """What has always been taken is printed and called as before."""
    for address in (f"http://{host}", *(f"HTTPS://{host}:8001{path}" for path in PATHS)):
        assert SERVICE_ADDRESS.parse(address) == values.BASE_URL.parse(address)
        assert targets(address)[0].base_url(1234) == values.BASE_URL.parse(address)


@pytest.mark.parametrize("host", NO_HOSTS)
def test_no_form_makes_a_name_of_what_is_none(host: str) -> None:
    """Looked up or not."""
    for text in (f"dns+http://{host}", f"srv+http://_http._tcp.{host}"):
        with pytest.raises(ValueError):  # noqa: PT011 - the text is the settings' business
            targets(text)


def test_instances_of_srv_records_are_called_by_the_name_that_was_asked_for() -> None:
    """With the port that their record has: no record can choose whose certificate is good."""
    plain, secure = targets("srv+http://_http._tcp.users/v2,srv+https://_http._tcp.people.test")
    assert plain.base_url(31001) == "http://users:31001/v2"
    assert secure.base_url(8443) == "https://people.test:8443"


FORMS = st.sampled_from(["http://", "https://", "dns+http://", "srv+https://_http._tcp.", "Srv+HTTP://_a._tcp."])
REST = st.text(alphabet=string.ascii_letters + string.digits + ".-_:/%[]@?, ", max_size=20)


@given(st.lists(st.tuples(FORMS, REST).map("".join), min_size=1, max_size=4).map(",".join))
@example("http://a:,http://b/")
@example("http://a, dns+http://b/ ,srv+http://_a._tcp.b/c/")
def test_what_is_taken_has_one_form(text: str) -> None:
    """It means the same, and is taken again as it is."""
    try:
        normal = SERVICE_ADDRESS.parse(text)
    except ValueError:
        return
    assert SERVICE_ADDRESS.parse(normal) == normal
    assert targets(normal) == targets(text)
    assert all(values.BASE_URL.parse(target.url) == target.url for target in targets(text))


@pytest.mark.parametrize("url", ["srv+http://users", "http://a,http://a", "http://a,"])
def test_a_declared_service_is_held_to_the_same(url: str) -> None:
    """It cannot be started with an address that no setting could have."""
    with pytest.raises(DeclarationError, match="url"):
        Service("weather_service", url=url)


def test_a_service_may_be_declared_in_several_places() -> None:
    """In every form that a setting has."""
    assert Service("weather_service", url=DIFFERENT).variables()["url"].default == DIFFERENT


@pytest.mark.parametrize("text", [DIFFERENT, "http://10.0.0.5:8001,http://[::1]:8001/v2,dns+https://users:8443"])
def test_several_addresses_are_shown_with_their_ports(text: str) -> None:
    """None of them is a password."""
    assert f"USER_SERVICE_URL={text}" in describe(load(GatewaySettings, {"USER_SERVICE_URL": text})).splitlines()


@pytest.mark.parametrize(
    "text",
    [
        "http://a,http://me:hunter2@b",
        "http://me:x,http://hunter2@b",
        "http://a,http://b:hunter2",
        "http://a,dns+http://b?password=x,http://hunter2",
        "http://a:8001,http://b:8001 hunter2",
    ],
)
def test_no_password_in_a_list_is_told(text: str) -> None:
    """Whatever is taken for one of the addresses."""
    with pytest.raises(SettingsError) as caught:
        load(GatewaySettings, {"USER_SERVICE_URL": text})
    assert "hunter2" not in str(caught.value)

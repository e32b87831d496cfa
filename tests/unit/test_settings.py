"""Settings from an environment: typed, defaulted, and every mistake told at once."""

import os
import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.settings import GatewaySettings
from shared.cache.address import REDIS_URL
from shared.errors import SettingsError
from shared.settings import pem, values
from shared.settings.declared import Settings, changing_secret, group, prefixed, setting, variables, with_default
from shared.settings.environment import read_environment
from shared.settings.loading import changing_secrets, describe, load
from shared.settings.secret import Secret
from shared.settings.values import Kind


@dataclass(frozen=True, kw_only=True)
class Sample(Settings):
    """Settings with something of each kind."""

    port: int = with_default(Settings, "port", "8123")
    redis_url: str = setting("REDIS_URL", REDIS_URL, "", "Redis.")
    token: str = setting("TOKEN", values.TOKEN, "", "A secret.", secret=True)
    pause: float = setting("PAUSE_SECONDS", values.seconds(0, 10), "1.5", "A pause.")

    def conflicts(self) -> Iterator[str]:
        """A pause and one worker do not go together."""
        if self.pause > 5 and self.workers == 1:
            yield "PAUSE_SECONDS=…: expected at most 5 with one worker"


def test_an_empty_environment_gives_the_defaults() -> None:
    """Unset and empty variables mean the default; a subclass may have another one."""
    assert load(Sample, {}) == load(Sample, {"PORT": "", "PAUSE_SECONDS": "  "})
    settings = load(Sample, {})
    assert (settings.port, settings.pause, settings.host, settings.redis_url) == (8123, 1.5, "127.0.0.1", "")


def test_all_mistakes_are_told_at_once() -> None:
    """Each line names the variable, the value and what was expected."""
    with pytest.raises(SettingsError) as caught:
        load(Sample, {"PORT": "80000", "WORKERS": "many", "LOG_LEVEL": "loud", "PAUSE_SECONDS": "-1"})
    assert caught.value.mistakes == (
        "PORT='80000': expected a whole number from 1 to 65535",
        "WORKERS='many': expected a whole number from 1 to 64",
        "LOG_LEVEL='loud': expected one of debug, info, warning, error",
        "PAUSE_SECONDS='-1': expected a number of seconds from 0 to 10",
    )


def test_values_that_contradict_each_other_are_a_mistake() -> None:
    """Pairs are looked at once each value is good by itself."""
    with pytest.raises(SettingsError, match="at most 5"):
        load(Sample, {"PAUSE_SECONDS": "6"})
    assert load(Sample, {"PAUSE_SECONDS": "6", "WORKERS": "2"}).pause == 6


def test_the_gateways_attempt_fits_into_its_budget() -> None:
    """An attempt that may take longer than the whole request is refused."""
    with pytest.raises(SettingsError, match=r"REQUEST_BUDGET_SECONDS=0\.5"):
        load(GatewaySettings, {"REQUEST_BUDGET_SECONDS": "0.5"})


@pytest.mark.parametrize(
    "address",
    [
        "redis://me:hunter2@cache:6379/0",
        "redis://:hunter2@cache",
        "redis://me:hun@ter2@cache:port",
        "me:hunter2@cache",
        "http://me:hunter2@cache",
        "redis://cache?password=hunter2",
        "redis://hunter2@cache",
        "hunter2@cache",
        "redis://hun ter2hunter2@cache",
    ],
)
def test_passwords_are_never_shown(address: str) -> None:
    """Neither the report of a mistake nor the list of effective settings repeats a password."""
    try:
        shown = describe(load(Sample, {"REDIS_URL": address, "TOKEN": "hunter2hunter2"}))
    except SettingsError as error:
        shown = str(error)
    assert "hunter2" not in shown
    assert "ter2" not in shown
    assert "REDIS_URL=" in shown


_NOISE = st.text("abz09:/@?#&=%,;[]. \n\t\"'+-\\ä", max_size=8)
_SECRETS = st.builds(lambda before, after: f"{before}hunter2{after}", _NOISE, _NOISE)
_ENCODED = st.sampled_from([str, quote, lambda text: quote(quote(text)), lambda text: quote(text, safe="")])
_FORMS = st.sampled_from(
    [
        "{scheme}{user}:{secret}@{hosts}",
        "{scheme}:{secret}@{hosts}",
        "{scheme}:{secret}@a:1,:{secret}@b:2/mymaster",
        "{scheme}{user}:{secret}@{hosts}@{hosts}",
        "{user}:{secret}@{hosts}",
        "{scheme}{user}%3A{secret}%40{hosts}",
        "{scheme}{user}%3a{secret}%2540{hosts}",
        " {scheme}{user}:\n{secret}@{hosts}",
    ]
)
_SCHEMES = st.sampled_from(
    ["redis://", "rediss://", "REDIS://", "redis:/", "redis//", "redis:", "://", "", "x+y.z-1://", "9://", "re dis://"]
)


_ADDRESSES = st.builds(
    lambda form, secret, encoded, **rest: form.format(secret=encoded(secret), **rest),
    form=_FORMS,
    scheme=_SCHEMES,
    user=st.sampled_from(["", "me", "m%65", "me@home", "ä", "a/b"]),
    secret=_SECRETS,
    encoded=_ENCODED,
    hosts=st.sampled_from(["cache", "cache:6379/0", "a:1,b:2/mymaster", "[::1]:6379", "cache:port", "", "c?x=1#y"]),
)


@given(_ADDRESSES)
def test_no_address_tells_its_password(address: str) -> None:
    """However malformed it is, neither the report of a mistake nor the list of settings does."""
    try:
        shown = describe(load(Sample, {"REDIS_URL": address}))
    except SettingsError as error:
        shown = str(error)
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "address",
    [
        "redis://me:hunter2",
        "redis://:hunter2",
        "redis://:hunter2/0",
        "redis://me:hunter2/0",
        "redis//me:hunter2",
        "redis:///me:hunter2",
        "a:1,b:hunter2",
        "cache hunter2",
        "cache#hunter2",
        "password: hunter2",
        "host=cache password=hunter2",
        "password=hunter2",
        "redis://cache?hunter2",
        "redis://cache?ssl_keyfile=/x&sentinel_password=hunter2",
        "redis://cache?passw%6Frd=hunter2",
        "redis://cache?passw%256Frd=hunter2",
        "redis://cache?PWD=hunter2&x=1",
        "redis://cache?auth_token=hunter2",
    ],
)
def test_a_password_that_stands_elsewhere_is_not_told(address: str) -> None:
    """Where the host was forgotten, in a query, or in another form of address."""
    with pytest.raises(SettingsError) as caught:
        load(Sample, {"REDIS_URL": address})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://me:hunter2@cache:6379/0", "redis://me:***@cache:6379/0"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("rediss://cache?ssl_cert_reqs=none", "rediss://cache?ssl_cert_reqs=none"),
        ("redis+sentinel://:hunter2@a:1,b:2/mymaster", "redis+sentinel://:***@a:1,b:2/mymaster"),
        ("redis+cluster://auth:1,b", "redis+cluster://auth:1,b"),
    ],
)
def test_what_is_no_secret_is_shown(address: str, shown: str) -> None:
    """A list of settings is there to be read."""
    assert f"REDIS_URL={shown}" in describe(load(Sample, {"REDIS_URL": address})).splitlines()


def test_a_bad_secret_is_not_repeated() -> None:
    """The report of a bad token shows that there is one, and the rule."""
    with pytest.raises(SettingsError) as caught:
        load(Sample, {"TOKEN": "short"})
    assert caught.value.mistakes == ("TOKEN='***': expected at least 8 visible ASCII characters",)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (values.integer(-5, 99), ["0", "99", "-5", "007"], ["100", "-6", "1_0", "+5", "1.0", "٣", "9" * 5000, "--5"]),
        (
            values.seconds(0, 10),
            ["0", "0.5", "1e1", ".5", "+1", "5."],
            ["nan", "inf", "-0.1", "10.1", "1s", "", "1_0", "٣", " 1", "1\n", ".", "9" * 5000],
        ),
        (values.one_of("a", "b"), ["a", "B"], ["c", "a b", ""]),
        (
            values.BASE_URL,
            ["http://a", "https://a.b:8443/base", "http://[::1]:80", "http://10.0.0.1"],
            ["a", "ftp://a", "http://", "http://a:0", "http://a:65536", "http://a:x", "http://a?b", "http://u@a",
             "http://a b", "http://[::1"],
        ),
        (
            REDIS_URL,
            ["redis://a", "rediss://u:p@a:6380/3", "redis://:p@[::1]:1/0", "redis+cluster://a,b:1"],
            ["http://a", "redis://", "redis://a/x", "redis://a:99999", "redis+sentinel://a"],
        ),
        (values.HOST, ["0.0.0.0", "::1", "localhost", "a.b"], ["a b", "http://a", "a@b", "ä"]),
        (values.PATH, ["/", "/health/live"], ["health", "/a b", "/a?b", "/a#b", ""]),
        (values.TOKEN, ["12345678"], ["1234567", "1234 5678", "12345678ä", "1234567\n"]),
    ],
)  # fmt: skip
def test_each_kind_takes_what_it_says(kind: Kind[object], good: list[str], bad: list[str]) -> None:
    """Good texts are parsed; bad ones are refused with ValueError and nothing else."""
    for text in good:
        kind.parse(text)
    for text in bad:
        with pytest.raises(ValueError):  # noqa: PT011 - the text is the settings' business
            kind.parse(text)


def test_a_base_url_loses_its_last_slash() -> None:
    """Paths are appended to it."""
    assert values.BASE_URL.parse("http://a/base/") == "http://a/base"


def test_dotenv_is_read_under_the_environment(tmp_path: Path) -> None:
    """A ``.env`` file fills what the environment leaves open."""
    file = tmp_path / ".env"
    file.write_text("# a comment\nPORT=1111\nHOST='0.0.0.0'\nexport WORKERS=3\nPLAIN\n\n")
    merged = read_environment({"PORT": "2222"}, file)
    assert (merged["PORT"], merged["HOST"], merged["WORKERS"]) == ("2222", "0.0.0.0", "3")
    assert read_environment({"PORT": "2222"}, tmp_path / "none") == {"PORT": "2222"}


@pytest.mark.parametrize("content", [b"PORT=1\nHOST='open\n", b"PORT=\xff\xfe\n"])
def test_a_broken_dotenv_is_a_mistake(tmp_path: Path, content: bytes) -> None:
    """Lines that are no assignment, or no text, are told and not passed over."""
    file = tmp_path / ".env"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"\.env"):
        read_environment({}, file)


def test_a_dotenv_that_is_a_folder_is_a_mistake(tmp_path: Path) -> None:
    """What cannot be read is told."""
    with pytest.raises(SettingsError, match="cannot be read"):
        read_environment({}, tmp_path)


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is set of each of several places."""

    url: str = setting("URL", values.BASE_URL, "", "Address of the {}.")
    key: str = setting("KEY", values.TOKEN, "", "Key to the {}.", secret=True)


@dataclass(frozen=True, kw_only=True)
class Grouped(Settings):
    """Settings with a group in their middle."""

    first: str = setting("FIRST", values.TEXT, "1", "The first.")
    places: Mapping[str, Place] = group(
        Place,
        {
            "inn": prefixed(Place, "INN", "inn", {"url": "http://inn"}),
            "old_mill": prefixed(Place, "OLD_MILL", "old mill", {"url": "http://mill"}),
        },
    )
    last: str = setting("LAST", values.TEXT, "9", "The last.")


@dataclass(frozen=True, kw_only=True)
class Changing(Settings):
    """Settings with secrets that may change."""

    first: Secret = changing_secret("FIRST", values.TOKEN, "The first.")
    second: Secret = changing_secret("SECOND", values.TOKEN, "The second.")
    third: Secret = changing_secret("THIRD", values.TOKEN, "The third.")


def test_a_group_has_settings_for_each_thing() -> None:
    """Each with its own defaults and names; all are described in their order."""
    settings = load(Grouped, {"OLD_MILL_URL": "http://a:1/b", "INN_KEY": "hunter2hunter2"})
    assert settings.places == {
        "inn": Place(url="http://inn", key="hunter2hunter2"),
        "old_mill": Place(url="http://a:1/b", key=""),
    }
    shown = describe(settings).splitlines()
    assert shown[-6:] == [
        "FIRST=1",
        "INN_URL=http://inn",
        "INN_KEY=***",
        "OLD_MILL_URL=http://a:1/b",
        "OLD_MILL_KEY=",
        "LAST=9",
    ]
    assert [variable.help for variable in variables(Grouped)][-5:-1] == [
        "Address of the inn.",
        "Key to the inn.",
        "Address of the old mill.",
        "Key to the old mill.",
    ]


def test_mistakes_in_a_group_are_told_with_all_others() -> None:
    """By the names of their variables."""
    with pytest.raises(SettingsError) as caught:
        load(Grouped, {"PORT": "x", "INN_URL": "ftp://x", "OLD_MILL_KEY": "short"})
    assert [mistake.partition(":")[0] for mistake in caught.value.mistakes] == [
        "PORT='x'",
        "INN_URL='ftp",
        "OLD_MILL_KEY='***'",
    ]


def test_a_secret_may_come_in_a_file(tmp_path: Path) -> None:
    """As orchestrators mount them; a line break at its end does not count."""
    secret = tmp_path / "secret"
    secret.write_text("hunter2hunter2\n")
    assert load(Sample, {"TOKEN_FILE": str(secret)}).token == "hunter2hunter2"
    assert load(Grouped, {"INN_KEY_FILE": str(secret)}).places["inn"].key == "hunter2hunter2"
    assert load(Grouped, {"FIRST_FILE": str(secret)}).first == "1", "no secret"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "expected a file that can be read (No such file or directory)"),
        (b"\xff\xfe", "expected a file with text in UTF-8"),
        (b" \n", "expected a file with its value and nothing else"),
        (b"x" * 65_537, "expected a file with its value and nothing else"),
    ],
    ids=["absent", "binary", "empty", "long"],
)
def test_a_file_that_has_no_secret_is_a_mistake(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    """It is named, and nothing of what is in it is shown."""
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(Sample, {"TOKEN_FILE": str(secret)})
    assert caught.value.mistakes == (f"TOKEN_FILE={str(secret)!r}: {complaint}",)


def test_a_secret_comes_from_one_place(tmp_path: Path) -> None:
    """Which of two counts would be a guess; a bad one in a file is shown no more than one in a variable."""
    secret = tmp_path / "secret"
    secret.write_text("short")
    with pytest.raises(SettingsError) as caught:
        load(Sample, {"TOKEN": "hunter2hunter2", "TOKEN_FILE": str(secret)})
    assert caught.value.mistakes == (f"TOKEN_FILE={str(secret)!r}: expected only one of this and TOKEN",)
    with pytest.raises(SettingsError, match=r"TOKEN='\*\*\*': expected at least 8"):
        load(Sample, {"TOKEN_FILE": str(secret)})


def test_a_secret_that_may_change_is_read_again(tmp_path: Path) -> None:
    """From its file alone; what is of no use there changes nothing, and nothing of it is printed."""
    file = tmp_path / "secret"
    file.write_text("hunter2hunter2\n")
    settings = load(Changing, {"FIRST_FILE": str(file), "SECOND": "given-as-it-is"})
    assert (settings.first.text, settings.second.text, bool(settings.third)) == (
        "hunter2hunter2",
        "given-as-it-is",
        False,
    )
    (secret,) = changing_secrets(settings)
    assert (secret.name, secret.reload()) == ("FIRST_FILE", False)
    for useless in ("", "short", "\u00fcber-lang-genug"):
        file.write_text(useless)
        with pytest.raises(SettingsError, match=r"^FIRST_FILE='[^']*': expected a file with ") as caught:
            secret.reload()
        assert "short" not in str(caught.value)
        assert settings.first.text == "hunter2hunter2"
    file.unlink()
    with pytest.raises(SettingsError, match="No such file"):
        secret.reload()
    file.write_text("another-one-now")
    assert secret.reload()
    assert settings.first.text == "another-one-now"
    elsewhere = pickle.loads(pickle.dumps(settings))  # noqa: S301 - our own
    assert (elsewhere.first.text, elsewhere.first.name) == ("another-one-now", "FIRST_FILE")
    assert "another" not in f"{settings} {describe(settings)}"
    assert describe(settings).splitlines()[-3:] == ["FIRST=***", "SECOND=***", "THIRD="]


@pytest.mark.parametrize("kind", ["pipe", "directory"])
def test_what_is_no_regular_file_is_a_mistake(tmp_path: Path, kind: str) -> None:
    """A pipe that nobody writes to would keep the process from ever starting."""
    place = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pytest.raises(SettingsError) as caught:
        load(Sample, {"TOKEN_FILE": str(place)})
    assert caught.value.mistakes == (f"TOKEN_FILE={str(place)!r}: expected a regular file",)
    for kind_of_file in (pem.CERTIFICATES, pem.KEY):
        with pytest.raises(ValueError, match=re.escape(str(place))):
            kind_of_file.parse(str(place))

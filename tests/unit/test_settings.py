"""Settings from an environment: typed, defaulted, and every mistake told at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bff.settings import GatewaySettings
from shared import values
from shared.cache.address import REDIS_URL
from shared.environment import read_environment
from shared.errors import SettingsError
from shared.settings import Settings, describe, load, setting, with_default
from shared.values import Kind


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


def test_a_bad_secret_is_not_repeated() -> None:
    """The report of a bad token shows that there is one, and the rule."""
    with pytest.raises(SettingsError) as caught:
        load(Sample, {"TOKEN": "short"})
    assert caught.value.mistakes == ("TOKEN='***': expected at least 8 visible ASCII characters",)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (values.integer(-5, 99), ["0", "99", "-5", "007"], ["100", "-6", "1_0", "+5", "1.0", "٣", "9" * 5000, "--5"]),
        (values.seconds(0, 10), ["0", "0.5", "1e1"], ["nan", "inf", "-0.1", "10.1", "1s", ""]),
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

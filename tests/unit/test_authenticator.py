"""Who shows a token: asked of the table first, then of the keys, and of newer keys at last."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from shared.edge.authenticator import Authenticator
from shared.edge.challenges import Challenges
from shared.edge.claims import TokenRules
from shared.edge.key_file import KeyFile
from shared.edge.key_source import KeySource
from shared.edge.keys import KeySet, UnknownKey
from shared.edge.principal import Principal
from shared.edge.tokens import MAX_TOKEN_BYTES, Verifier
from shared.errors import ServiceUnavailable, Unauthorized
from tests.fixtures.issuer import AUDIENCE, GOOD, ISSUER, REFUSED, Issuer, SigningKey, signing_key
from tests.fixtures.log_lines import heard

NOW: Final = 1_800_000_000.0
RULES: Final = TokenRules(
    ISSUER, AUDIENCE, frozenset({"RS256", "ES256", "EdDSA"}), frozenset({"at+jwt", "application/at+jwt"})
)
ISSUED: Final = Issuer(lambda: NOW)
FIRST, SECOND = signing_key("first", "ES256"), signing_key("second", "EdDSA")


class Published(KeySource):
    """Keys as a test has them; ``next`` is what a refresh brings."""

    def __init__(self, *keys: SigningKey) -> None:
        super().__init__("test")
        self.refreshed = 0
        self.next = keys
        self.publish(*keys)

    def publish(self, *keys: SigningKey) -> None:
        """Have these from now on."""
        if keys:
            self._succeeded(KeySet.parse(ISSUED.key_set(*keys)))
        else:
            self._failed(OSError(), still_good=False)

    async def refresh(self) -> bool:
        """Look once more."""
        before, self.refreshed = self.keys, self.refreshed + 1
        await asyncio.sleep(0)
        self.publish(*self.next)
        return self.keys is not before


class Counting(Verifier):
    """Tells how often it had to look at a token itself."""

    verified = 0

    def verify(self, token: str, keys: KeySet, now: float) -> Principal:
        """As it is."""
        self.verified += 1
        return super().verify(token, keys, now)


def authenticator(source: KeySource, cache: float = 300.0) -> tuple[Authenticator, Counting]:
    """One with these keys, and what it verifies with."""
    verifier = Counting(replace(RULES, cache=cache))
    return Authenticator(verifier, source, Challenges("https://api.example.org")), verifier


def has_keys(source: KeySource) -> bool:
    """Whether there are any."""
    return source.keys is not None


@pytest.mark.parametrize("cache", [300.0, 0.0])
def test_a_token_is_verified_once(cache: float) -> None:
    """While it is remembered; each time where nothing is to be."""
    asked, verifier = authenticator(Published(FIRST), cache)
    token = ISSUED.token(key=FIRST)
    found = [asked.authenticate(token, NOW + seconds) for seconds in (0, 1, 299)]
    assert {one.key for one in found} == {f"{ISSUER}|user123"}
    assert verifier.verified == (1 if cache else 3)
    asked.authenticate(token, NOW + 300)
    assert verifier.verified == (2 if cache else 4)
    with pytest.raises(Unauthorized):
        asked.authenticate(token, NOW + 630)


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_refused_tokens_are_refused_alike(make: Callable[[Issuer], str]) -> None:
    """One sentence and one challenge for all of them, the second time without a look at it."""
    asked, verifier = authenticator(Published(*ISSUED.keys.values()))
    token = make(ISSUED)
    for _ in range(2):
        with pytest.raises(Unauthorized) as refused:
            asked.authenticate(token, NOW)
        assert refused.value.detail == "The access token is not accepted."
        assert refused.value.challenge.startswith('Bearer error="invalid_token", resource_metadata="')
    assert verifier.verified == (len(token) <= MAX_TOKEN_BYTES)


def test_garbage_puts_out_nobody() -> None:
    """However much there is of it."""
    asked, verifier = authenticator(Published(FIRST))
    token = ISSUED.token(key=FIRST)
    asked.authenticate(token, NOW)
    for number in range(20_000):
        with pytest.raises(Unauthorized):
            asked.authenticate(f"garbage-{number}", NOW)
    before = verifier.verified
    asked.authenticate(token, NOW)
    assert verifier.verified == before


def test_without_keys_nobody_is_refused() -> None:
    """Nor accepted, nor remembered: it is said that it cannot be told, and told as soon as there are keys."""
    source = Published()
    asked, _ = authenticator(source)
    token = ISSUED.token(key=FIRST)
    ready = [asked.is_ready]
    for shown in (token, "garbage"):
        with pytest.raises(ServiceUnavailable) as unavailable:
            asked.authenticate(shown, NOW)
        assert unavailable.value.retry_after == 1
    source.publish(FIRST)
    ready.append(asked.is_ready)
    assert asked.authenticate(token, NOW).subject == "user123"
    source.publish()
    assert [*ready, asked.is_ready] == [False, True, False]
    with pytest.raises(ServiceUnavailable):
        asked.authenticate(token, NOW)


async def test_an_unknown_key_is_looked_for_once(loop: object) -> None:
    """The token counts if that has brought the key, and is refused if not."""
    source = Published(FIRST)
    asked, _ = authenticator(source)
    token = ISSUED.token(key=SECOND)
    with pytest.raises(UnknownKey):
        asked.authenticate(token, NOW)
    with pytest.raises(Unauthorized):
        await asked.authenticate_anew(token, NOW)
    with pytest.raises(Unauthorized):
        asked.authenticate(token, NOW)
    with pytest.raises(UnknownKey):
        asked.authenticate(token, NOW + 10)
    source.next = (FIRST, SECOND)
    assert (await asked.authenticate_anew(token, NOW + 10)).subject == "user123"
    assert source.refreshed == 2


async def test_keys_that_come_end_refusals(loop: object) -> None:
    """Whoever brings them."""
    source = Published(FIRST)
    asked, _ = authenticator(source)
    token = ISSUED.token(key=SECOND)
    with pytest.raises(Unauthorized):
        await asked.authenticate_anew(token, NOW)
    source.publish(FIRST, SECOND)
    assert asked.authenticate(token, NOW).subject == "user123"


async def test_keys_that_go_take_their_tokens_along(loop: object) -> None:
    """And leave those of others; who listens hears of each change, and the same keys again are none."""
    source = Published(FIRST, SECOND)
    asked, verifier = authenticator(source)
    of_first, of_second = ISSUED.token(key=FIRST), ISSUED.token(key=SECOND)
    changes: list[str] = []
    asked.on_change(lambda: changes.append("keys"))
    for token in (of_first, of_second):
        asked.authenticate(token, NOW)
    source.publish(SECOND, FIRST)
    assert not changes
    source.publish(SECOND)
    with pytest.raises(UnknownKey):
        asked.authenticate(of_first, NOW)
    asked.authenticate(of_second, NOW)
    assert (changes, verifier.verified) == (["keys"], 3)


def test_a_key_of_the_same_name_is_another() -> None:
    """What the one before has signed is not accepted any more."""
    source = Published(FIRST)
    asked, _ = authenticator(source)
    token = ISSUED.token(key=FIRST)
    asked.authenticate(token, NOW)
    source.publish(SigningKey("first", "ES256", signing_key("other", "ES256").private))
    with pytest.raises(Unauthorized):
        asked.authenticate(token, NOW)


def _replace(make: Callable[[Path], None], path: Path) -> None:
    path.unlink()
    make(path)


_BROKEN: Final[Mapping[str, Callable[[Path], object]]] = {
    "gone": Path.unlink,
    "a folder": partial(_replace, Path.mkdir),
    "a pipe": partial(_replace, os.mkfifo),
    "empty": lambda path: path.write_bytes(b""),
    "no set": lambda path: path.write_bytes(b"{}"),
    "no keys": lambda path: path.write_bytes(b'{"keys": []}'),
    "a page": lambda path: path.write_bytes(b"<html>"),
}


@pytest.mark.parametrize("broken", _BROKEN)
async def test_a_broken_file_changes_nothing(loop: object, tmp_path: Path, broken: str) -> None:
    """It is said, and the next good one counts; at the start there are no keys until then."""
    lines: list[bytes] = []
    path = tmp_path / "keys.json"
    path.write_bytes(ISSUED.key_set(FIRST))
    with heard(lines.append):
        async with KeyFile(str(path)) as source:
            asked, _ = authenticator(source)
            token = ISSUED.token(key=SECOND)
            with pytest.raises(Unauthorized):
                await asked.authenticate_anew(token, NOW)
            _BROKEN[broken](path)
            source.reload()
            source.reload()
            assert asked.authenticate(ISSUED.token(key=FIRST), NOW).subject == "user123"
            async with KeyFile(str(path)) as started_late:
                assert not has_keys(started_late)
                good = tmp_path / "good.json"
                good.write_bytes(ISSUED.key_set(FIRST, SECOND))
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
                good.rename(path)
                for one in (source, started_late):
                    one.reload()
            assert asked.authenticate(token, NOW).subject == "user123"
            assert has_keys(started_late)
    assert [b"warning" in line for line in lines if b"info" not in line] == [True, True, False]


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_good_tokens_are_accepted_twice(make: Callable[[Issuer], str]) -> None:
    """The second time by memory, with the same answer."""
    asked, verifier = authenticator(Published(*ISSUED.keys.values()))
    token = make(ISSUED)
    assert asked.authenticate(token, NOW) is asked.authenticate(token, NOW)
    assert verifier.verified == 1

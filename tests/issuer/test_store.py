"""The issuer's file: whose it is, and what becomes of two who change it at once."""

import os
import threading
from pathlib import Path

import pytest

from deploy.issuer import tokens
from deploy.issuer.keys import Keys
from deploy.issuer.store import Store, Unusable
from deploy.issuer.tokens import Wish


def test_its_owner_alone_reads_it(tmp_path: Path) -> None:
    """Whatever umask the first who comes has, and after it was written again."""
    before = os.umask(0)
    try:
        store = Store(tmp_path / "data")
        for subject in ("user123", "user456"):
            tokens.issue(store, Wish(subject))
            assert store.file.stat().st_mode & 0o777 == 0o600
            assert store.file.parent.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)
    assert [path.name for path in store.file.parent.iterdir()] == ["keys.json"]


def test_all_who_come_first_get_the_same_key(tmp_path: Path) -> None:
    """One of them makes it, and none of what they write is lost."""
    ttls = range(1, 21)
    threads = [
        threading.Thread(target=tokens.issue, args=(Store(tmp_path), Wish("user123", ttl=ttl), 1_000)) for ttl in ttls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = Store(tmp_path).read()
    assert kept.earlier == ()
    assert kept.signing.ends == 1_000 + max(ttls)


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    """A token that ends earlier than another one leaves the file as it is."""
    store = Store(tmp_path)
    tokens.issue(store, Wish("user123", ttl=60), 1_000)
    written = store.file.stat().st_ino
    tokens.issue(store, Wish("user123", ttl=30), 1_000)
    assert store.file.stat().st_ino == written


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b'{"signing":{"jwk":[]}}', b"\xff"])
def test_a_file_that_is_not_ours_is_named_and_kept(tmp_path: Path, text: bytes) -> None:
    """It may be someone's."""
    store = Store(tmp_path)
    store.file.parent.mkdir()
    store.file.write_bytes(text)
    with pytest.raises(Unusable, match=r"keys\.json holds no keys"):
        tokens.issue(store, Wish("user123"))
    assert store.file.read_bytes() == text


@pytest.mark.parametrize("place", ["/proc/data", "/dev/null"])
def test_a_place_that_takes_no_files_is_refused(place: str) -> None:
    """The message names it."""
    with pytest.raises(Unusable, match=f"^{place}/issuer cannot be used: "):
        tokens.issue(Store(Path(place)), Wish("user123"))


def test_what_fails_meanwhile_changes_nothing(tmp_path: Path) -> None:
    """The next one finds what was there before."""
    store = Store(tmp_path)
    tokens.issue(store, Wish("user123"))
    kept = store.read()

    def fail() -> None:
        with store.changing() as change:
            change.keys = Keys(change.keys.signing, issuer="http://elsewhere")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert store.read() == kept

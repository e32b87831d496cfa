"""The issuer as it is used: a server, and tokens from the command line."""

import re
import signal
import socket
import subprocess
import time
import urllib.error
from pathlib import Path

import jwt
import pytest

from deploy.issuer.tokens import LONGEST_TTL_SECONDS
from tests.fixtures.processes import ROOT
from tests.issuer.commands import run, serving, token, words

AUDIENCE = "http://127.0.0.1:8000"


def test_a_token_is_what_rfc_9068_asks_for(tmp_path: Path) -> None:
    """Its type, every claim that is required, the issuer that serves it, and a signature by a published key."""
    with serving(tmp_path) as issuer:
        text = token(tmp_path, "user123")
        assert jwt.get_unverified_header(text).keys() == {"alg", "typ", "kid"}
        assert jwt.get_unverified_header(text)["typ"] == "at+jwt"
        claims = issuer.verified(text, AUDIENCE, issuer.url)
        assert claims.keys() == {"iss", "aud", "sub", "client_id", "scope", "iat", "exp", "jti"}
        assert (claims["sub"], claims["scope"]) == ("user123", "profile:read")
        assert claims["exp"] - claims["iat"] == 3600
        again = issuer.verified(token(tmp_path, "user123"), AUDIENCE, issuer.url)
        assert again["jti"] != claims["jti"]


def test_every_word_counts(tmp_path: Path) -> None:
    """Scope, life, audience and issuer are what was asked for."""
    asked = ("--scope", "profile:read profile:read:any", "--ttl", "60", "--audience", "urn:other", "--issuer", "urn:me")
    with serving(tmp_path) as issuer:
        claims = issuer.verified(token(tmp_path, "user456", *asked), "urn:other", "urn:me")
    assert (claims["scope"], claims["exp"] - claims["iat"]) == ("profile:read profile:read:any", 60)


def test_whom_the_server_is_told_to_be_tokens_name(tmp_path: Path) -> None:
    """What serves and what prints know each other by the data directory alone; the metadata say it too (RFC 8414)."""
    with serving(tmp_path, "--issuer", "https://issuer.example.org", "--audience", "urn:gateway") as issuer:
        issuer.verified(token(tmp_path, "user123"), "urn:gateway", "https://issuer.example.org")
        metadata = issuer.get("/.well-known/oauth-authorization-server")
    assert metadata["issuer"] == "https://issuer.example.org"
    assert metadata["jwks_uri"] == f"{issuer.url}/.well-known/jwks.json"


def test_an_expired_one_has_been_good(tmp_path: Path) -> None:
    """It ended longer ago than clocks may differ, and nothing else is wrong with it."""
    with serving(tmp_path) as issuer:
        with pytest.raises(jwt.ExpiredSignatureError):
            issuer.verified(token(tmp_path, "user123", "--expired"), AUDIENCE, issuer.url)
        claims = jwt.decode(token(tmp_path, "user123", "--expired"), options={"verify_signature": False})
    assert claims["exp"] < time.time() - 600
    assert claims["exp"] - claims["iat"] == 3600


def test_a_rotation_outdates_no_token(tmp_path: Path) -> None:
    """New tokens are signed with another key, the running server publishes both, and no private part."""
    with serving(tmp_path) as issuer:
        before = token(tmp_path, "user123")
        assert run(tmp_path, "rotate").stdout == ""
        after = token(tmp_path, "user123")
        kids = [jwt.get_unverified_header(text)["kid"] for text in (before, after)]
        assert kids[0] != kids[1]
        for text in (before, after):
            issuer.verified(text, AUDIENCE, issuer.url)
        assert sorted(key["kid"] for key in issuer.jwks()) == sorted(kids)
        assert all(key.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in issuer.jwks())


def test_keys_outlive_the_server(tmp_path: Path) -> None:
    """What was issued before a restart is good after it."""
    with serving(tmp_path, "--issuer", "urn:me"):
        text = token(tmp_path, "user123")
    with serving(tmp_path, "--issuer", "urn:me") as issuer:
        issuer.verified(text, AUDIENCE, "urn:me")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_does(tmp_path: Path, number: signal.Signals) -> None:
    """With status 0."""
    with serving(tmp_path) as issuer:
        issuer.process.send_signal(number)
        assert issuer.process.wait(10) == 0


def test_nobody_outside_the_machine_reaches_it(tmp_path: Path) -> None:
    """It listens on the loopback address alone, and answers nothing else."""
    with serving(tmp_path) as issuer:
        port = int(issuer.url.rpartition(":")[2])
        listening = Path("/proc/net/tcp").read_text()
        assert re.search(rf": 0100007F:{port:04X} 00000000:0000 0A ", listening)
        assert not re.search(rf": 00000000:{port:04X} ", listening)
        for path in ("/", "/token", "/keys.json", "/.well-known/jwks.json/"):
            with pytest.raises(urllib.error.HTTPError, match="404") as refused:
                issuer.get(path)
            refused.value.close()


def test_without_its_file_it_is_not_healthy(tmp_path: Path) -> None:
    """And well again when it is back."""
    with serving(tmp_path) as issuer:
        file = tmp_path / "issuer" / "keys.json"
        file.rename(tmp_path / "away")
        with pytest.raises(urllib.error.HTTPError, match="503") as refused:
            issuer.jwks()
        refused.value.close()
        (tmp_path / "away").rename(file)
        assert len(issuer.jwks()) == 1


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    """With status 1, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, "serve", "--port", str(port))
    assert (done.returncode, done.stderr) == (1, f"Port {port} cannot be listened on: Address already in use.\n")


def test_a_data_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """With status 1, and nothing on standard output that a shell might take for a token."""
    (tmp_path / "file").touch()
    done = run(tmp_path / "file", "token", "user123")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{tmp_path}/file/issuer cannot be used: Not a directory.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("user123", "user456"),
        ("",),
        ("two words",),
        ("é",),
        ("x" * 257,),
        ("user123", "--ttl", "0"),
        ("user123", "--ttl", "-1"),
        ("user123", "--ttl", str(LONGEST_TTL_SECONDS + 1)),
        ("user123", "--ttl", "9" * 5000),
        ("user123", "--ttl", "1.5"),
        ("user123", "--ttl", "²"),
        ("user123", "--scope", "a  b"),
        ("user123", "--scope", "a\tb"),
        ("user123", "--audience", ""),
        ("user123", "--port", "1"),
    ],
)
def test_words_that_make_no_sense_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Status 2, nothing on standard output, and no key is made."""
    done = run(tmp_path, "token", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m deploy.issuer")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("--port", "0"), ("--port", "65536"), ("--host", "0.0.0.0"), ("now",)])
def test_a_server_that_cannot_be_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Nor can it be told to listen elsewhere."""
    assert run(tmp_path, "serve", *arguments).returncode == 2


def test_a_reader_that_has_left_costs_no_traceback(tmp_path: Path) -> None:
    """As with every program of this project."""
    with subprocess.Popen(
        words(tmp_path, "token", "user123"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_the_image_has_no_issuer() -> None:
    """Neither is it copied there, nor is it among the files that a build is given."""
    assert "issuer" not in (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (.*deploy.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert " ".join(copied).split() == [
        "deploy/__init__.py",
        "deploy/targets.py",
        "deploy/demo",
        "deploy/docker/ready.sh",
    ]
    kept = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!deploy/")]
    assert not [line for line in kept if "issuer" in line or line.endswith("*")]
    assert "deploy/*" in (ROOT / ".dockerignore").read_text().splitlines()

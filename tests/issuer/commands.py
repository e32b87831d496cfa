"""Runs the issuer's command line as a person would, and its server beside the test."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt

from tests.fixtures.processes import ROOT, free_port, wait_until

Done = subprocess.CompletedProcess[str]


def words(data: Path, command: str, *arguments: str) -> list[str]:
    """The command line, over keys in that data directory."""
    return [sys.executable, "-W", "error", "-m", "deploy.issuer", command, "--data", str(data), *arguments]


def run(data: Path, command: str, *arguments: str) -> Done:
    """Run a command to its end."""
    line = words(data, command, *arguments)
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def token(data: Path, *arguments: str) -> str:
    """A token, as ``$(…)`` in a shell gets it."""
    done = run(data, "token", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.removesuffix("\n")


class Issuer:
    """The running server.

    Args:
        process: Its process.
        url: Its base address.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", url: str) -> None:
        self.process = process
        self.url = url

    def get(self, path: str) -> Any:
        """The document at a path."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:
            assert answer.headers["Content-Type"] == "application/json"
            return json.load(answer)

    def jwks(self) -> list[dict[str, str]]:
        """The keys it publishes."""
        keys: list[dict[str, str]] = self.get("/.well-known/jwks.json")["keys"]
        return keys

    def verified(self, text: str, audience: str, issuer: str) -> dict[str, Any]:
        """The claims of a token, verified as a resource server does."""
        named = jwt.get_unverified_header(text)["kid"]
        key = next(jwt.PyJWK(one) for one in self.jwks() if one["kid"] == named)
        return jwt.decode(text, key, ["ES256"], audience=audience, issuer=issuer, options={"require": ["exp", "sub"]})

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.get("/health")["status"] == "healthy")
        except (urllib.error.URLError, ConnectionError):
            return False


@contextmanager
def serving(data: Path, *arguments: str) -> Iterator[Issuer]:
    """A server on a port of its own, ready."""
    port = free_port()
    with subprocess.Popen(words(data, "serve", "--port", str(port), *arguments), cwd=ROOT) as process:
        try:
            issuer = Issuer(process, f"http://127.0.0.1:{port}")
            wait_until(issuer.is_up, "the issuer does not answer")
            yield issuer
        finally:
            process.kill()

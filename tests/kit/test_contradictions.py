"""An app that contradicts itself is not started, however many workers there were to be."""

import os
import subprocess
import sys
from typing import Any

import pytest
from sanic import HTTPResponse, Request, Sanic

from shared.cache.keys import Keys
from shared.errors import DeclarationError
from shared.http import routing
from tests.fixtures.processes import ROOT, free_port
from tests.kit.caches import plain
from tests.kit.operations import operation


@pytest.mark.parametrize(("workers", "options"), [(1, []), (3, []), (1, ["--openapi"])])
def test_it_ends_at_once_with_2_and_one_sentence(workers: int, options: list[str]) -> None:
    """The main process too: none of its workers is started again and again, and no document is printed."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.kit.contradiction", *options],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "WORKERS": str(workers), "PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    sentence = "contradiction: what it is made of cannot be used: two routes are called 'same'"
    assert (ended.returncode, ended.stderr.splitlines()) == (2, [sentence])
    assert "worker died" not in ended.stdout


async def _answer(_request: Request, **_parameters: str) -> HTTPResponse:
    return routing.no_content()


@pytest.mark.parametrize(
    ("path", "name"), [("/other", "one"), ("/one", "other"), ("/things/<name:str>", "other")], ids=str
)
def test_a_route_is_declared_once(path: str, name: str) -> None:
    """Neither its name nor what it answers may be another's."""
    app: Sanic[Any, Any] = Sanic(f"declared-once-{abs(hash((path, name)))}")
    routing.get(app, "/one", _answer, "one", operation())
    routing.get(app, "/things/<id:str>", _answer, "thing", operation("id"))
    routing.delete(app, "/one", _answer, "drop_one", operation())
    with pytest.raises(DeclarationError, match="two routes"):
        routing.get(app, path, _answer, name, operation())


@pytest.mark.parametrize("name", ["", "a:b", "a{b", "A", "é", "a b", ".a", "1"])
def test_what_is_no_name_names_no_kind_of_entries(name: str) -> None:
    """Nothing that would be taken for another piece of a key."""
    with pytest.raises(DeclarationError, match="can be called"):
        Keys("bff", [plain(name)])


@pytest.mark.parametrize("owned", [True, False])
def test_two_kinds_of_entries_have_two_names(owned: bool) -> None:
    """Else one would be read as the other."""
    with pytest.raises(DeclarationError, match="two kinds of cache entries are called 'orders'"):
        Keys("bff", [plain("orders"), plain("user"), plain("orders", owned=owned)])


@pytest.mark.parametrize("name", ["purged", "outdated", "generation", "lease", "probe"])
def test_no_kind_of_entries_collides_with_what_the_cache_itself_keeps(name: str) -> None:
    """Whatever it is called."""
    keys = Keys("bff", [plain(name, owned=True)])
    key = keys.entry(name, "user1")
    (own,) = keys.tags(key)
    stand = [keys.stamp(own), keys.mark(own)]
    assert stand == ["bff:outdated/user:{user1}", "bff:purged/user:{user1}"]
    assert keys.purge_at(key) is None
    assert key not in {keys.generation, keys.lease(key), *stand}
    assert list(map(keys.purge_at, stand)) == [(own, False), (own, True)]
    assert list(keys.owned_keys(own)) == [key]
    assert (keys.kind(key).name, keys.subject(key)) == (name, "user1")

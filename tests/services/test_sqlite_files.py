"""A SQLite file that is replaced, taken away, or may only be read, under a service that runs."""

import asyncio
import json
import sqlite3
import stat
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from services.bootstrap import bootstrap
from services.database_url import DATABASE_URL
from tests.fixtures.log_lines import heard
from tests.fixtures.processes import App, ending, free_port, wait_until
from tests.services.conftest import READY_SECONDS, StartService, until_ready
from tests.services.kinds import USERS

NEW_NAME: Final = "Somebody New"


@pytest.fixture
def events() -> Iterator[list[str]]:
    """What the database's log says, event by event."""
    told: list[str] = []

    def take(line: bytes) -> None:
        document = orjson.loads(line)
        if document["logger"] == "database":
            told.append(document["event"])

    with heard(take):
        yield told


async def _founded(file: Path, name: str | None = None) -> Path:
    """A database with the data set, in which user123 is called ``name``; closed, and nothing beside the file."""
    file.parent.mkdir(exist_ok=True)
    await bootstrap(DATABASE_URL.parse(f"sqlite:///{file}"), USERS.title, USERS.data_set)
    if name is not None:
        _change(file, "UPDATE users SET full_name = ? WHERE id = 'user123'", name)
    return file


def _change(file: Path, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement, values)


async def _names(client: Any, times: int = 8) -> set[str]:
    """What user123 is called, asked several times at once: every connection of the pool is used."""
    answers = await asyncio.gather(*(client.get("/users/user123") for _ in range(times)))
    assert {answer.status_code for answer in answers} == {200}
    return {answer.json()["full_name"] for answer in answers}


async def _until_named(client: Any, name: str) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            answer = await client.get("/users/user123")
            assert answer.status_code in {200, 503}
            if answer.status_code == 200 and answer.json()["full_name"] == name:
                return
            await asyncio.sleep(0.01)


def _rename(new: Path, file: Path) -> None:
    new.replace(file)


def _remove_and_copy(new: Path, file: Path) -> None:
    data = new.read_bytes()
    file.unlink()
    file.write_bytes(data)


def _replace_folder(new: Path, file: Path) -> None:
    file.parent.replace(file.parent.with_name("old"))
    new.parent.replace(file.parent)


@pytest.mark.parametrize("replace", [_rename, _remove_and_copy, _replace_folder])
@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_a_file_in_the_place_of_another_is_read_at_once(
    start_at: StartService, tmp_path: Path, events: list[str], replace: Callable[[Path, Path], None], journal: str
) -> None:
    """Every answer after that is from the new file, none is refused, and it is told once; again and again."""
    file = await _founded(tmp_path / "data" / "users.db")
    client = await start_at(f"sqlite:///{file}", USERS)
    await until_ready(client)
    await _names(client)
    for number in range(3):
        new = await _founded(tmp_path / f"new{number}" / "users.db", f"{NEW_NAME} {number}")
        _change(new, f"PRAGMA journal_mode = {journal}")
        if replace is _replace_folder and number:
            _clear(tmp_path / "old")
        replace(new, file)
        assert await _names(client) == {f"{NEW_NAME} {number}"}
        assert (await client.get("/health")).status_code == 200
    assert events == ["database ready", *["database file replaced"] * 3]


def _clear(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


async def test_a_link_that_points_elsewhere_is_followed(start_at: StartService, tmp_path: Path) -> None:
    """It is the file that counts, whatever it is reached by."""
    files = [await _founded(tmp_path / name / "users.db", name) for name in ("one", "two")]
    link = tmp_path / "users.db"
    link.symlink_to(files[0])
    client = await start_at(f"sqlite:///{link}", USERS)
    await until_ready(client)
    assert await _names(client) == {"one"}
    link.with_suffix(".new").symlink_to(files[1])
    (link.with_suffix(".new")).replace(link)
    assert await _names(client) == {"two"}


@pytest.mark.parametrize("how", ["removed", "folder removed", "empty", "no tables", "no data set"])
async def test_what_is_not_there_is_founded_again(
    start_at: StartService, tmp_path: Path, events: list[str], how: str
) -> None:
    """A database without its data set is none: refused for a moment, and then it is as at a first start."""
    file = await _founded(tmp_path / "data" / "users.db", NEW_NAME)
    client = await start_at(f"sqlite:///{file}", USERS)
    await until_ready(client)
    assert await _names(client) == {NEW_NAME}
    new = tmp_path / "new.db"
    if how == "removed":
        file.unlink()
    elif how == "folder removed":
        _clear(file.parent)
    else:
        if how == "empty":
            new.touch()
        elif how == "no tables":
            _change(new, "CREATE TABLE another (id)")
        else:
            await _founded(new)
            _change(new, "DELETE FROM users")
            _change(new, "DELETE FROM data_set")
        new.replace(file)
    assert (await client.get("/health")).status_code in {200, 503}
    await _until_named(client, "Maria Santos")
    replaced = [] if "removed" in how else ["database file replaced"]
    failed = [event for event in events if event == "statement failed"]
    assert failed
    assert events == ["database ready", *replaced, *failed, "database ready"]


async def test_a_file_that_is_none_is_refused_until_one_is_there(start_at: StartService, tmp_path: Path) -> None:
    """It is left as it is, and the next that is one is served."""
    file = await _founded(tmp_path / "data" / "users.db")
    client = await start_at(f"sqlite:///{file}", USERS)
    await until_ready(client)
    (tmp_path / "none.db").write_bytes(b"no database " * 1000)
    (tmp_path / "none.db").replace(file)
    assert (await client.get("/users/user123")).status_code == 503
    await until_ready(client, status=503)
    assert file.read_bytes() == b"no database " * 1000
    (await _founded(tmp_path / "new.db", NEW_NAME)).replace(file)
    await _until_named(client, NEW_NAME)


def _asked(app: App, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(app.url + path, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def _name_told_by(app: App) -> str:
    assert _asked(app, "/health")[0] == 200
    return str(_asked(app, "/users/user123")[1]["full_name"])


def _beside(file: Path) -> set[str]:
    return {one.name for one in file.parent.iterdir()} - {file.name}


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("locked", ["file", "folder", "both"])
async def test_what_may_only_be_read_is_served(tmp_path: Path, journal: str, locked: str) -> None:
    """Nothing is founded where nothing is missing, and nothing is written; one in its place is noticed there, too."""
    file = await _founded(tmp_path / "data" / "users.db")
    _change(file, f"PRAGMA journal_mode = {journal}")
    app = App("tests.services.powerless_users", free_port(), {"DATABASE_URL": f"sqlite:///{file}"}, tmp_path / "log")
    if locked != "folder":
        file.chmod(stat.S_IRUSR)
    if locked != "file":
        file.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with ending(app):
            app.start()
            assert _name_told_by(app) == "Maria Santos"
            assert locked == "file" or _beside(file) == set()
            new = await _founded(tmp_path / "new.db", NEW_NAME)
            _change(new, f"PRAGMA journal_mode = {journal}")
            new.chmod(stat.S_IRUSR)
            file.parent.chmod(stat.S_IRWXU)
            new.replace(file)
            if locked != "file":
                file.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
            assert {_name_told_by(app) for _ in range(8)} == {NEW_NAME}
    finally:
        file.parent.chmod(stat.S_IRWXU)
    assert '"loaded":false' in app.lines()
    assert "database unavailable" not in app.lines()


def test_what_may_only_be_read_and_lacks_its_data_is_refused(tmp_path: Path) -> None:
    """With a line that says why, until it may be written to."""
    file = tmp_path / "data" / "users.db"
    file.parent.mkdir()
    _change(file, "CREATE TABLE another (id)")
    app = App("tests.services.powerless_users", free_port(), {"DATABASE_URL": f"sqlite:///{file}"}, tmp_path / "log")
    file.chmod(stat.S_IRUSR)
    try:
        with ending(app):
            app.launch()
            wait_until(lambda: "database unavailable" in app.lines(), "it does not say so:\n{}", app.log)
            assert "readonly database" in app.lines()
            assert _asked(app, "/health/ready")[0] == 503
            file.chmod(stat.S_IRUSR | stat.S_IWUSR)
            app.wait_ready()
    finally:
        file.chmod(stat.S_IRWXU)

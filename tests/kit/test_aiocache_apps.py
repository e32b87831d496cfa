"""The app's cache in aiocache's register and under its decorators."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.cache.tiered import (
    CacheAlias,
    NotOpen,
    TieredCache,
    cached,
    cached_stampede,
    caches,
    multi_cached,
)
from tests.kit.views import Sides, undisturbed

calls: list[str] = []
register: Any = caches


@cached(alias="default", key_builder=lambda _, name: f"greeting:{name}")
async def greeting(name: str) -> str:
    """Decorated when this module is imported, long before there is any app."""
    calls.append(name)
    return f"Hello, {name}"


@cached(alias="default", key="nothing", ttl=60)
async def nothing() -> object:
    """Something that no serializer makes bytes of."""
    calls.append("secret")
    return {"secret"}


@cached_stampede(alias="default", lease=60, key="slow")
async def slow() -> int:
    """Takes until all who want it have asked."""
    calls.append("slow")
    await asyncio.sleep(0)
    return len(calls)


@multi_cached("names", alias="default")
async def sizes(names: list[str]) -> dict[str, int]:
    """Of each name."""
    calls.append(" ".join(names))
    return {name: len(name) for name in names}


@pytest.fixture
async def aliases(sides: Sides, url: str) -> AsyncIterator[tuple[CacheAlias, CacheAlias]]:
    """Those of two processes; the second one is that of this process, as it were."""
    async with (
        CacheAlias(sides.other.cache, url, "another") as other,
        CacheAlias(sides.one.cache, url, "app") as one,
    ):
        yield one, other


@undisturbed(calls.clear)
async def test_the_register_has_the_apps_cache(sides: Sides, aliases: tuple[CacheAlias, CacheAlias]) -> None:
    """Under the usual alias and the app's own; what it gives, creates and keeps are views of the same tiers."""
    view: Any = register.get("default")
    assert isinstance(view, TieredCache)
    assert register.get("default") is view
    await view.set("key", {"a": 1})
    await sides.hear()
    for another in (register.get("app"), register.get("another"), register.create("app", ttl=5), aliases[1].view()):
        assert await another.get("key") == {"a": 1}
    assert (await register.create("app", namespace="space").get("key"), register.create("app", ttl=5).ttl) == (None, 5)


@undisturbed(calls.clear)
async def test_a_function_is_called_once_for_all(sides: Sides, aliases: tuple[CacheAlias, CacheAlias]) -> None:
    """What it has given is there for whoever asks next, in another process too, until somebody drops it."""
    assert [await greeting("Maria"), await greeting("Maria"), await greeting("Ana")] == [
        "Hello, Maria",
        "Hello, Maria",
        "Hello, Ana",
    ]
    assert calls == ["Maria", "Ana"]
    assert await aliases[1].view().get("greeting:Maria") == "Hello, Maria"
    await aliases[1].view().delete("greeting:Maria")
    await sides.hear()
    await greeting("Maria")
    assert calls == ["Maria", "Ana", "Maria"]


@pytest.mark.usefixtures("aliases")
@undisturbed(calls.clear)
async def test_of_many_things_only_those_that_are_missing_are_asked_for() -> None:
    """Each is kept by itself."""
    assert await sizes(["a", "bb"]) == {"a": 1, "bb": 2}
    assert await sizes(names=["bb", "ccc"]) == {"bb": 2, "ccc": 3}
    assert await sizes(["a", "ccc"]) == {"a": 1, "ccc": 3}
    assert calls == ["a bb", "ccc"]


@pytest.mark.usefixtures("aliases")
@undisturbed(calls.clear)
async def test_all_who_ask_at_once_wait_for_one() -> None:
    """A stampede is one call; its lock is given back."""
    assert await asyncio.gather(*(slow() for _ in range(20))) == [1] * 20
    assert calls == ["slow"]
    assert await register.get("default").exists("slow-lock") is False


@undisturbed(calls.clear)
async def test_without_an_app_functions_are_just_called(sides: Sides, url: str) -> None:
    """Before it is open, and once it has ended; and it is not held on to. The next one has nothing of it."""
    assert [await greeting("Maria"), await greeting("Maria")] == ["Hello, Maria"] * 2
    async with CacheAlias(sides.one.cache, url, "app"):
        await greeting("Maria")
        await greeting("Maria")
    assert len(calls) == 3
    await greeting("Maria")
    assert len(calls) == 4
    for alias in ("default", "app"):
        with pytest.raises(NotOpen, match=alias):
            await register.get(alias).get("key")


@undisturbed(calls.clear)
async def test_the_last_app_is_the_one_that_is_meant(sides: Sides) -> None:
    """Where several are open in one process each has its own alias, and the usual one is the last one that is."""
    first, last = (
        CacheAlias(sides.one.cache, "", "first"),
        CacheAlias(sides.other.cache, "", "last"),
    )
    async with first:
        await register.get("first").set("whose", "first")
        async with last:
            await register.get("last").set("whose", "last")
            assert await register.get("default").get("whose") == "last"
        await sides.hear()
        await register.get("default").set("whose", "first")
        assert await register.get("first").get("whose") == "first"


@undisturbed(calls.clear)
async def test_what_the_documentation_shows(sides: Sides, url: str) -> None:
    """It runs as it stands there, imported before there is an app."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "cache.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)

    async def ask_somebody(city: str) -> dict[str, object]:
        calls.append(city)
        return {"city": city, "sun": True}

    shown: dict[str, Any] = {"ask_somebody": ask_somebody}
    exec(example, shown)  # noqa: S102 - our own page
    async with CacheAlias(sides.one.cache, url, "app"):
        assert [await shown["weather"]("Porto") for _ in range(3)] == [{"city": "Porto", "sun": True}] * 3
        assert [await shown["visit"]("Porto"), await shown["visit"]("Porto")] == [1, 2]
        await shown["forget_visits"]()
        assert await shown["visit"]("Porto") == 1
        assert await shown["weather"]("Porto") == {"city": "Porto", "sun": True}
    assert calls == ["Porto"]


@pytest.mark.usefixtures("aliases")
@undisturbed(calls.clear)
async def test_neither_keys_nor_values_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be kept is a call each time and a line in the log, which does not tell what it was."""
    assert [await nothing(), await nothing()] == [{"secret"}] * 2
    assert calls == ["secret"] * 2
    told = [record.getMessage() for record in caplog.records if record.name == "aiocache.decorators"]
    assert told == ["Couldn't set: TypeError"] * 2
    assert "secret" not in caplog.text

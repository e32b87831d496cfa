"""Items that are all in memory, which are taken in one pass, are what they are however else they are come by."""

import pytest

from bff.parts import at_hand
from bff.parts.part import Part
from tests.unit.test_keyed_parts import TTL, Scene, Thing

IDS = ("b", "a", "c-_Z")


async def _known(*ids: str) -> Scene:
    """Everything is in memory, and has been taken from there once."""
    scene = Scene()
    scene.service.gate.set()
    for _ in range(2):
        await scene.ask(60, *ids)
    return scene


async def test_they_are_what_they_were(loop: object) -> None:
    """In the order in which they are wanted, each once, and as old as they are."""
    scene = await _known(*IDS)
    scene.clock.now += 1
    part = await scene.ask(60, "c-_Z", "a", "a", "b")
    things = {one: Thing(one, 1) for one in ("c-_Z", "a", "b")}
    json = b'{"c-_Z":{"id":"c-_Z","call":1},"a":{"id":"a","call":1},"b":{"id":"b","call":1}}'
    assert (part.value, part.json) == (things, json)
    assert part.fresh_until <= scene.clock.now - 1 + TTL
    assert len(scene.service.asked) == 1


async def test_nothing_at_all_is_at_hand(loop: object) -> None:
    """As an empty part, which counts as current for as long as others do."""
    scene = Scene()
    assert await scene.ask(60) == Part({}, "fresh", b"{}", scene.clock.now + TTL)


@pytest.mark.parametrize(
    ("how", "asked"), [("changed", ["a"]), ("all", [*IDS]), ("old", [*IDS]), ("more", ["d"]), ("", [*IDS])]
)
async def test_what_is_no_longer_there_is_asked_for(loop: object, how: str, asked: list[str]) -> None:
    """Something was changed, everything dropped, or is too old; or one more is wanted."""
    scene = await _known(*IDS)
    if how == "old":
        scene.clock.now += TTL
    elif how in {"changed", "all"}:
        await scene.lose(how, "a")
    part = await scene.ask(60, *IDS, *(["d"] if how == "more" else []))
    assert part.status == "fresh"
    assert (len(scene.service.asked), scene.service.asked[-1]) == (2 if how else 1, asked)


async def test_what_is_made_of_them_depends_on_them(loop: object) -> None:
    """A purge of one of them, even one since it was asked for, ends the right to keep it."""
    scene = await _known(*IDS)
    loading = scene.loading(60)
    await scene.parts.get(IDS, loading)
    assert loading.further_tags == ("product:b", "product:a", "product:c-_Z")
    (key,) = loading.token.keys
    assert loading.token.holds(key)
    await scene.cache.purge_tags(["product:a"])
    assert not loading.token.holds(key)


async def test_names_are_bounded(loop: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of them is forgotten, and made again."""
    monkeypatch.setattr(at_hand, "_MAX_NAMES", 2)
    scene = await _known(*IDS)
    assert (await scene.ask(60, *IDS)).value == {one: Thing(one, 1) for one in IDS}
    assert len(scene.service.asked) == 1

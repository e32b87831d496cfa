"""aiocache's interface where things go wrong, or happen at once: processes, purges, a Redis that leaves or forbids."""

import asyncio
import sys
from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from shared.cache.answers import NotPermitted
from shared.cache.near import Trust
from shared.cache.tiered import NoRedis, OptimisticLock, RedLock
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.redis_sets import Cluster
from tests.fixtures.slot_moves import moving
from tests.kit.caches import OpenCache, until
from tests.kit.views import Disturbed, Side, Sides, open_sides, undisturbed

TIMES = 200


@undisturbed()
async def test_two_processes_count_together(far_sides: Sides, redis_server: RedisServer) -> None:
    """Real processes: no increment is lost, and what either sets the other finds, at once."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.kit.counting_process", redis_server.url, str(TIMES)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        await _count_with(far_sides, child.stdin, child.stdout)
    finally:
        child.stdin.close()
        said, _ = await child.communicate()
        if said.split()[-1:] == [b"disturbed"]:
            raise Disturbed


async def _count_with(sides: Sides, told: asyncio.StreamWriter, heard: asyncio.StreamReader) -> None:
    view = sides.one.view()
    assert await heard.readline() == b"ready\n"
    assert await view.get("from afar") is None
    told.write(b"go\n")
    here = [await view.increment("count") for _ in range(TIMES)]
    there = list(map(int, (await heard.readline()).split()))
    assert sorted(here + there) == list(range(1, 2 * TIMES + 1))
    assert await heard.readline() == b"done\n"
    await sides.hear()
    assert [await view.get("from afar"), await view.get("count")] == [["done"], 2 * TIMES]
    await view.set("from here", "hello")
    told.write(b"go on\n")
    assert await heard.readline() == b"hello\n"


@undisturbed()
async def test_what_was_read_before_a_change_is_not_kept_after_it(far_sides: Sides) -> None:
    """News of a change that comes while an answer is on its way wins; so does what this process itself writes."""
    one, other = far_sides.views()
    table, near = far_sides.one.store.table, far_sides.one.cache.near
    key = table.key(one.build_key("key"))
    changes: list[Callable[[], None]] = [
        lambda: near.invalidate([key]),
        lambda: near.invalidate(None),
        lambda: near.drop_prefix(key[:-5]),
    ]
    for meanwhile in changes:
        await other.set("key", "old")
        await far_sides.hear()
        reading = asyncio.create_task(one.get("key"))
        while not near._tokens.get(key):
            await asyncio.sleep(0)
        meanwhile()
        await reading
        assert near.kept(key) is None
    await other.set("key", "old")
    await far_sides.hear()
    reading = asyncio.create_task(one.get("key"))
    while not near._tokens.get(key):
        await asyncio.sleep(0)
    await one.set("key", "new")
    await reading
    assert [await one.get("key"), await other.get("key")] == ["new", "new"]


@undisturbed()
async def test_nobody_sees_an_older_value_again(far_sides: Sides) -> None:
    """Writers and readers in two processes: once a write is done and heard of, it is what is read."""
    views = far_sides.views()
    done = 0

    async def write(view: int) -> None:
        nonlocal done
        for turn in range(100):
            number = await views[view].increment("key")
            await far_sides.hear()
            done = max(done, number)
            if turn % 10 == 5:
                await views[view].expire("key", 60)
                await views[view].multi_set([("other", number), (f"{turn}", number)])
                await views[view].clear(namespace="another")

    async def read(view: int) -> None:
        while not over.is_set():
            least = done
            found = await views[view].get("key")
            assert (found or 0) >= least
            await asyncio.sleep(0)

    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for view in (0, 1):
            group.create_task(read(view))
        await asyncio.gather(write(0), write(1))
        over.set()
    assert await views[0].get("key") == 200


@undisturbed()
async def test_sets_at_once_leave_all_with_the_same(far_sides: Sides) -> None:
    """Whatever came last to Redis is what everybody has, the process that wrote at the same time too."""
    views = far_sides.views()
    for turn in range(20):
        await asyncio.gather(
            *(
                act
                for number in range(4)
                for act in (
                    views[number % 2].set("key", f"{turn} {number}"),
                    views[number % 2].multi_set([("key", f"{turn} {number} many"), ("more", 1)]),
                    views[number % 2].delete("key") if number == 2 else views[number % 2].get("key"),
                )
            )
        )
        await far_sides.hear()
        there = await far_sides.one.store.table.newest(":key")
        assert [await side.store.table.get([":key"]) for side in (far_sides.one, far_sides.other)] == [[there]] * 2


@undisturbed()
async def test_a_purge_of_everything_is_one_of_this_too(far_sides: Sides) -> None:
    """What stood before counts for nothing; it may be added, and is counted from the beginning."""
    one, other = far_sides.views()
    for key in ("a", "b", "c", "d"):
        await one.set(key, 5)
    assert await other.get("a") == 5
    assert await far_sides.one.cache.purge_all()
    await far_sides.hear()
    await far_sides.hear()
    assert await other.multi_get(["a", "b"]) == [None, None]
    assert [await other.add("a", 1), await other.increment("b"), await other.expire("c", 5)] == [True, 1, False]
    async with OptimisticLock(other, "d") as lock:
        assert await lock.cas(6)
    await far_sides.hear()
    assert await one.multi_get(["a", "b", "c", "d"]) == [1, 1, None, 6]
    assert await one.increment("b") == 2


@undisturbed()
async def test_garbage_is_nothing_and_makes_way(far_sides: Sides) -> None:
    """Whatever somebody else has put there, of another type even, is read as nothing and written over."""
    one = far_sides.one.view()
    for put in (("rpush", "list"), ("set", "no entry"), ("set", b"pgc"), ("set", "")):
        for act, gives in (
            (one.get, None),
            (one.exists, False),
            (one.increment, 1),
            (lambda key: one.add(key, 1), True),
            (lambda key: one.expire(key, 5), False),
            (lambda key: one.set(key, 1), True),
        ):
            await one.raw("flushall")
            await one.raw(put[0], far_sides.one.store.table.key(one.build_key("key")), put[1])
            await far_sides.hear()
            assert await act("key") == gives, (put, gives)
            if gives:
                await far_sides.hear()
                assert await far_sides.other.view().get("key") == 1


async def _everything(side: Side) -> None:
    """Every method, as it ought to be whether there is a Redis or not."""
    view = side.view()
    await view.clear()
    assert await view.set("a", "1")
    assert await view.add("b", 1)
    with pytest.raises(ValueError, match="exists"):
        await view.add("b", 2)
    assert await view.multi_set([("c", 3), ("d", "4")])
    assert [await view.increment("n"), await view.increment("n"), await view.increment("b", 5)] == [1, 2, 6]
    assert [await view.expire("a", 60), await view.expire("none", 60)] == [True, False]
    assert [await view.delete("d"), await view.delete("d")] == [1, 0]
    async with RedLock(view, "lock", lease=10), OptimisticLock(view, "c") as lock:
        assert await lock.cas(33)
    assert await view.multi_get(["a", "b", "c", "d", "n", "lock-lock"]) == ["1", 6, 33, None, 2, None]


@undisturbed()
async def test_redis_may_leave_and_come_back(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """While it is away memory is all there is, and nothing but raw complains; what comes after it is back is shared."""
    sides = await open_sides(open_cache, redis_server.url)
    await _everything(sides.one)
    redis_server.kill()
    await until(sides.one.cache, up=False)
    await until(sides.other.cache, up=False)
    await _everything(sides.one)
    assert await sides.other.view().get("n") is None
    assert await sides.one.view().clear() is False
    assert await sides.one.view().get("n") is None
    with pytest.raises(NoRedis, match="away"):
        await sides.one.view().raw("get", "key")
    redis_server.start()
    await until(sides.one.cache, up=True)
    await until(sides.other.cache, up=True)
    await _everything(sides.one)
    await sides.hear()
    assert await sides.other.view().get("n") == 2


@undisturbed()
async def test_redis_may_leave_at_any_moment(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """In the midst of many calls of every kind: none fails, and of those who add one does."""
    sides = await open_sides(open_cache, redis_server.url)
    view = sides.one.view()
    added = 0

    async def call(number: int) -> None:
        nonlocal added
        while not over.is_set():
            await view.set(f"{number}", number)
            await view.multi_get([f"{number}", "count", "none"])
            await view.increment("count")
            await view.expire("count", 60)
            await view.delete(f"{number}")
            await asyncio.sleep(0)

    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(call(number))
        for _ in range(3):
            redis_server.kill()
            await until(sides.one.cache, up=False)
            redis_server.start()
            await until(sides.one.cache, up=True)
        over.set()


async def _limited(redis_server: RedisServer, *denied: str) -> str:
    """The address for a user who lacks these commands."""
    async with Redis(port=redis_server.port) as redis:
        await redis.acl_setuser("limited", enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all"])
        await redis.execute_command("ACL", "SETUSER", "limited", *(f"-{command}" for command in denied))
    return redis_server.url.replace("redis://", "redis://limited:any@")


@undisturbed()
async def test_who_may_not_run_scripts_lacks_what_needs_them(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """It is the error of that call: nothing is changed, the tier stays, and all else works, ends of locks included."""
    sides = await open_sides(open_cache, await _limited(redis_server, "eval", "scan"))
    one, other = sides.views()
    assert [await one.set("a", 1), await one.add("b", 2), await one.increment("n")] == [True, True, 1]
    with pytest.raises(NotPermitted):
        await one.increment("n")
    with pytest.raises(NotPermitted):
        await other.expire("a", 5)
    async with OptimisticLock(other, "b") as lock:
        with pytest.raises(NotPermitted):
            await lock.cas(3)
    assert await other.get("a") == 1
    with pytest.raises(NotPermitted):
        await other.clear()
    async with RedLock(one, "lock", lease=60):
        assert await other._redlock_release(":lock-lock", "another's") == 0
        await sides.hear()
        assert await other.exists("lock-lock") is True
    await sides.hear()
    assert await other.multi_get(["a", "b", "n", "lock-lock"]) == [1, 2, 1, None]
    assert [side.cache.trust for side in (sides.one, sides.other)] == [Trust.COHERENT] * 2


@undisturbed()
async def test_in_a_cluster(open_cache: OpenCache, cluster: Cluster) -> None:
    """Names on every node are set, counted and cleared alike; raw finds the node."""
    sides = await open_sides(open_cache, cluster.url)
    one, other = sides.views(namespace="space")
    names = [f"name{number}" for number in range(60)]
    assert await one.multi_set([(name, name) for name in names])
    assert await other.multi_get(names) == names
    assert [await view.increment("count") for view in (one, other, one)] == [1, 2, 3]
    assert [await other.add("added", 1), await other.expire("added", 60), await one.delete("added")] == [True, True, 1]
    await one.set("a", "stays", namespace="spaces")
    key = sides.one.store.table.key(one.build_key("count"))
    assert await one.raw("exists", key) == 1
    assert await other.clear()
    for name in names:
        assert sides.one.cache.redis is not None
        await sides.one.cache.redis.execute(
            sides.one.store.table.key(one.build_key(name)), ("PTTL", sides.one.store.table.key(one.build_key(name)))
        )
    for view in (one, other):
        assert await view.multi_get([*names, "count"]) == [None] * 61
        assert await view.get("a", namespace="spaces") == "stays"
    await _while_a_slot_is_moved(sides, cluster)


async def _while_a_slot_is_moved(sides: Sides, cluster: Cluster) -> None:
    """What cannot be known is not claimed, the tier stays, and it is as before when the key has arrived."""
    one, other = sides.views(namespace="space")
    key = sides.one.store.table.key(one.build_key("name7"))
    assert await one.set("name7", 1)
    with moving(cluster, key) as move:
        move.move(key)
        assert await one.set("name7", 2) is False
        assert [await view.get("name7") for view in (one, other)] == [None, None]
        for act in (one.increment("name7", timeout=0.1), one.add("name7", 2, timeout=0.1)):
            with pytest.raises(TimeoutError):
                await act
        assert await one.delete("name7") == 0
        assert await one.clear() is False
        assert [side.cache.trust for side in (sides.one, sides.other)] == [Trust.COHERENT] * 2
    while await other.get("name7") != 1:
        await asyncio.sleep(0.01)
    assert await other.clear()
    assert await other.get("name7") is None

"""Where an event loop runs: each call has its twin, many are under way at once, a cancelled one is whole or nothing."""

import asyncio
import inspect
import threading
import time

import pytest

from autostore import AutoStore, PreconditionFailedError, StorageError, StorageFileNotFoundError
from autostore.store.awaiting import AsyncInterface


def test_each_twin_does_what_its_call_does(store):
    """On every place, with the same arguments, answers and errors."""

    async def whole():
        written = await store.awrite("a/b", {"x": 1}, format="json")
        assert written.etag == store.get_metadata("a/b").etag
        assert await store.aread("a/b") == {"x": 1}
        assert await store.aread("a/b", as_type=dict[str, float]) == {"x": 1.0}
        assert await store.aexists("a/b")
        with pytest.raises(PreconditionFailedError):
            await store.awrite("a/b", 1, if_absent=True)
        await store.amodify("a/b", lambda value: {**value, "y": 2})
        await store.acopy("a/b", "c")
        await store.amove("c", "d")
        await store.aupdate({"e": 1}, f=2)
        assert [key async for key in store.akeys()] == ["a/b", "d", "e", "f"]
        assert (await store.ainfo("d")).type == "dict"
        assert (await store.apath("d")).read_bytes() == store.read("d", as_type=bytes)
        await store.adelete("d")
        with pytest.raises(StorageFileNotFoundError):
            await store.aread("d")
        await asyncio.gather(*(store.awrite(f"many/{n}", n) for n in range(40)))
        assert await asyncio.gather(*(store.aread(f"many/{n}") for n in range(40))) == list(range(40))

    asyncio.run(whole())


def test_the_loop_goes_on_meanwhile(local_store):
    """A call that waits in a thread holds up nobody else."""
    local_store["a"] = 0
    ready, go = threading.Event(), threading.Event()

    def wait(value):
        ready.set()
        assert go.wait(60)
        return value + 1

    async def whole():
        changing = asyncio.ensure_future(local_store.amodify("a", wait))
        assert await asyncio.to_thread(ready.wait, 60)
        await local_store.awrite("b", 1)
        go.set()
        await changing
        return await local_store.aread("a")

    assert asyncio.run(whole()) == 1


class Slow(dict):
    """A value whose encoding takes a while."""

    def __reduce__(self):
        time.sleep(0.3)
        return Slow, ()


def test_who_is_cancelled_leaves_the_old_value_or_the_new(tmp_path):
    """The caller waits until the write is done, so that none goes on behind its back."""
    store = AutoStore(tmp_path)
    store["a"] = 1

    async def whole():
        task = asyncio.ensure_future(store.awrite("a", Slow()))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.sleep(0.01)
        task.cancel()  # as one who is impatient
        with pytest.raises(asyncio.CancelledError):
            await task

    started = time.monotonic()
    asyncio.run(whole())
    assert time.monotonic() - started >= 0.3
    assert type(store["a"]) is Slow
    before = sorted(tmp_path.rglob("*"))
    time.sleep(0.3)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_call_that_has_not_begun_is_not_made_for_who_is_cancelled(tmp_path):
    """A time limit over many calls ends with those under way, and does not wait for the rest."""
    store, begun = AutoStore(tmp_path), []

    def slowly(n):
        begun.append(1)
        time.sleep(0.3)
        return n + 1

    async def many():
        tasks = [asyncio.ensure_future(store.amodify(f"k/{i}", slowly)) for i in range(200)]
        await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    store.update({f"k/{i}": 0 for i in range(200)})
    told = asyncio.run(many())
    assert all(isinstance(one, asyncio.CancelledError) for one in told)
    made = sum(store.values("k/"))
    time.sleep(0.5)
    assert sum(store.values("k/")) == made == len(begun) <= 32


def test_every_twin_has_its_call():
    """`aread` is `read`, and no argument that a call knows by keyword is refused."""
    for name, twin in vars(AsyncInterface).items():
        if name.startswith("a") and inspect.isfunction(twin):
            call = getattr(AutoStore, "__delitem__" if name == "adelete" else name[1:])
            known = inspect.signature(twin).parameters
            takes_all = any(one.kind is one.VAR_KEYWORD for one in known.values())
            assert takes_all or set(inspect.signature(call).parameters) == set(known), name


def test_without_asyncio_it_says_so(local_store):
    """Under trio, and where nobody runs a loop, it was a RuntimeError that named nothing."""
    call = local_store.aread("k")
    with pytest.raises(StorageError, match="asyncio"):
        call.send(None)

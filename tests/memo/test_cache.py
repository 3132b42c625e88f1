"""`store.cache`: a function runs once for what it is given, and nobody gets another answer than the function's."""

import asyncio
import dataclasses
import functools
import multiprocessing
import os
import pickle
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

import pytest

from autostore import AutoStore, InvalidConfigError, StorageConfig, UnsupportedFormatError
from tests.memo.children import compute
from tests.optional import np, pl
from tests.reliability.nursery import Nursery


@pytest.fixture(params=["local", "memory", "moto"])
def store(request, store):
    return store


@pytest.fixture
def runs():
    """Arguments that a function was run with."""
    return []


@pytest.fixture
def double(store, runs):
    @store.cache(ignore="runs")
    def double(x, factor=2):
        runs.append(x)
        if x is None:
            raise ValueError("nothing to double")
        return x * factor

    return double


def test_a_function_runs_once_for_what_it_is_given(store, double, runs):
    """Another handle, and arguments passed in another way, find the result; it is a plain file below `_cache/`."""
    frame = pl.DataFrame({"x": [1, 2]})
    first = double(frame)
    assert first.equals(frame * 2)
    assert double(frame.clone(), factor=2).equals(first)
    assert len(runs) == 1
    key = double.key(frame)
    assert key.startswith("_cache/tests.memo.test_cache.double.locals.double/")
    assert AutoStore(store.uri, store.config)[key].equals(first)
    assert store.get_metadata(key).path.endswith(".parquet")
    assert (double(1), double(1.0), double(True), double(1)) == (2, 2.0, 2, 2)
    assert type(double(1.0)) is float
    assert len(runs) == 4
    assert double.call(1) == 2
    assert len(runs) == 5
    told = double.info()
    assert (told.hits, told.misses, told.results) == (3, 4, 4)
    assert "3 hits, 4 misses, 43% hits" in str(told)
    assert told.size == sum(entry.size for entry in store.entries("_cache/"))


def test_errors_are_raised_and_not_kept(store, double, runs):
    """Each call runs again, and None is a result as any."""
    for _ in range(2):
        with pytest.raises(ValueError, match="nothing"):
            double(None)
    assert runs == [None, None]
    assert list(store.keys()) == []
    assert list(store.list_files(".*")) == []
    nothing = store.cache(ignore="runs")(lambda x: runs.append(x))
    assert [nothing(5), nothing(5)] == [None, None]
    assert runs == [None, None, 5]


def test_results_are_forgotten(store, double, runs):
    """One, or all of a function, whatever its code was; nothing else."""
    store["_cache/other"] = 1
    double(1), double(2), double(3)
    assert double.forget(1)
    assert not double.forget(1)
    double(1)
    assert runs == [1, 2, 3, 1]
    assert double.forget_all(older=3600) == double.forget_all(older=timedelta(hours=1)) == 0
    assert double.forget_all() == 3
    assert list(store.keys()) == ["_cache/other"]


def test_a_result_expires(tmp_path, runs):
    """Counted from when it was kept; then it is computed anew, and replaced."""
    store = AutoStore(tmp_path)
    memo = store.cache(expires=timedelta(hours=1), ignore="runs")(lambda x: runs.append(x) or len(runs))
    assert [memo(1), memo(1)] == [1, 1]
    file = tmp_path / store.get_metadata(memo.key(1)).path
    os.utime(file, (time.time() - 3601,) * 2)
    assert [memo(1), memo(1)] == [2, 2]


def test_a_damaged_result_is_computed_anew(tmp_path, runs):
    """A file that does not read is no answer."""
    store = AutoStore(tmp_path)
    memo = store.cache(ignore="runs")(lambda x: runs.append(x) or np.arange(x))
    memo(3)
    (tmp_path / store.get_metadata(memo.key(3)).path).write_bytes(b"torn")
    assert memo(3).tolist() == [0, 1, 2]
    assert len(runs) == 2
    assert store[memo.key(3)].tolist() == [0, 1, 2]


def test_streams_and_queries_are_given_as_they_were_kept(tmp_path):
    """What can be gone through once is not handed on empty."""
    store = AutoStore(tmp_path)

    @store.cache
    def lazy(x):
        return pl.LazyFrame({"x": [x]})

    @store.cache
    def pieces(x):
        return (pl.DataFrame({"x": [x]}) for _ in range(2))

    for _ in range(2):
        assert lazy(1).collect()["x"].to_list() == [1]
        assert pieces(1).collect()["x"].to_list() == [1, 1]


class Rows:
    """What another engine would hand out."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_every_call_gives_the_type_that_was_kept(tmp_path):
    """A figure of Matplotlib is kept as a picture, rows of another engine as a table: the first call gives it, too."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    store = AutoStore(tmp_path)

    @store.cache
    def figure(x):
        made, axes = pyplot.subplots()
        axes.plot([x, x])
        pyplot.close(made)
        return made

    @store.cache
    def rows(x):
        return Rows(pl.DataFrame({"x": [x]}))

    assert [type(figure(1)).__name__ for _ in range(2)] == ["Image", "Image"]
    assert [rows(1).collect()["x"].to_list() for _ in range(2)] == [[1], [1]]


class Model:
    """With memoized methods."""

    memo = AutoStore("memory://methods")
    runs = []

    def __init__(self, weight):
        self.weight = weight

    @memo.cache(ignore=["Model.runs", "Model.memo"])
    def predict(self, x):
        self.runs.append(x)
        return self.weight * x

    @staticmethod
    @memo.cache
    def still(x):
        return x


def test_methods_count_their_object():
    """Its content is an argument; `key` and `forget` are of the bound method."""
    light, heavy = Model(1), Model(10)
    assert [light.predict(2), heavy.predict(2), Model(1).predict(2)] == [2, 20, 2]
    assert Model.runs == [2, 2]
    assert light.predict.key(2) == Model.predict.key(light, 2) != heavy.predict.key(2)
    light.weight = 3
    assert light.predict(2) == 6
    assert light.predict.forget(2)
    assert Model.still(4) == 4
    assert Model.predict.info().misses == 3


def module_level(x):
    """Of a module."""
    return x + 1


@AutoStore("memory://pickled").cache
def decorated(x):
    return x + 1


def test_what_is_no_function_is_refused(tmp_path):
    """When it is decorated, with what to do."""
    store = AutoStore(tmp_path)

    def generate():
        yield 1

    for wrong, told in [
        (3, "takes a function"),
        (staticmethod(len), "below"),
        (generate, "one by one"),
        (Model, "takes a function"),
    ]:
        with pytest.raises(InvalidConfigError, match=told):
            store.cache(wrong)
    for options, told in [({"expires": 0}, "expires=0"), ({"ignore": "y", "version": 1}, "no y")]:
        with pytest.raises(InvalidConfigError, match=told):
            store.cache(**options)(module_level)
    with pytest.raises(InvalidConfigError, match="reads no y"):
        store.cache(ignore=["y"])(module_level)(1)


@pytest.mark.parametrize("wrong", [{"ignore": None}, {"ignore": [1]}, {"key": 1}, {"key": "x"}])
def test_what_decorates_wrongly_is_named(tmp_path, wrong):
    """When the function is decorated, not by its first call."""
    with pytest.raises(InvalidConfigError, match=f"{next(iter(wrong))}=.*Pass"):
        AutoStore(tmp_path).cache(**wrong)(module_level)


@pytest.mark.parametrize("wrong", ["1h", True, -1, float("nan"), [1]])
def test_what_is_no_length_of_time_is_named(tmp_path, wrong):
    """Of the argument that it was given for, when it is given."""
    store = AutoStore(tmp_path)
    with pytest.raises(InvalidConfigError, match="expires="):
        store.cache(expires=wrong)
    with pytest.raises(InvalidConfigError, match="older="):
        store.cache(module_level).forget_all(older=wrong)


def test_it_is_still_the_function(tmp_path):
    """Name, documentation, signature; and a part of the store keeps results of its own."""
    store = AutoStore(tmp_path)
    memo = store.cache(module_level)
    assert (memo.__name__, memo.__doc__, memo.__wrapped__) == ("module_level", "Of a module.", module_level)
    assert functools.partial(memo, 1)() == 2
    assert store.cache(functools.partial(module_level, 5))() == 6
    assert (store / "part").cache(module_level).key(1) == memo.key(1)
    assert (store / "part").cache(module_level)(1) == 2
    assert f"part/{memo.key(1)}" in store


def test_what_cannot_be_kept_is_an_error(tmp_path):
    """As of a write, so that nobody computes for ever what is never found."""
    memo = AutoStore(tmp_path).cache(lambda x: lambda: x)
    with pytest.raises(UnsupportedFormatError, match="top level"):
        memo(1)


def test_a_read_only_store_gives_what_it_has(tmp_path, runs):
    """And computes the rest, which it does not keep."""
    memo = AutoStore(tmp_path).cache(module_level)
    memo(1)
    closed = AutoStore(tmp_path, StorageConfig(read_only=True)).cache(module_level)
    assert [closed(1), closed(2)] == [2, 3]
    assert (closed.info().hits, closed.info().results) == (1, 1)


def test_key_stands_for_the_arguments(tmp_path, runs):
    """What `key=` gives is hashed instead of them."""
    memo = AutoStore(tmp_path).cache(key=lambda run, **_: run["id"], ignore="runs")(lambda run, log: runs.append(1))
    memo({"id": 1, "at": 5}, log=threading.Lock())
    memo({"id": 1, "at": 6}, log=threading.Lock())
    memo({"id": 2}, log=None)
    assert len(runs) == 2


def test_the_code_of_key_counts(tmp_path):
    """7 of a week is not 7 of a day."""
    store, run = AutoStore(tmp_path), {"day": 7, "week": 7}
    keys = [store.cache(key=key)(len).key(run) for key in (lambda run: run["day"], lambda run: run["week"])]
    assert keys[0] != keys[1]
    keys = [store.cache(key=key, version=1)(len).key(run) for key in (lambda run: run["day"], lambda run: run["week"])]
    assert keys[0] == keys[1]


def test_recursion_is_what_it_was(tmp_path):
    """A function that calls itself waits for nobody; with the same arguments it would for ever, and is told."""
    store = AutoStore(tmp_path)

    @store.cache
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(12) == 144
    assert fib.info().misses == 13

    @store.cache
    def endless(n):
        return endless(n)

    with pytest.raises(RecursionError, match="same arguments"):
        endless(1)


def test_threads_wait_for_one_computation(store):
    """Eight ask at once, one computes, all have its answer."""
    running, most, runs = [], [], []

    @store.cache(ignore=["running", "most", "runs"])
    def slow(x):
        running.append(1), most.append(len(running)), runs.append(x)
        time.sleep(0.2)
        running.pop()
        return x

    answers = []
    threads = [threading.Thread(target=lambda: answers.append(slow(1))) for _ in range(8)]
    [thread.start() for thread in threads], [thread.join(60) for thread in threads]
    assert (answers, runs) == ([1] * 8, [1])
    assert list(store.list_files(".autostore/*")) == []


@pytest.fixture(scope="module")
def nursery():
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(params=["local", "radosgw"])
def start(request, tmp_path, nursery):
    """Starts a process that calls a slow function, on one store in a folder, then in a bucket."""
    uri, environment = str(tmp_path / "store"), {}
    if request.param == "radosgw":
        server = request.getfixturevalue("radosgw_s3")
        uri = f"s3://{server.make_bucket()}/memory/"
        environment = {"AWS_ENDPOINT_URL": server.endpoint, "AWS_DEFAULT_REGION": "us-east-1",
                       "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testsecret"}  # fmt: skip

    children = []

    def begun(seconds, **more):
        children.append(nursery.start(compute, uri, str(tmp_path / "log"), seconds, environment, *more.values()))
        return children[-1]

    yield begun
    for child in children:
        child.kill()


def runs_in(tmp_path):
    """How often the slow function ran."""
    return len((tmp_path / "log").read_text().split())


def wait_for(file):
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_processes_wait_for_one_computation(tmp_path, start):
    """Three processes at once, of two machines: one runs the function; a fourth, later, finds the result."""
    children = [start(0.5, lease=None, machine=machine) for machine in ("this", "this", "that")]
    assert [child.hear(60) for child in children] == [42] * 3
    assert start(0.5).hear(60) == 42
    assert runs_in(tmp_path) == 1


def test_a_killed_computation_is_followed_at_once(tmp_path, start):
    """Its process is gone from this machine, so nobody waits for its lease."""
    dead = start(60)
    wait_for(tmp_path / "log")
    waiting = start(0)
    os.kill(dead.pid, signal.SIGKILL)
    started = time.monotonic()
    assert waiting.hear(50) == 42
    assert time.monotonic() - started < 30
    assert runs_in(tmp_path) == 2


def test_a_machine_that_dies_is_followed_after_its_lease(tmp_path, start):
    """Nobody can ask for its process: its claim is waited for as long as it might be renewed, then taken over, once."""
    dead = start(60, lease=1, machine="elsewhere")
    wait_for(tmp_path / "log")
    rivals = [start(0.3, lease=1, machine="here") for _ in range(2)]
    time.sleep(1.5)
    assert runs_in(tmp_path) == 1  # it is renewed
    os.kill(dead.pid, signal.SIGKILL)
    started = time.monotonic()
    assert [rival.hear(50) for rival in rivals] == [42, 42]
    assert time.monotonic() - started > 0.5
    assert runs_in(tmp_path) == 2


def test_a_result_expires_for_every_process(tmp_path, start):
    """By the time that the place says; then one of them computes it anew."""
    for wanted, pause in ((1, 0), (1, 2.1), (2, 0)):
        assert start(0, lease=None, machine=None, expires=2).hear(60) == 42
        assert runs_in(tmp_path) == wanted
        time.sleep(pause)


async def gathered(*waiting):
    return await asyncio.gather(*waiting)


def test_coroutines_are_awaited_as_before(store):
    """Many at once compute once; the loop is not held up, and a failure is not kept."""
    runs = []

    @store.cache(ignore=["runs"])
    async def slow(x):
        runs.append(x)
        await asyncio.sleep(0.1)
        if x is None:
            raise ValueError("nothing")
        return x * 2

    async def whole():
        assert await asyncio.gather(*(slow(1) for _ in range(50))) == [2] * 50
        assert await slow.call(2) == 4
        with pytest.raises(ValueError, match="nothing"):
            await slow(None)

    asyncio.run(asyncio.wait_for(whole(), 60))
    assert runs == [1, 2, None]
    assert asyncio.run(slow(1)) == 2
    assert slow.info().hits == 50


def test_a_cancelled_coroutine_leaves_no_claim(tmp_path):
    """The next one computes at once."""
    store = AutoStore(tmp_path)
    seconds = [30]

    @store.cache(ignore=["seconds"])
    async def slow(x):
        await asyncio.sleep(seconds[0])
        return x

    async def whole():
        for pause in (0.0, 0.001, 0.01, 0.2):
            task = asyncio.ensure_future(slow(1))
            await asyncio.sleep(pause)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        seconds[0] = 0
        return await asyncio.wait_for(slow(1), 20)

    assert asyncio.run(whole()) == 1
    assert list((tmp_path / ".autostore").rglob("claims/*")) == []


def test_a_task_that_outlives_the_computation_that_started_it_may_ask_again(tmp_path):
    """It is no recursion any more."""
    store, started = AutoStore(tmp_path), []

    async def later():
        await asyncio.sleep(0.3)
        return await refreshed(1)

    @store.cache(expires=0.1, ignore=["started", "later"])
    async def refreshed(x):
        if not started:
            started.append(asyncio.create_task(later()))
        return x

    async def both():
        return [await refreshed(1), await started[0]]

    assert asyncio.run(both()) == [1, 1]


def test_a_memoized_function_travels(tmp_path):
    """It pickles as functions do, by name, so that pools take it."""
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    # Not a `Pool`, which may wait for ever for a worker that it ends.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(decorated, 1).result(timeout=120) == 2


@dataclasses.dataclass
class Own:
    x: int

    def total(self):
        return self.x


def test_a_function_may_call_another_memoized_one(tmp_path):
    """Whose code is part of its own."""
    keys = set()
    for factor in (1, 2):
        scope = {"store": AutoStore(tmp_path), "__name__": "scope"}
        exec(f"@store.cache\ndef inner(x): return x * {factor}\n@store.cache\ndef outer(x): return inner(x) + 1", scope)
        assert scope["outer"](5) == 5 * factor + 1
        keys.add(scope["outer"].key(5))
    assert len(keys) == 2

"""`close()` beside use: a running call completes, and the next use opens again; nothing raw, and never "absent"."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid

import pytest

from autostore import AutoStore, LocalFileConfig, StorageConfig
from tests.reliability.scale import measured, scaled


@pytest.fixture(params=["local", "memory", "moto", "moto-cached"])
def store(request, tmp_path):
    """A store with one value, on each kind of place."""
    name, _, cached = request.param.partition("-")
    uri, config = str(tmp_path / "store"), LocalFileConfig(temp_dir=tmp_path / "tmp")
    if name == "memory":
        uri, config = f"memory://{uuid.uuid4().hex}", StorageConfig(temp_dir=tmp_path / "tmp")
    elif name == "moto":
        server = request.getfixturevalue("moto_s3")
        more = {"multipart_threshold": 5 << 20, "multipart_chunksize": 5 << 20, "temp_dir": tmp_path / "tmp"}
        uri = f"s3://{server.make_bucket()}/"
        config = server.config(cache_enabled=bool(cached), cache_dir=tmp_path / "cache", **more)
    store = AutoStore(uri, config)
    store["k"] = {"v": 0}
    return store


def use(store, number):
    """A round of calls, whose answers are known."""
    name = f"own{number}"
    store[name] = {"v": number}
    assert store[name] == {"v": number}
    assert store.get("k", "default") == {"v": 0}
    assert store.modify(name, lambda old: {"v": old["v"] + 1}).size > 0
    store.copy(name, f"{name}b")
    store.move(f"{name}b", f"{name}c")
    assert dict(store.items(f"{name}c")) == {f"{name}c": {"v": number + 1}}
    assert store.pop(name) == {"v": number + 1}
    store.update({f"{name}x": 1, f"{name}y": 2})


@pytest.mark.timeout(scaled(120, 3600))
def test_in_another_thread(store, request):
    """While one thread closes without pause, each call of the others completes with the right answer."""
    # Mutation that this was seen to catch: Scratch.close removes a folder in use.
    failures, done = [], threading.Event()
    rounds = []

    def work(number):
        try:
            until = time.monotonic() + scaled(2, 300)
            while time.monotonic() < until:
                use(store, number)
                rounds.append(number)
        except BaseException as error:
            failures.append(f"{type(error).__name__}: {error}")

    def close():
        while not done.wait(0.001):
            store.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    closer = threading.Thread(target=close)
    with measured(f"close() beside use, {request.node.callspec.params['store']}") as facts:
        for thread in (closer, *workers):
            thread.start()
        for thread in workers:
            thread.join()
        done.set()
        closer.join()
        facts["rounds"] = len(rounds)
    store.close()
    assert failures == []
    assert not leftovers(store)


def leftovers(store):
    """Temporary folders that are still there."""
    folder = store.config.temp_dir
    own = [os.path.join(store.uri.partition("://")[2], ".autostore", "tmp"), str(folder)]
    return [name for place in own if os.path.isdir(place) for name in os.listdir(place)]


def test_in_a_signal_handler(store):
    """A handler that closes, at any moment of a call of the same thread, changes no answer and waits for nothing."""
    closed = []

    def handle(*_):
        closed.append(1)
        store.close()

    old = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
        until = time.monotonic() + scaled(2, 60)
        while time.monotonic() < until:
            use(store, 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    store.close()
    assert len(closed) > 10
    assert not leftovers(store)


@pytest.mark.parametrize("store", ["local", "memory"], indirect=True)  # boto3 itself is not made to be forked in use
def test_beside_forks(store):
    """Children forked in the middle of other threads' calls use and close the store, and so does the parent."""
    # Mutation that this was seen to catch: memory's turns are not forgotten in a child.
    failures, done = [], threading.Event()

    def work(number):
        while not done.is_set():
            try:
                use(store, number)
            except BaseException as error:
                failures.append(repr(error))
                return

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    answers = []
    try:
        for number in range(scaled(8, 300)):
            pid = os.fork()
            if pid == 0:
                child(store, 100 + number)
            answers.append(wait_for(pid))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    store.close()
    assert failures == []
    assert set(answers) == {0}
    assert not leftovers(store)


def child(store, number):
    """A forked child's whole life."""
    code = 1
    try:
        use(store, number)
        store.close()
        use(store, number)
        store.close()
        code = 0
    finally:
        os._exit(code)


def wait_for(pid, seconds=30):
    """A child's exit status; it is killed when it hangs."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hung"


EXIT = """
import atexit, sys, threading
def late():
    store["late"] = {{"v": 1}}
    assert store["late"] == {{"v": 1}}
    assert dict(store.items()) == {{"k": {{"v": 0}}, "late": {{"v": 1}}}}
    store.update(x=1, y=2)
    if sys.argv[1] == "close": store.close()
    print("right", flush=True)
if sys.argv[2] == "before": atexit.register(lambda: late())
from autostore import AutoStore
from {module} import {config}
store = AutoStore({uri!r}, {shown})
store["k"] = {{"v": 0}}
if sys.argv[2] == "after": atexit.register(late)
if sys.argv[3] == "held":
    waiting = threading.Thread(target=lambda kept: threading.Event().wait(), args=(store,), daemon=True)
    waiting.start()
"""


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize(("closing", "held"), [("close", "free"), ("leave", "free"), ("leave", "held")])
def test_at_exit(store, tmp_path, order, closing, held):
    """A hook at the process's end uses the store as ever, whether it was registered before ours or after.

    No folder is left, even where a daemon thread, which is never ended, holds the store.
    """
    # Mutations that this was seen to catch: in_order lets the RuntimeError of `submit` through; a room is not left.
    config = store.config
    names = [name for name in config.__dataclass_fields__ if name != "upload_args"]
    shown = f"{type(config).__name__}(**{ {name: plain(getattr(config, name)) for name in names}!r})"
    store.pop("k")
    code = EXIT.format(module="autostore", config=type(config).__name__, uri=store.uri, shown=shown)
    command = [sys.executable, "-c", code, closing, order, held]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "right\n", done.stderr
    assert not done.stderr
    store.close()
    assert not leftovers(store)


UNCAUGHT = """
import sys
from hypothesis import given, settings, strategies
from autostore import AutoStore
store = AutoStore(sys.argv[1])
@settings(database=None)
@given(strategies.integers())
def fails(number):
    store["k"] = number
    raise KeyError("of the user")
fails()
"""


def test_who_is_held_to_the_very_end_says_nothing(tmp_path):
    """An error that nobody catches, in a library that holds the store longer than our modules live, is told alone."""
    # Mutation that this was seen to catch: Room.__del__ without its condition.
    script = tmp_path / "fails.py"
    script.write_text(UNCAUGHT)
    command = [sys.executable, str(script), str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "KeyError: 'of the user'" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert not list(tmp_path.glob("store/.autostore/tmp/*"))


def plain(value):
    """A setting as text of Python can say it."""
    return str(value) if isinstance(value, os.PathLike) else value

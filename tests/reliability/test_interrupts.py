"""An interrupt between any two lines loses no lock, descriptor or temporary file, and the next call works."""

import contextlib
import ctypes
import fcntl
import gc
import itertools
import os
import random
import shutil
import signal
import sys
import threading
import time

import pytest

from autostore import AutoStore, LocalFileConfig, S3StorageConfig, StorageConfig
from tests.almost_s3 import AlmostS3
from tests.reliability.interrupts import At, Between, Interrupt
from tests.reliability.scale import SOAK, measured, scaled

OLD, NEW = {"v": 1}, {"v": 2}
CALLS = {
    "write": lambda store: store.write("a/k", NEW),
    "write another format": lambda store: store.write("a/k", "text"),
    "write where absent": lambda store: store.write("a/n", NEW, if_absent=True),
    "read": lambda store: store.read("a/k"),
    "read absent": lambda store: store.get("a/n"),
    "modify": lambda store: store.modify("a/k", lambda _: NEW),
    "delete": lambda store: store.pop("a/k"),
    "copy": lambda store: store.copy("a/k", "a/n"),
    "move": lambda store: store.move("a/k", "b/n"),
    "listing": lambda store: list(store.keys()),
    "close": lambda store: store.close(),
}
STEP = 1 if SOAK else 13


def is_locked(folder):
    """Whether anybody holds the lock of a folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def leftovers(*folders):
    """Temporary files, of the store and of its cache."""
    found = [file for folder in folders for file in folder.rglob("*") if file.is_file() or file.is_symlink()]
    return [file.name for file in found if file.parent.name.startswith("autostore-") or file.name.endswith(".new")]


def expect_right(store, folders, before):
    """What holds after any interrupt."""
    assert [folder for folder in folders if is_locked(folder)] == []
    assert len(os.listdir("/proc/self/fd")) <= before
    assert leftovers(*{folder for folder in folders if folder.exists()}) == []


# What an interrupt leaves open between `open` and its `with` closes when it is dropped, and Python says so.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("kept", [False, True], ids=["", "traceback kept"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.timeout(scaled(120, 3600))
def test_at_each_line_locally(tmp_path, no_collector, call, kept):
    """The folder is free, the old value or the new is there, and the next call works, even if the traceback is kept."""
    # Mutations that this was seen to catch: `opened` stores the number before it has an owner (descriptors);
    # owning_frame gives None (hangs where the traceback is kept); ScratchFiles has no __del__ (temporary files).
    folder = tmp_path / "store"
    store = AutoStore(folder, LocalFileConfig(timeout=5))
    with measured(f"interrupt at each line: {call}{', traceback kept' if kept else ''}") as facts:
        for number in itertools.count(random.Random(call).randint(1, STEP), STEP):
            for name in ("a", "b"):
                shutil.rmtree(folder / name, ignore_errors=True)
            store.write("a/k", OLD)
            store.exists("a/k")
            before, at = len(os.listdir("/proc/self/fd")), At(number)
            error = at.run(lambda: CALLS[call](store))
            if not at.where:
                break
            assert isinstance(error, Interrupt | None), at.where
            if not kept:
                error = None
                expect_right(store, [folder, folder / "a", folder / "b", folder / ".autostore"], before)
            values = [store.get(key) for key in ("a/k", "a/n", "b/n")]
            assert any(value in (OLD, NEW, "text") for value in values) or call == "delete", at.where
            begun = time.monotonic()
            for key in ("a/k", "a/n", "b/n"):
                store[key] = {"v": 3}
                assert store.pop(key) == {"v": 3}
            assert time.monotonic() - begun < 4, at.where
        facts["interrupts"] = number // STEP
    error = None
    store.close()
    assert list((folder / ".autostore" / "tmp").iterdir()) == []


@pytest.mark.parametrize("place", ["folder", "history", "memory"])
@pytest.mark.parametrize("call", ["write", "move", "listing"])
def test_a_signal_handler_may_use_the_store_at_each_line(tmp_path, place, call):
    """It changes the same folder in the middle of a call, as one that saves before the end does; neither waits."""
    config = StorageConfig(timeout=5, history=place == "history")
    store = AutoStore("memory://handler" if place == "memory" else tmp_path, config)
    calls = {
        "write": lambda: store.write("a/k", NEW),
        "move": lambda: store.move("a/k", "a/moved"),
        "listing": lambda: sorted(store.keys("a/k")),
    }

    def handler():
        store["a/saved"] = at.left
        store.copy("a/saved", "a/copied")
        del store["a/copied"]

    # Mutations that this was seen to catch: FolderLock never asks `_has_by_interrupted` (waits); `confirm` deletes.
    for number in itertools.count(1, STEP if place == "history" else 1):
        store["a/k"] = OLD
        at = Between(number, handler)
        begun = time.monotonic()
        assert at.run(calls[call]) is None, at.where
        assert time.monotonic() - begun < 4, at.where
        if not at.where:
            break
        assert store["a/moved" if call == "move" else "a/k"] == (NEW if call == "write" else OLD), at.where
        assert store["a/saved"] == 0
    assert number > 30


@pytest.mark.parametrize("kept", [False, True], ids=["", "traceback kept"])
@pytest.mark.timeout(scaled(120, 3600))
def test_at_each_line_of_a_memoized_call(tmp_path, kept):
    """The next call computes or finds the result at once: no turn and no claim of its own process is waited for."""
    # Mutations that this was seen to catch: a claim of this process is never left (waits a lease), the renewing
    # thread refers to its turn (waits for ever), a turn is over only when nobody refers to it (traceback kept).
    store = AutoStore(tmp_path, LocalFileConfig(timeout=5))

    @store.cache
    def doubled(number):
        return 2 * number

    doubled(0)
    step, errors = scaled(31, 1), []
    with measured(f"interrupt at each line: memoized call{', traceback kept' if kept else ''}") as facts:
        for number in itertools.count(random.Random(kept).randint(1, step), step):
            at = At(number)
            error = at.run(lambda: doubled(number))  # noqa: B023 - it is called here
            if not at.where:
                break
            assert isinstance(error, Interrupt | None), at.where
            errors += [error] if kept else []
            begun = time.monotonic()
            assert doubled(number) == 2 * number
            assert time.monotonic() - begun < 4, at.where
        facts["interrupts"] = number // step


@pytest.mark.parametrize("call", ["read", "write", "copy", "listing", "close"])
@pytest.mark.timeout(scaled(120, 3600))
def test_at_each_line_through_the_cache(moto_s3, tmp_path, call):
    """The cache has no lock, no descriptor and no file too many, and goes on serving."""
    settings = {"cache_enabled": True, "cache_dir": tmp_path / "cache", "temp_dir": tmp_path / "tmp", "timeout": 5}
    store = AutoStore(f"s3://{moto_s3.make_bucket()}/", moto_s3.config(**settings))
    step = scaled(97, 1)
    with measured(f"interrupt at each line, S3 through the cache: {call}") as facts:
        for number in itertools.count(random.Random(call).randint(1, step), step):
            store["a/k"] = number % 2
            if number % 3:
                store["a/k"]
            before, at = len(os.listdir("/proc/self/fd")), At(number)
            error = at.run(lambda: CALLS[call](store))
            if not at.where:
                break
            assert isinstance(error, Interrupt | None), at.where
            error = None
            gc.collect()  # botocore's own cycles
            copies = list((tmp_path / "cache" / "v1").glob("*/"))
            expect_right(store, [tmp_path / "cache" / "v1", *copies, tmp_path / "tmp"], before + 1)
            store["a/k"] = {"v": 3}
            assert store["a/k"] == {"v": 3}
        facts["interrupts"] = number // step
    store.close()
    assert list((tmp_path / "tmp").iterdir()) == []


def storm(call, seconds, interrupt):
    """Call again and again while interrupts come at random moments; how many came through."""
    came, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            interrupt(True)
            call()
            interrupt(False)
        except Interrupt:
            came += 1
    while True:  # one may still be on its way
        try:
            interrupt(False)
            return came
        except Interrupt:
            came += 1


@pytest.mark.timeout(scaled(60, 1800))
def test_signals_at_random_moments(tmp_path, monkeypatch):
    """A handler that raises, as that of Ctrl-C does, between any two bytecodes and within system calls."""
    store, dice = AutoStore(tmp_path / "store", LocalFileConfig(timeout=5)), random.Random(1)
    numbers = itertools.count()
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # pytest would keep what is raised where objects end

    def raise_interrupt(*_):
        raise Interrupt

    def call():
        key = f"a/{next(numbers) % 7}"
        dice.choice([lambda: store.write(key, OLD), lambda: store.get(key), lambda: store.pop(key, None)])()

    def interrupt(on):
        signal.setitimer(signal.ITIMER_REAL, dice.uniform(1e-5, 1e-3) if on else 0)

    old = signal.signal(signal.SIGALRM, raise_interrupt)
    before = len(os.listdir("/proc/self/fd"))
    try:
        with measured("signals at random moments") as facts:
            facts["signals"] = storm(call, scaled(3, 600), interrupt)
            facts["calls"] = next(numbers)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert facts["signals"] > 10
    store["a/k"] = OLD
    expect_right(store, [tmp_path / "store" / "a", tmp_path / "store" / ".autostore"], before + 1)
    store.close()
    assert list((tmp_path / "store" / ".autostore" / "tmp").iterdir()) == []


@pytest.mark.parametrize("place", ["folder", "memory"])
@pytest.mark.timeout(scaled(60, 1800))
def test_a_thread_that_is_killed(tmp_path, monkeypatch, place):
    """`PyThreadState_SetAsyncExc` in one thread leaves nothing that the others would wait for."""
    store = AutoStore(tmp_path / "store" if place == "folder" else "memory://", LocalFileConfig(timeout=5))
    kills, dice = scaled(200, 20_000), random.Random(2)
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # killed before its first line
    with measured(f"killed threads, {place}") as facts:
        for number in range(kills):
            thread = threading.Thread(target=lambda: worker(store))
            thread.start()
            time.sleep(dice.uniform(0, 2e-3))
            kill(thread)
            begun = time.monotonic()
            store["a/k"] = {"v": number}
            assert store["a/k"] == {"v": number}
            assert time.monotonic() - begun < 4
        facts["kills"] = kills


def kill(thread):
    """Raise in a thread until it ends: Python drops an exception that strikes within a finalizer."""
    ends = time.monotonic() + 20
    while thread.is_alive() and time.monotonic() < ends:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Interrupt))
        thread.join(0.1)
    assert not thread.is_alive()


def worker(store):
    """Writes and reads until it is killed."""
    try:
        while True:
            store["a/k"] = NEW
            store.get("a/k")
    except Interrupt:
        pass


@pytest.mark.timeout(120)
def test_two_interrupts_of_a_download_spoil_no_other_file(tmp_path, monkeypatch):
    """Who presses Ctrl-C again while the threads of a download are waited for gets no bytes of it in another file."""
    # Mutation that this was seen to catch: all streams write to one descriptor, which the end of the call closes.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    goes_on, asked, came = threading.Event(), threading.Event(), []
    before = set(threading.enumerate())

    def hold_ranges(answer):
        if answer.status == 206:
            asked.set()
            goes_on.wait(60)
        return answer

    def interrupt(*_):
        came.append(1)
        if len(came) == 2:
            signal.setitimer(signal.ITIMER_REAL, 0)
        raise Interrupt

    with AlmostS3() as server:
        config = S3StorageConfig(
            endpoint_url=server.endpoint, aws_access_key_id="a", aws_secret_access_key="b", cache_enabled=False,
            engine="boto3", multipart_threshold=5 << 20, multipart_chunksize=5 << 20, timeout=60,
        )  # fmt: skip
        store = AutoStore("s3://bucket/", config)
        server.objects["k.bin"] = bytes(21 << 20), {}
        server.spoil = hold_ranges
        old = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, 2, 0.5)
            with pytest.raises(Interrupt):
                store["k.bin"]
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        assert asked.is_set()
        assert len(came) == 2
        with contextlib.ExitStack() as stack:
            others = [stack.enter_context(open(tmp_path / str(number), "wb")) for number in range(20)]
            goes_on.set()
            store.close()
            for thread in set(threading.enumerate()) - before:
                if thread.name.startswith("autostore-s3"):
                    thread.join(30)
                    assert not thread.is_alive()
            assert [os.fstat(other.fileno()).st_size for other in others] == [0] * 20

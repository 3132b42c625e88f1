"""Laws 4 and 9: many processes, killed processes, forked and pickled stores."""

import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import time

import pytest

from autostore import AutoStore
from autostore.disk import sweeping
from autostore.testing import same
from tests.optional import np, pl
from tests.reliability.nursery import Nursery
from tests.reliability.scale import scaled

KILLS = scaled(100, 1_000)


def increment(uri, times):
    store = AutoStore(uri)
    for _ in range(times):
        store.modify("counter", lambda value: value + 1)


def test_modify_loses_nothing_between_processes(folder):
    """8 processes x 200 increments end at exactly 1,600."""
    AutoStore(folder)["counter"] = 0
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=increment, args=(folder, 200)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 8
    assert AutoStore(folder)["counter"] == 1600


def create(uri, number, barrier, won):
    store = AutoStore(uri)
    values = [{"from": number}, str(number), np.array([number]), bytes([number])]
    for round_number in range(25):
        barrier.wait(60)
        try:
            store.write(f"k{round_number}", values[number % len(values)], if_absent=True)
        except RuntimeError:
            continue
        won.put((round_number, number))


def test_one_creator_wins_between_processes_and_formats(folder):
    """Of 4 processes that create one key in 4 formats at once, exactly one wins, and its value stays."""
    context = multiprocessing.get_context("spawn")
    barrier, won = context.Barrier(4), context.Queue()
    processes = [context.Process(target=create, args=(folder, n, barrier, won)) for n in range(4)]
    for process in processes:
        process.start()
    winners = dict(won.get(timeout=60) for _ in range(25))
    for process in processes:
        process.join(60)
    assert won.empty()
    store = AutoStore(folder)
    kinds = [dict, str, np.ndarray, bytes]
    assert {n: type(store[f"k{n}"]) for n in winners} == {n: kinds[w] for n, w in winners.items()}
    assert len(list(store.list_files())) == 25


def write_forever(channel, folder, number):
    """Write three keys again and again, saying each number once it was acknowledged."""
    store = AutoStore(folder)
    while True:
        number += 1
        big = {"n": number, "pad": "x" * 20_000}
        store["json"] = big
        channel.say(("json", number))
        store["frame"] = pl.DataFrame({"n": [number] * 2_000})
        channel.say(("frame", number))
        text, array = str(number) + "x" * 20_000, np.full(2_000, number)
        # This key changes its format with every write.
        store["any"] = [big, text, array, bytes(4) + number.to_bytes(4, "big") * 5_000][number % 4]
        channel.say(("any", number))


def number_in(value):
    if isinstance(value, dict):
        assert value["pad"] == "x" * 20_000
        return value["n"]
    if isinstance(value, pl.DataFrame):
        assert value.height == 2_000
        assert value["n"].n_unique() == 1
        return value["n"][0]
    if isinstance(value, np.ndarray):
        assert value.shape == (2_000,)
        assert (value == value[0]).all()
        return int(value[0])
    if isinstance(value, str):
        assert value.endswith("x" * 20_000)
        return int(value.removesuffix("x" * 20_000))
    assert value == bytes(4) + value[4:8] * 5_000
    return int.from_bytes(value[4:8], "big")


@pytest.mark.timeout(scaled(120, 1200))
def test_sigkill_tears_nothing_and_loses_nothing(folder):
    """Writers killed at random moments leave every key whole, and at least as new as what they acknowledged."""
    acknowledged = {"json": 0, "frame": 0, "any": 0}
    dice = random.Random(1)
    with Nursery() as nursery:
        for kill in range(KILLS):
            child = nursery.start(write_forever, folder, max(acknowledged.values()))
            said = [child.hear()] if kill % 4 else []  # one in four dies at any moment, the first write included
            time.sleep(dice.uniform(0, 0.05))
            acknowledged.update(said + child.kill())
            reader = AutoStore(folder)
            for name, least in acknowledged.items():
                if least or name in reader:
                    assert least <= number_in(reader[name]) <= max(acknowledged.values()) + 1, name
            del reader
    assert min(acknowledged.values()) > 0
    # The next writer finds nothing in its way.
    store = AutoStore(folder)
    for name in acknowledged:
        store[name] = {"n": 0}
        store[name] = "text"
    assert sorted(store.list_files()) == ["any.txt", "frame.txt", "json.txt"]


def test_what_killed_processes_left_is_swept_after_a_day(folder):
    """An old, unlocked temporary folder goes at the next write; a young or locked one stays, and what others made."""
    store = AutoStore(folder)
    store["k"] = 1
    alive = AutoStore(folder)
    alive["k"] = 2
    tmp = folder / ".autostore" / "tmp"
    gone, young = (sweeping.new_name() for _ in range(2))
    others = ["autostore-backup", f"{gone}-kept", "somebody-elses"]
    for name in [gone, young, *others]:
        (tmp / name).mkdir()
        (tmp / name / "part").write_text("x")
    old = time.time() - sweeping.SWEEP_AFTER - 1
    for name in [*os.listdir(tmp)]:
        if name != young:
            os.utime(tmp / name, (old, old))
    AutoStore(folder)["k"] = 3
    left = set(os.listdir(tmp))
    assert gone not in left
    assert {young, *others} <= left
    assert alive._backend.scratch().name in left
    alive["k"] = 4
    assert store["k"] == 4


def read_and_write(store, name, results):
    store[name] = {"from": name}
    results.put((name, store["shared"], store[name]))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_used_store_works_in_child_processes(folder, method):
    """A store that was used before serves children of every start method, and its parent after them."""
    store = AutoStore(folder)
    store["shared"] = [1, 2, 3]
    context = multiprocessing.get_context(method)
    results = context.Queue()
    children = [context.Process(target=read_and_write, args=(store, f"c{n}", results)) for n in range(4)]
    for child in children:
        child.start()
    found = sorted(results.get(timeout=60) for _ in children)
    for child in children:
        child.join(60)
    assert found == [(f"c{n}", [1, 2, 3], {"from": f"c{n}"}) for n in range(4)]
    store["after"] = 1
    assert len(store) == 6
    store.close()
    assert os.listdir(folder / ".autostore" / "tmp") == []


def test_a_lock_dies_with_its_holder(folder):
    """A child that was forked while a lock was held does not keep it."""
    store = AutoStore(folder)
    store["k"] = 0
    with store._backend.lock("k.json"):
        pid = os.fork()
        if pid == 0:
            time.sleep(30)
            os._exit(0)
    started = time.monotonic()
    AutoStore(folder)["k"] = 1
    assert time.monotonic() - started < 15
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_store_unpickled_elsewhere_reads_the_same(folder):
    """The pickle of a store opens in another process."""
    store = AutoStore(folder)
    store["k"] = pl.DataFrame({"x": [1]})
    code = "import sys, pickle; print(pickle.loads(bytes.fromhex(sys.argv[1]))['k'].shape)"
    done = subprocess.run(
        [sys.executable, "-c", code, pickle.dumps(store).hex()], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "(1, 1)"


def test_many_threads_share_a_store(store):
    """Threads that write, read, change formats and delete on one store see whole values only."""
    values = [{"a": 1}, "text", np.arange(5), (1, 2)]
    store["shared"] = values[0]
    failures = []
    steps = 8 if store.uri.startswith("s3:") else 40

    def work(number):
        try:
            rng = random.Random(number)
            for step in range(steps):
                store[f"own/{number}"] = rng.choice(values)
                store["shared"] = values[step % 4]
                shared = store["shared"]
                assert any(same(shared, value) for value in values)
                assert f"own/{number}" in set(store.keys())
                del store[f"own/{number}"]
        except Exception as error:
            failures.append(repr(error))

    import threading

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(store) == ["shared"]

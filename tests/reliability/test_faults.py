"""A system call that fails, each in turn: the old value or the new, and a typed error; and what `durable` does."""

import contextlib
import errno
import itertools
import os
import time
from collections import Counter

import pytest

from autostore import AutoStore, LocalFileConfig, StorageError
from autostore.testing import same
from tests.optional import np, pl
from tests.reliability.faults import OPENS, RENAMES, WRITES, calls, can_trace, counts, struck, traced
from tests.reliability.scale import SOAK, measured

pytestmark = pytest.mark.skipif(not can_trace(), reason="needs strace, and the right to trace")

OLD = {"old": ["value"] * 2_000}
VALUES = {
    "json": lambda: {"new": ["value"] * 3_000},
    "npy": lambda: np.arange(5_000),
    "txt": lambda: "text" * 5_000,
    "pkl": lambda: ("tuple", "x" * 200_000),
    "npz": lambda: {"a": np.arange(3_000), "b": np.zeros((3, 300))},
    "csv": lambda: pl.DataFrame({"a": range(1_000)}),
    "parquet": lambda: pl.DataFrame({"a": range(10_000)}),
    "png": lambda: __import__("PIL.Image").Image.new("RGB", (300, 300), "red"),
    "sparse": lambda: __import__("scipy.sparse").sparse.eye_array(500, format="csr"),
    "pt": lambda: __import__("torch").arange(5_000),
}
ERRORS = {
    "write": (WRITES, ("ENOSPC", "EIO")),
    "open": (OPENS, ("EACCES", "EIO", "ENOSPC")),
    "rename": (RENAMES, ("EIO", "EACCES", "ENOSPC")),
}


def write(store, format):
    store["named." + format if format == "csv" else "k"] = VALUES[format]()


def modify(store, format):
    store.modify("k", lambda value: {**value, "more": 1})


def move(store, format):
    store.move("k", "moved")


def delete(store, format):
    del store["k"]


def read(store, format):
    assert same(store["k"], OLD)


ACTS = {act.__name__: act for act in (write, modify, move, delete, read)}


def act_once(channel, folder, warm, act, format, durable):
    """Do something once for practice, then, when told, where faults are injected; say how it ended."""
    for root in (warm, folder):
        store = AutoStore(root, LocalFileConfig(durable=durable))
        store["k"] = OLD
        if root == folder:
            channel.say("ready")
            channel.hear()
        try:
            ACTS[act](store, format)
        except Exception as error:
            channel.say((isinstance(error, StorageError), f"{type(error).__name__}: {error}"))
        else:
            channel.say((True, ""))


class Rig:
    """Runs one act in a traced child and judges what is left."""

    def __init__(self, nursery, tmp_path, act, format, durable):
        self.nursery, self.tmp, self.turn = nursery, tmp_path, 0
        self.act, self.format, self.durable = act, format, durable

    def run(self, *options):
        """The error's message ("" for success), the log of calls and the folder."""
        self.turn += 1
        folder, log = self.tmp / f"store-{self.turn}", self.tmp / f"log-{self.turn}"
        arguments = str(folder), str(self.tmp / f"warm-{self.turn}"), self.act, self.format, self.durable
        child = self.nursery.start(act_once, *arguments)
        practised, said = child.hear(), None
        assert practised == (True, ""), practised
        assert child.hear() == "ready"
        with traced(child.pid, log, *options):
            child.say("go")
            said = self.last_words(child, log)
        return said, log, folder

    def last_words(self, child, log):
        """How the act ended; None where it did not, or where the fault struck no file."""
        begun = time.monotonic()
        while not child.ready(0.5) and struck(log) != "elsewhere":
            assert time.monotonic() - begun < 60, "it hangs"
        if struck(log) != "elsewhere":
            return (child.last_words() or [None])[0]
        with contextlib.suppress(ProcessLookupError):
            child.kill()  # a thread that could not wake another may wait for ever
        return None

    def judge(self, said, folder):
        """The key reads the old value or the new; the new one if the act was acknowledged."""
        if said is not None:
            assert said[0], said[1]
        store = AutoStore(folder)
        assert all(any(same(store[key], value) for value in (OLD, *self.wanted().values())) for key in store)
        # By their bare keys: of a crash in a change of format two files may be listed.
        found = {key: store[key] for key in ("k", "moved", "named.csv") if key in store}
        old, new = {"k": OLD}, self.wanted()
        done = said is not None and not said[1]
        allowed = [new] if done else [old, new, {**old, **new}] if self.act == "move" else [old, new]
        assert any(same(found, one) for one in allowed), (said, list(found))
        # A failing disk is no reason to choose another format.
        assert set(store.list_files()) <= {"k.json", "moved.json", "k." + self.format, "named.csv"}
        write(store, "txt")
        assert store["k"] == VALUES["txt"]()
        store.close()

    def wanted(self):
        """What is in the store after the act."""
        if self.act == "write":
            value = VALUES[self.format]()
            return {"k": OLD, "named.csv": value} if self.format == "csv" else {"k": value}
        return {"modify": {"k": {**OLD, "more": 1}}, "move": {"moved": OLD}, "delete": {}, "read": {"k": OLD}}[self.act]


SHORT = [("write", "json", False), ("write", "npy", True), ("move", "json", False)]
FULL = [
    *[(act, "json", durable) for act in ACTS if act != "write" for durable in (False, True)],
    *[("write", format, durable) for format in VALUES for durable in (False, True)],
]


@pytest.mark.parametrize(("act", "format", "durable"), FULL if SOAK else SHORT)
@pytest.mark.timeout(1800 if SOAK else 300)
def test_each_call_that_fails(nursery, tmp_path, act, format, durable):
    """Whichever write, open, rename or fsync fails, and how: the old value or the new, and a typed error."""
    # Mutations that this was seen to catch: registry._refusal takes an OSError for a refusal of the
    # format (another format's file); LocalFileBackend._replace copies into place (torn).
    rig = Rig(nursery, tmp_path, act, format, durable)
    with measured(f"each failing call: {act} {format}{', durable' if durable else ''}") as facts:
        said, log, folder = rig.run()
        rig.judge(said, folder)
        made, hits = counts(log), Counter()
        for call, number, error in itertools.chain.from_iterable(map(plan, ERRORS.values(), [made] * len(ERRORS))):
            said, log, folder = rig.run("-e", f"inject={call}:error={error}:when={number}")
            hit = struck(log)
            assert said is not None or hit == "elsewhere", (call, number, error)  # the process died of it
            rig.judge(said, folder)
            hits[hit] += 1
        assert hits["disk"] + hits["elsewhere"] >= sum(made.values())
        facts["faults"] = hits["disk"]


def plan(group, made):
    """Each call that is made and one more, as after a fault there may be others; each with one error or all."""
    for call in group[0]:
        for number in range(1, made[call] + 2 if made[call] else 1):
            for error in group[1] if SOAK else [group[1][number % len(group[1])]]:
                yield call, number, error


@pytest.mark.parametrize("act", ["write", "move", "delete"])
@pytest.mark.timeout(300)
def test_killed_at_each_call(nursery, tmp_path, act):
    """SIGKILL at each single call of a change of format, a move and a deletion leaves the old value or the new."""
    # Mutation that this was seen to catch: Publisher._replace removes the others before it publishes (absent).
    rig = Rig(nursery, tmp_path, act, "npy", False)
    with measured(f"SIGKILL at each call: {act}") as facts:
        _, log, _ = rig.run()
        killed = 0
        for call, times in counts(log).items():
            for number in range(1, times + 1):
                said, _, folder = rig.run("-e", f"inject={call}:signal=SIGKILL:when={number}")
                killed += said is None
                rig.judge(said, folder)
        assert killed >= sum(counts(log).values()) - 2
        facts["kills"] = killed


@pytest.mark.parametrize("format", list(VALUES) if SOAK else ["json", "npy"])
def test_durable_order(nursery, tmp_path, format):
    """With `durable=True` the bytes are written, then fsynced, then renamed, and then the folder is fsynced."""
    # Mutations that this was seen to catch: _fsync(source) left out, or moved behind _replace;
    # _fsync(dirname(target)) left out.
    said, log, folder = Rig(nursery, tmp_path, "write", format, True).run()
    assert said == (True, "")
    name = "named.csv" if format == "csv" else AutoStore(folder).get_metadata("k").path
    made = calls(log)
    renamed = next(n for n, (call, what) in enumerate(made) if call.startswith("rename") and f'/{name}"' in what)
    source = made[renamed][1].split('"')[1]
    wrote = [n for n, (call, what) in enumerate(made) if call in WRITES and f"<{source}>" in what]
    synced = [n for n, (call, what) in enumerate(made) if call == "fsync" and f"<{source}>" in what]
    folders = [n for n, (call, what) in enumerate(made) if call == "fsync" and f"<{folder}>" in what]
    assert wrote
    assert max(wrote) < synced[0] < renamed < folders[0]
    removed = [n for n, (call, what) in enumerate(made) if call == "unlink" and "/store-1/k.json" in what]
    assert all(folders[0] < n for n in removed)


def test_a_disk_that_is_really_full(nursery, tmp_path):
    """On a file system without space every format says so, and the old value stays."""
    # Mutation that this was seen to catch: failing_disk_is_an_os_error gives on what it gets (wrong error).
    mount = tmp_path / "small"
    mount.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=200k tmpfs {mount} 2>/dev/null") != 0:
        pytest.skip("needs the right to mount")
    try:
        store = AutoStore(mount / "store")
        store["k"] = OLD
        (mount / "filler").write_bytes(bytes(120_000))
        table = pl.DataFrame({"a": np.random.default_rng(1).random(100_000)})
        for big in ("x" * 500_000, np.arange(100_000), {"a": np.arange(100_000)}, table, table.lazy(), table.to_arrow(),
                    table.to_pandas(), ("t", "x" * 500_000), *(VALUES["pt"]().repeat(99),)):  # fmt: skip
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
                store["k"] = big
            assert isinstance(caught.value, StorageError)
            assert same(store["k"], OLD)
            assert list(store.list_files()) == ["k.json"]
        with AutoStore(tmp_path / "other") as other:
            other["k"] = "x" * 500_000
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
                other.copy_to(store, "k")
            assert store.uri in str(caught.value)
            assert other.uri not in str(caught.value)
        store.close()
    finally:
        os.system(f"umount -l {mount}")

"""An ETag never comes back for other bytes, whatever the clock and the file system say."""

import fcntl
import json
import os
import random
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from autostore import AutoStore, PreconditionFailedError, StorageConfig, StorageConnectionError
from tests.reliability.mounts import run_there
from tests.reliability.scale import measured, scaled

SECONDS = 1_000_000_000
NOW = time.time_ns()
CLOCKS = {
    "stands still": lambda n: NOW,
    "set back": lambda n: NOW - n * SECONDS,
    "back and forth": lambda n: NOW + (n % 5 - 2) * 3600 * SECONDS,
    "before 1970": lambda n: -5 * SECONDS - n,
    "at 1970": lambda n: n % 3,
    "after 2262": lambda n: 2**63 - 1 - n % 2,
}


def play(store, writes):
    """Writes, removes and re-creates one key by every kind of call; every ETag that was ever seen of it."""
    seen = []
    for number in range(writes):
        value = f"{number:09}"
        if number % 7 == 3:
            del store["k.txt"]
        if number % 7 == 5:
            store.move("k.txt", "other.txt")
        if number % 7 == 6:
            seen.append(store.move("other.txt", "k.txt").etag)
        seen.append(store.write("k.txt", value).etag)
        assert store.get_metadata("k.txt").etag == seen[-1]
    return seen


@pytest.mark.parametrize("clock", CLOCKS)
def test_etags_under_any_clock(tmp_path, monkeypatch, clock):
    """Of one key no two versions share an ETag, and a condition on an old one never holds."""
    # Mutation that this was seen to catch: Times.removes does nothing.
    ticks = iter(range(10**9))
    monkeypatch.setattr(time, "time_ns", lambda: CLOCKS[clock](next(ticks)))
    writes = scaled(300, 20_000)
    with measured(f"ETags, clock {clock}") as facts, AutoStore(tmp_path) as store:
        seen = play(store, writes)
        assert len(set(seen)) == len(seen)
        for etag in seen[:-1:50]:
            with pytest.raises(PreconditionFailedError):
                store.write("k.txt", "late", if_etag=etag)
        facts["versions"] = len(seen)


def test_a_stopped_clock_hides_nothing(tmp_path, monkeypatch):
    """Where tests have stopped every clock of the process (freezegun), one store sees what another one wrote."""
    # Mutation that this was seen to catch: FolderNames stamps a folder with the clocks alone.
    for name in ("time", "time_ns", "monotonic", "monotonic_ns"):
        now = getattr(time, name)()
        monkeypatch.setattr(time, name, lambda now=now: now)
    with AutoStore(tmp_path) as one, AutoStore(tmp_path) as other:
        for number in range(3):  # from the second on the folder's names are known
            one[f"one{number}"] = number
            other[f"other{number}"] = number
        for number in range(20):
            one[f"k{number}"] = {"a": number}
            other[f"k{number}"] = "later"
            assert (one[f"k{number}"], other[f"k{number}"]) == ("later", "later")
            assert not (tmp_path / f"k{number}.json").exists()


def test_a_stopped_clock_ends_a_wait(tmp_path, monkeypatch):
    """A folder that somebody else keeps locked is waited for as long as was told."""
    # Mutation that this was seen to catch: Patience asks the clock alone.
    with AutoStore(tmp_path, StorageConfig(timeout=0.3)) as store:
        store["k"] = 1
        folder = os.open(tmp_path, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now)
        with pytest.raises(StorageConnectionError, match=r"locked for 0\.3 seconds"):
            store["k"] = 2
        os.close(folder)
        store["k"] = 2


def test_a_seed_gives_a_program_the_same_numbers(tmp_path):
    """Waiting for rivals takes none of them."""
    # Mutation that this was seen to catch: chance = random.uniform.
    drawn = []
    with AutoStore(tmp_path) as store, AutoStore(tmp_path) as rival:
        for rivals in (0, 3):
            store["n"] = 0
            left = iter(range(rivals))

            def counted(value, left=left):
                if next(left, None) is not None:
                    rival["n"] = value + 10
                return value + 1

            random.seed(7)
            store.modify("n", counted)
            drawn.append(random.random())
            assert store["n"] == 10 * rivals + 1
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("place", ["memory://", "folder"])
def test_a_uuid_that_tests_have_fixed_is_in_no_name(tmp_path, monkeypatch, place):
    """What must never be given twice comes from the system: ETags in memory, temporary names, claims."""
    # Mutation that this was seen to catch: `uuid.uuid4().hex` as an ETag, or as a temporary folder's name.
    fixed = uuid.UUID(int=7)
    monkeypatch.setattr(uuid, "uuid4", lambda: fixed)
    uri = place if place == "memory://" else tmp_path / place
    with AutoStore(uri) as store:
        old = store.write("k.txt", "one").etag
        assert store.write("k.txt", "two").etag != old
        with pytest.raises(PreconditionFailedError):
            store.write("k.txt", "late", if_etag=old)
        with AutoStore(tmp_path / "folder") as other:
            other["j"] = 1
            mine, theirs = (one._backend.scratch_file() for one in (store, other))
            with mine as here, theirs as there:
                assert here.parent != there.parent


@pytest.mark.parametrize("year", [-60_000_000_000, 1, 2**31 - 1, 2**33, 2**35], ids=str)
def test_files_of_any_time(tmp_path, year):
    """A file whose time is before 1970, after 2262 or the file system's last is read, listed, replaced and removed."""
    # Mutation that this was seen to catch: files._moment lets fromtimestamp raise (on tmpfs).
    for folder in (tmp_path, Path("/dev/shm") / tmp_path.name):
        with AutoStore(folder) as store:
            store["k.txt"] = "old"
            os.utime(folder / "k.txt", (year * 1000, year * 1000))
            old = store.get_metadata("k.txt")
            assert store["k.txt"] == "old"
            assert list(store.keys()) == ["k"]
            assert store.write("k.txt", "new", if_etag=old.etag).etag != old.etag
            with pytest.raises(PreconditionFailedError):
                store.write("k.txt", "late", if_etag=old.etag)
            os.utime(folder / "k.txt", (year * 1000, year * 1000))
            del store["k.txt"]
            first = store.write("k.txt", "1").etag
            assert store.write("k.txt", "2").etag != first
        if folder != tmp_path:
            shutil.rmtree(folder)


COARSE = ["ext4, 128-byte inodes", "ext2, 128-byte inodes", "vfat", "exfat, by FUSE"]


@pytest.mark.parametrize("kind", COARSE)
@pytest.mark.timeout(scaled(180, 3600))
def test_a_file_system_of_whole_seconds(tmp_path, kind):
    """ETags differ there too, and two processes that count together lose no update, through formats and removals."""
    # Mutations that this was seen to catch: times._set knows no tick but one nanosecond; Times.removes does nothing.
    with measured(f"ETags, {kind}") as facts:
        said = json.loads(run_there(kind, tmp_path, "-m", "tests.reliability.test_clocks", seconds=scaled(120, 3000)))
        assert said["granularity"] >= SECONDS
        assert said["repeated"] == 0
        assert said["counted"] == said["expected"]
        assert said["later format wins"]
        facts.update(said)


def count(folder, times):
    """A process of its own that adds up by `if_etag`."""
    store = AutoStore(folder)
    for _ in range(times):
        store.modify("n", lambda n: n + 1)


def main(folder, writes):
    """What the parent cannot do: it is not in this mount namespace."""
    (folder / "probe").touch()
    os.utime(folder / "probe", ns=(NOW, NOW // SECONDS * SECONDS + 1_999_999_999))
    kept = os.stat(folder / "probe").st_mtime_ns
    store = AutoStore(folder / "store")
    seen = play(store, writes)
    store["n"] = 0
    code = f"from tests.reliability.test_clocks import count; count({str(folder / 'store')!r}, {writes})"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(timeout=600) for process in processes] == [0, 0]
    counted = store["n"]
    store["f"] = {"old": 1}
    old = (folder / "store" / "f.json").read_bytes(), os.stat(folder / "store" / "f.json")
    store["f"] = "new"
    (folder / "store" / "f.json").write_bytes(old[0])  # as a crash between publishing and removing leaves it
    os.utime(folder / "store" / "f.json", ns=(old[1].st_atime_ns, old[1].st_mtime_ns))
    wins = os.stat(folder / "store" / "f.txt").st_mtime_ns > old[1].st_mtime_ns
    store.close()
    said = {"granularity": NOW // SECONDS * SECONDS + 1_999_999_999 - kept + 1, "repeated": len(seen) - len(set(seen))}
    print(json.dumps({**said, "counted": counted, "expected": 2 * writes, "later format wins": wins}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), scaled(200, 5_000))

"""Pruning removes what both limits let go, and never what is or may be needed."""

import os
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

from autostore import AutoStore, InvalidConfigError, StorageConfig, StorageFileNotFoundError
from tests.history.test_versions import values
from tests.optional import pl
from tests.reliability.scale import measured

ROOT = Path(__file__).parents[2]


def filled(store, count=5):
    for number in range(count):
        store.write("k", number, note=f"note {number}")
        store["a/b"] = number
        store["kk"] = number
    return store


def test_keep_counts_the_value(kept):
    """`keep=n` leaves the newest n values of each key, the current one included, and says what went and how much."""
    filled(kept)
    planned = kept.prune(keep=2, dry_run=True)
    assert values(kept, "k") == [4, 3, 2, 1, 0]
    done = kept.prune(keep=2)
    assert {version.path for version in done.removed} == {version.path for version in planned.removed}
    assert len(done.removed) == 9
    assert done.bytes == planned.bytes > sum(version.size for version in done.removed)  # notes, too
    for key in ("k", "a/b", "kk"):
        assert values(kept, key) == [4, 3]
    assert [version.note for version in kept.versions("k")] == ["note 4", "note 3"]
    assert kept.prune(keep=2).removed == []


def test_a_deleted_key_keeps_its_newest(kept):
    """Of a deleted key `keep` values stay; with 0 nothing, and no file of it is left."""
    filled(kept)
    del kept["k"]
    kept.prune("k", keep=2)
    assert values(kept, "k") == [4, 3]
    kept.prune("k", keep=0)
    assert kept.versions("k") == []
    assert not list(kept._place.list_own(".autostore/versions/k/"))
    assert len(kept.versions("kk")) == 5


def test_days_count_from_the_replacement(kept):
    """A value stays for so long after it was replaced, however old it is."""
    filled(kept)
    assert kept.prune(days=1).removed == []
    assert kept.prune(days=1, keep=1).removed == []
    time.sleep(0.05)
    assert kept.prune(days=0, keep=4).removed
    assert values(kept, "k") == [4, 3, 2, 1]
    kept.prune(days=0)
    assert values(kept, "k") == [4]


def test_prefixes(kept):
    """A prefix is a key, or ends in a slash: nothing whose name merely begins so is touched."""
    filled(kept)
    kept["a"] = 0
    kept["a"] = 1
    kept["ab/b"] = 0
    kept["ab/b"] = 1
    kept.prune("a/", keep=1)
    assert [len(kept.versions(key)) for key in ("a/b", "a", "ab/b", "k", "kk")] == [1, 2, 2, 5, 5]
    kept.prune("k", keep=1)
    assert [len(kept.versions(key)) for key in ("k", "kk")] == [1, 5]


def test_formats_and_named_files(kept):
    """A bare key counts across formats; named files of one stem count each for itself."""
    for number in range(3):
        kept["k"] = number
        kept["k"] = f"text {number}"
        kept["t.json"], kept["t.txt"] = {"a": number}, str(number)
    kept.prune(keep=2)
    assert values(kept, "k") == ["text 2", 2]
    assert values(kept, "t.json") == [{"a": 2}, {"a": 1}]
    assert values(kept, "t.txt") == ["2", "1"]


def test_a_full_name_beside_a_bare_key_keeps_its_own(kept):
    """Each counts alone: the values of the one let none of the other go, deleted or not."""
    for number in range(3):
        kept["t"] = {"a": number}
        kept["t.csv"] = pl.DataFrame({"x": [number]})
    del kept["t.csv"]
    kept.prune(keep=2)
    assert [kept.read("t.csv", version=one)["x"][0] for one in kept.versions("t.csv")] == [2, 1]
    assert [kept.read("t", version=one) for one in kept.versions("t") if "csv" not in one.path] == [{"a": 2}, {"a": 1}]


def test_settings_are_the_default(place):
    """What the configuration says counts where nothing is given; nothing anywhere is refused."""
    filled(place(history=True))
    with pytest.raises(InvalidConfigError, match="history_keep"):
        place(history=True).prune()
    assert len(place(history=True, history_keep=3).prune("k").removed) == 2
    assert place(history=True, history_keep=1, history_days=1).prune().removed == []


@pytest.mark.parametrize(
    "limits",
    [
        {"keep": -1},
        {"keep": 1.5},
        {"keep": True},
        {"days": -1},
        {"days": "1"},
        {"days": float("nan")},
        {"days": float("inf")},
        {"days": 10**400},
    ],
)
def test_bad_limits(local_kept, limits):
    """What cannot be a limit is refused, and nothing goes."""
    filled(local_kept)
    with pytest.raises(InvalidConfigError):
        local_kept.prune(**limits)
    assert len(local_kept.versions("k")) == 5


def test_limits_that_no_value_reaches(local_kept):
    """However many days are kept, nothing goes."""
    filled(local_kept)
    for days in (1e6, 1e300, 10**300):
        assert local_kept.prune(days=days).removed == []


@pytest.fixture
def local_kept(tmp_path):
    with AutoStore(tmp_path / "store", StorageConfig(history=True)) as store:
        yield store


def test_what_crashed_writes_left_goes_a_day_later(local_kept, tmp_path):
    """A note and a marker of no version go once they are a day old; what may be a writer's at work stays."""
    filled(local_kept)
    folder = tmp_path / "store/.autostore/versions/k/.autostore"
    old, new = folder / "1-1.~note", folder / "2-2.json.3.~deleted"
    for file in (old, new):
        file.write_bytes(b"x")
    os.utime(old, (1, 1))
    local_kept.prune(keep=9)
    assert (old.exists(), new.exists()) == (False, True)


def test_what_is_nobodys_is_left_alone(local_kept, tmp_path):
    """Files below the versions that are not named as ours are neither versions nor removed."""
    filled(local_kept)
    folder = tmp_path / "store/.autostore/versions/k/.autostore"
    for name in ("README", "x-y.json", "5.json", "-1-1.json"):
        (folder / name).write_bytes(b"x")
    assert len(local_kept.versions("k")) == 5
    local_kept.prune(keep=0)
    left = sorted(file.name for file in folder.iterdir() if not file.name.endswith("~note"))  # that of the value
    assert left == ["-1-1.json", "5.json", "README", "x-y.json"]


def test_beside_writers_readers_and_pruners(kept):
    """Writers, restorers and two pruners at once: each newest value reads, and nothing but not-found is raised."""
    stop, failures = threading.Event(), []

    def work(act):
        while not stop.is_set():
            try:
                act()
            except StorageFileNotFoundError:
                pass
            except Exception as error:
                failures.append(error)
                return

    kept["k"] = 0
    acts = [
        lambda: kept.modify("k", lambda value: value + 1),
        lambda: kept.prune(keep=2),
        lambda: kept.prune(keep=1),
        lambda: [kept.read("k", version=version.id) for version in kept.versions("k")],
        lambda: kept.restore("k", kept.versions("k")[-1].id),
    ]
    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    time.sleep(2)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not failures, "".join(traceback.format_exception(failures[0]))
    kept["k"] = "last"
    kept["k"] = "newest"
    assert values(kept, "k")[:2] == ["newest", "last"]


def test_ten_thousand_versions(local_kept):
    """A key with 10,000 versions lists within seconds, and reads one of them as if it were the only one."""
    # By links, as 10,000 writes would take longer than what is measured.
    for number in range(3):
        local_kept["k"] = number
    first = local_kept.versions("k")[-1]
    source = Path(local_kept.uri.removeprefix("file://"), first.path)
    for number in range(1, 10_000):
        os.link(source, source.with_name(f"{number}-1.json"))
    with measured("10,002 versions of one key, local") as facts:
        started = time.process_time()
        assert len(local_kept.versions("k")) == 10_002
        listed = time.process_time() - started
        facts.update(cpu_s=round(listed, 2))
    started = time.process_time()
    assert local_kept.read("k", version=first.id) == 0
    assert local_kept["k"] == 2
    read = time.process_time() - started
    assert listed < 3
    assert read < 1
    assert len(local_kept.prune(keep=2).removed) == 10_000


def test_a_killed_pruner_is_finished_by_the_next(local_kept):
    """A pruner that is killed leaves each version whole or gone, and the next one removes the rest."""
    for number in range(30):
        local_kept.write("k", number, note="x")
    code = f"""
import os, signal
from autostore import AutoStore
from autostore.backends.local.backend import LocalFileBackend
removed = []
real = LocalFileBackend.drop_own
def delete(self, path):
    removed.append(path)
    if len(removed) == 17:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, path)
LocalFileBackend.drop_own = delete
AutoStore({local_kept.uri!r}).prune(keep=1)
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=60, cwd=ROOT, check=False)
    assert done.returncode == -9
    left = values(local_kept, "k")
    assert 1 < len(left) < 30
    assert left[0] == 29
    local_kept.prune(keep=1)
    assert values(local_kept, "k") == [29]

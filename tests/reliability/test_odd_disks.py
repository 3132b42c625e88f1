"""What else may stand in a folder or a bucket: closed folders, odd files and names, other users and file systems."""

import contextlib
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from autostore import (
    AutoStore,
    CorruptDataError,
    InvalidKeyError,
    LeftOutWarning,
    StorageError,
)
from autostore.s3 import S3StorageConfig
from tests.almost_s3 import AlmostS3
from tests.reliability.mounts import run_there

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def listed(store):
    """The keys, and what the one warning says; "" where there is none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LeftOutWarning)
        keys = list(store.keys())
    said = [str(one.message) for one in caught if one.category is LeftOutWarning]
    assert len(said) < 2
    return keys, said[0] if said else ""


@contextlib.contextmanager
def open_to_all():
    """A folder that other users may enter; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o777)
        yield Path(place)


# Python itself may lie where only root comes, so all that is needed is imported before.
BECOME = """
import os, sys, warnings
from autostore import AutoStore, LeftOutWarning, StoragePermissionError
warm = AutoStore("memory://")
warm.update({"a": 1, "b": "text", "c": {"d": 1}})
dict(warm.items())
AutoStore(sys.argv[1])
os.umask(int(sys.argv.pop()))
group = int(sys.argv.pop())
os.setgroups([2000] if group == 3000 else []), os.setgid(group), os.setuid(int(sys.argv.pop()))
"""


def as_user(code, *arguments, user=65534, group=65534, umask=0o022):
    """Run code as another user; what it printed."""
    command = [sys.executable, "-c", BECOME + code, *map(str, (*arguments, user, group, umask))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


CLOSED = """
store = AutoStore(sys.argv[1])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(list(store), len(store), dict(store.items()), list(store.list_files("d/*")))
said = {str(one.message) for one in caught if one.category is LeftOutWarning}
print(said)
for act in (lambda: list(store.keys("lost+found/")), lambda: store["lost+found/x"], lambda: "lost+found/x" in store,
            lambda: store.get("lost+found/x")):
    try:
        act()
        raise AssertionError
    except StoragePermissionError as error:
        print(str(error).isprintable())
"""


@AS_ROOT
def test_one_closed_folder_hides_nothing_else():
    """It is left out and named, once; what was asked for in it is refused, and never absent."""
    # Mutation that this was seen to catch: _walk raises every PermissionError.
    with open_to_all() as place:
        store = AutoStore(place)
        store.update({"a": 1, "d/b": 2, "lost+found/x": 3, "blind/y": 4, "z": 5})
        store.close()
        os.chmod(place / "lost+found", 0o700)
        os.chmod(place / "blind", 0o744)  # its names may be read, and nothing of its files
        first, said, *refused = as_user(CLOSED, place).splitlines()
    assert first == "['a', 'd/b', 'z'] 3 {'a': 1, 'd/b': 2, 'z': 5} ['d/b.json']"
    assert "2 found in file:" in said
    assert "'lost+found/' (it may not be read)" in said
    assert "'blind/y.json' (it may not be read)" in said
    assert refused == ["True"] * 4


def test_odd_entries_are_left_out_and_named(folder):
    """Pipes, sockets, links that lead out and names that no key can be: the rest is listed, in one escaped line."""
    # Mutation that this was seen to catch: LeftOut.say does nothing.
    store = AutoStore(folder)
    store.update({"a": 1, "z/b": 2})
    os.mkfifo(folder / "pipe.json")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as own:
        own.bind(os.path.relpath(folder / "socket.json"))
    os.symlink("/etc/hostname", folder / "out.txt")
    os.symlink("nowhere", folder / "dangling.json")
    (folder / os.fsdecode(b"\xff\x1b[31m.json")).write_text("1")
    (folder / ("x" * 250 + ".json")).write_text("1")
    (folder / "new\nline.json").write_text("1")
    keys, said = listed(store)
    assert keys == ["a", "new\nline", "x" * 250, "z/b"]
    assert said.isprintable()
    assert "4 found" in said
    for name in ("pipe.json", "socket.json", "out.txt", r"\udcff\x1b[31m.json"):
        assert name in said
    assert dict(store.items())["new\nline"] == 1


def test_a_hundred_odd_names_are_counted(folder):
    """The warning names ten, and says how many more there are."""
    store = AutoStore(folder)
    store["a"] = 1
    for number in range(100):
        os.mkfifo(folder / f"{number}.json")
    keys, said = listed(store)
    assert keys == ["a"]
    assert "100 found" in said
    assert "and 90 more" in said
    assert len(said) < 1500


def acts(store, key, value=1):
    return {
        "read": lambda: store[key],
        "get": lambda: store.get(key, "default"),
        "in": lambda: key in store,
        "write": lambda: store.write(key, value),
        "delete": lambda: store.__delitem__(key),
        "copy": lambda: store.copy(key, "c"),
        "move": lambda: store.move(key, "m"),
        "modify": lambda: store.modify(key, lambda x: x),
        "pop": lambda: store.pop(key, 0),
        "create": lambda: store.write(key, value, if_absent=True),
    }


MADE = {
    "pipe": os.mkfifo,
    "device": lambda name: os.mknod(name, 0o600 | stat.S_IFCHR, os.makedev(1, 5)),
    "folder": lambda name: (os.mkdir(name), Path(name, "x").write_text("x")),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("key", ["k.json", "k"])
def test_what_is_no_file_stays_and_ends_every_call(folder, kind, key):
    """A pipe, device or folder under a key: each call ends at once, right or typed, and it is still there."""
    if kind == "device" and os.geteuid():
        pytest.skip("only root makes devices")
    store = AutoStore(folder)
    store["other"] = 1
    MADE[kind](folder / "k.json")
    before = stat.S_IFMT(os.lstat(folder / "k.json").st_mode)
    for name, act in acts(store, key).items():
        if key == "k" and name in ("write", "create"):
            continue
        with contextlib.suppress(StorageError):
            act()
        assert stat.S_IFMT(os.lstat(folder / "k.json").st_mode) == before, name
    assert store["other"] == 1


def test_a_hard_link_is_not_written_through(folder, tmp_path):
    """The other name keeps its bytes and its time when the key is written, moved or deleted."""
    store = AutoStore(folder)
    store["k"] = "old"
    os.link(folder / "k.txt", tmp_path / "other")
    before = os.stat(tmp_path / "other")
    store["k"] = "new"
    store.modify("k", str.upper)
    del store["k"]
    assert (tmp_path / "other").read_text() == "old"
    assert os.stat(tmp_path / "other").st_mtime_ns == before.st_mtime_ns
    os.link(tmp_path / "other", folder / "k.txt")
    store.copy("k", "copy")
    assert store.pop("k") == store.pop("copy") == "old"
    assert (tmp_path / "other").read_text() == "old"


def test_a_sparse_file_is_what_it_reads_as(folder):
    """Holes are zeros: a large sparse file is read, refused by its ceiling or damaged, and takes no time."""
    folder.mkdir()
    with (folder / "k.bin").open("wb") as file:
        file.truncate(50 << 20)
    assert AutoStore(folder)["k"] == bytes(50 << 20)
    with (folder / "huge.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(StorageError, match="max_read_bytes"):
        AutoStore(folder)["huge"]
    with (folder / "t.parquet").open("wb") as file:
        file.truncate(1 << 36)
    with pytest.raises(CorruptDataError):
        AutoStore(folder)["t"]


@AS_ROOT
@pytest.mark.parametrize("flag", ["+i", "+a"])
def test_an_immutable_file_refuses_and_stays(folder, flag):
    """Write, delete and move are refused with a typed error; the value reads on, and nothing is left beside it."""
    store = AutoStore(folder)
    store["k"] = "old"
    if (
        not shutil.which("chattr")
        or subprocess.run(["chattr", flag, folder / "k.txt"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this file system has no such flag")
    try:
        for name, act in acts(store, "k", "new").items():
            if name not in ("read", "get", "in", "copy"):
                with pytest.raises(StorageError) as caught:
                    act()
                assert not isinstance(caught.value, KeyError), name
            assert store["k"] == "old", name
            assert AutoStore(folder)["k"] == "old", name
        with contextlib.suppress(StorageError):
            store["k"] = 1  # its other file cannot be removed: the old value or the new
        assert AutoStore(folder)["k"] in ("old", 1)
    finally:
        subprocess.run(["chattr", "-" + flag[1], folder / "k.txt"], check=True)
    store["k"] = {"new": 1}
    assert sorted(store.list_files()) == ["k.json"]


SHARED = """
folder, me = sys.argv[1:3]
with AutoStore(folder) as store:
    if "n" not in store:
        store.write("n", 0)
    for turn in range(3):
        store.modify("n", lambda n: n + 1)
        store["any"] = [me, {"a": me}, me * 9][turn]
        store[f"by/{me}/x"] = turn
        store.move(f"by/{me}/x", "moved") if turn else None
    store["gone"] = 1
    del store["gone"]
    store["deep/er"] = me
"""


def _acl(group):
    """A default access list that gives a group everything; see acl(5)."""
    nobody = 0xFFFFFFFF
    entries = [(0x01, 7, nobody), (0x04, 0, nobody), (0x08, 7, group), (0x10, 7, nobody), (0x20, 0, nobody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


@AS_ROOT
@pytest.mark.parametrize("mode", ["setgid", "acl"])
def test_two_users_share_a_folder(mode):
    """In a folder of their group two users replace, change, move and delete what the other wrote, marks too."""
    with open_to_all() as place:
        root = place / "store"
        root.mkdir()
        os.chown(root, 1001, 2000)
        os.chmod(root, 0o2770)
        if mode == "acl":
            os.chmod(root, 0o770)
            try:
                os.setxattr(root, "system.posix_acl_default", _acl(2000))
            except OSError as error:
                pytest.skip(f"this file system has no access lists: {error}")
        group, umask = (2000, 0o002) if mode == "setgid" else (3000, 0o022)
        for user in (1001, 1002, 1001, 1002):
            as_user(SHARED, root, f"u{user}", user=user, group=group, umask=umask)
        store = AutoStore(root)
        assert store["n"] == 12
        for file in root.rglob("*"):
            if ".autostore/tmp" not in str(file):
                status = file.stat()
                assert mode == "acl" or status.st_gid == 2000, file
                assert status.st_mode & 0o060 == 0o060, file
        assert AutoStore(root)["any"] == "u1002" * 9


@AS_ROOT
def test_what_others_may_not_read_is_refused_by_name():
    """A value that its writer keeps to itself (umask 077) is refused to others with a typed error, and not absent."""
    code = """
store = AutoStore(sys.argv[1])
for act in (lambda: store["k"], lambda: store.get("k", 0), lambda: store.pop("k", 0)):
    try:
        act()
        print("no error")
    except StoragePermissionError as error:
        print("'k'" in str(error))
"""
    with open_to_all() as place:
        as_user("AutoStore(sys.argv[1])['k'] = 1", place, umask=0o077)
        os.chmod(place / ".autostore", 0o777)
        assert as_user(code, place, user=1002, group=1002).split() == ["True"] * 3


FOLDING = """
import os, sys, warnings
from autostore import AmbiguousKeyError, AutoStore
root = sys.argv[1]
store = AutoStore(root)
store["Key"] = {"upper": 1}
store["key"] = {"lower": 1}
names = [name for name in os.listdir(root) if name != ".autostore"]
assert len(names) == 1 and store["key"] == {"lower": 1}, names
assert len(list(store)) == 1, list(store)
store["key"] = "text"
try:
    store["KEY"] = [1]  # would take the place of a file of another format that the key "key" has written
except AmbiguousKeyError:
    assert store["key"] == "text"
assert len(list(store)) == len(set(map(str.lower, store))), list(store)
for key in list(store):
    store[key]
for key in list(store):
    del store[key]
assert list(store) == []
store["a"] = 1
store.move("a", "A")
assert [value for value in store.values()] == [1]
"""


@AS_ROOT
@pytest.mark.parametrize("kind", ["vfat", "ext4, casefold", "exfat, by FUSE"])
def test_file_systems_that_fold_case(tmp_path, kind):
    """Where two keys are one name the file is one value: the last written, listed once, nothing lost in between."""
    run_there(kind, tmp_path, "-c", FOLDING)


OURS = """
import pathlib, sys, warnings
from autostore import AutoStore, InvalidKeyError, StorageConfig
warnings.simplefilter("error")
root = pathlib.Path(sys.argv[1]) / "in"
root.mkdir(exist_ok=True)
store = AutoStore(root, StorageConfig(history=True))
store["k"] = {"a": 1}
store["k"] = {"a": 2}
[kept] = [file for file in root.rglob("*.json") if ".autostore" in file.parts]
before = kept.read_bytes()
for key in (str(kept.relative_to(root)).replace(".autostore", ".AUTOSTORE"), ".Autostore/marks/x.json", ".AUTOSTORE/x"):
    for act in (lambda key: store.write(key, {"evil": 1}), store.read, store.pop, lambda key: store.copy("k", key)):
        try:
            act(key)
            raise SystemExit(f"{key} was taken")
        except InvalidKeyError:
            pass
assert kept.read_bytes() == before
assert store.read("k", version=store.versions("k")[1].id) == {"a": 1}
assert list(store.keys()) == ["k"]
"""


@pytest.mark.parametrize("kind", ["vfat", "ext4, casefold", "exfat, by FUSE"])
def test_what_is_ours_is_no_key_in_any_case(tmp_path, kind):
    """Where case is folded `.AUTOSTORE` is `.autostore`, and a key below it would replace an old version."""
    # Mutation that this was seen to catch: _check_own does nothing.
    run_there(kind, tmp_path, "-c", OURS)


def test_hostile_entries_of_a_bucket_are_left_out_and_named(tmp_path):
    """Names that no key can be are said, folder markers and our own are not, and each of the rest reads."""
    with AlmostS3() as server:
        config = S3StorageConfig(
            endpoint_url=server.endpoint, region_name="x", aws_access_key_id="a", aws_secret_access_key="b",
            cache_enabled=True, cache_dir=tmp_path,
        )  # fmt: skip
        with AutoStore("s3://bucket/data/", config) as store:
            store.update({"a": 1, "b/c": 2})
            good = {f"data/{'k' * 200}/{'l' * 200}.json": "1", "data/tab\tname.json": "2", "data/ümlaut.json": "3"}
            odd = ["/x.json", "a//b.json", "../x.json", "./y.json", "k" * 1019, "a.json/"]
            for name, text in good.items():
                server.objects[name] = text.encode(), {}
            for name in odd:
                server.objects[f"data/{name}"] = b"1", {}
            for name in ("", "folder/", ".autostore/x.json"):
                server.objects[f"data/{name}"] = b"", {}
            keys, said = listed(store)
            assert sorted(keys) == sorted(["a", "b/c", *(name[5:-5] for name in good)])
            assert said.isprintable()
            assert f"{len(odd)} found in s3://bucket/data/" in said
            assert dict(store.items())["tab\tname"] == 2
            for name in ("..", "a//b", "", "a/", "k" * 1025, "\udc80"):
                with pytest.raises(InvalidKeyError) as caught:
                    store[name]
                assert str(caught.value).isprintable()


TEXTS = ["new\nline", "\x1b[31mred", "\r", "\u2028", "\u202e right to left", "\x00", "a" * 5_000]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_no_text_of_a_file_breaks_a_message(folder, text):
    """Names and texts from a file stand in an error as one printable line of some length."""
    import json
    import zipfile

    folder.mkdir()
    (folder / "m.pydantic.json").write_text(
        json.dumps({"$autostore": 1, "type": f"tests.store.values:{text}", "data": {}})
    )
    (folder / "n.pydantic.json").write_text(json.dumps({"$autostore": 1, "type": f"{text}:X", "data": {}}))
    (folder / "t.typed.json").write_text(json.dumps({"$autostore": 1, "value": {f"$ {text}": [text]}}))
    (folder / "j.json").write_text('{"' + text)
    (folder / "l.jsonl").write_text(text + "\n{")
    (folder / "y.yaml").write_text(f"a: [{text}")
    (folder / "v.yaml").write_text(f"!{text.strip()} x")
    (folder / "p.png").write_bytes(text.encode())
    with zipfile.ZipFile(folder / "z.npz", "w") as archive:
        archive.writestr(text.replace("\0", "0") or "x", b"x")
    with zipfile.ZipFile(folder / "b.bundle.zip", "w") as archive:
        archive.writestr("value.json", json.dumps({"$file": text}))
    store = AutoStore(folder)
    refused = 0
    for name in sorted(store.list_files()):
        try:
            store[name]
        except StorageError as error:
            refused += 1
            assert str(error).isprintable(), name
            assert len(str(error)) < 1_500, name
    assert refused > 5


ELSEWHERE = """
import sys
from autostore import AutoStore, StorageIOError
with AutoStore(sys.argv[1]) as store:
    try:
        store["k"] = 1
    except StorageIOError as error:
        assert "on another file system" in str(error) and "free space" not in str(error), error
    else:
        raise AssertionError("written")
    assert list(store.keys()) == []
"""


@AS_ROOT
def test_a_folder_on_another_file_system_is_told(tmp_path):
    """What is renamed must stay on one: the disk is not full."""
    # Mutation that this was seen to catch: EXDEV is as every other error of a disk.
    ours = tmp_path / ".autostore"
    ours.mkdir()
    script = 'mount -t tmpfs none "$1" || exit 77; exec "$0" -c "$2" "$3"'
    command = ["unshare", "--mount", "sh", "-c", script, sys.executable, ours, ELSEWHERE, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 77:
        pytest.skip(f"cannot mount here: {done.stderr}")
    assert done.returncode == 0, done.stderr

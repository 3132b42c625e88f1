"""Nothing outside the root, no foreign cache, and no secret anywhere it can be seen."""

import os
import stat
import threading
import time

import pytest

from autostore import AutoStore, InvalidKeyError, StorageError, StorageFileNotFoundError, StoragePermissionError

ESCAPES = ["../x", "a/../../x", "/etc/passwd", "a//b", ".", "..", "a/.", "a\0", ".autostore/tmp/x", "a/.autostore/b"]


@pytest.mark.parametrize("key", ESCAPES)
def test_no_key_leaves_the_root(store, key):
    """Keys that would name anything outside are refused at every door, on every backend."""
    # Mutation that this was seen to catch: keys._problem allows "..".
    store["inside"] = 1
    acts = [
        store.__getitem__, store.__delitem__, store.exists, store.get_metadata, store.pop,
        lambda k: store.write(k, 1), lambda k: store.copy("inside", k), lambda k: store.move("inside", k),
        lambda k: store.copy(k, "other"), lambda k: store.move(k, "other"), lambda k: store.modify(k, str),
    ]  # fmt: skip
    for act in acts:
        with pytest.raises(InvalidKeyError):
            act(key)
    assert list(store.list_files("*")) == ["inside.json"]


def test_links_that_lead_out(local_store, folder, tmp_path):
    """Through a link that leaves the root nothing is read, written, deleted or listed."""
    # Mutation that this was seen to catch: LocalFileBackend._inside looks at no links.
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.json").write_text('"secret"')
    local_store["k"] = 1
    (folder / "folder").symlink_to(outside)
    (folder / "file.json").symlink_to(outside / "secret.json")
    (folder / "up.json").symlink_to("../outside/secret.json")
    (folder / "chain").symlink_to(folder / "folder")
    for key in ("folder/secret", "file", "file.json", "up", "chain/secret", "chain/secret.json"):
        for act in (local_store.__getitem__, local_store.__delitem__, local_store.get_metadata):
            with pytest.raises((InvalidKeyError, StorageFileNotFoundError)):
                act(key)
    for key in ("folder/new", "chain/new", "folder/secret.json"):
        with pytest.raises(InvalidKeyError):
            local_store[key] = "mine"
    assert list(local_store) == ["k"]
    assert (outside / "secret.json").read_text() == '"secret"'
    assert [file.name for file in outside.iterdir()] == ["secret.json"]


def test_a_race_of_links(local_store, folder, tmp_path):
    """While a name flips between a file and a link that leads out, nothing outside is ever changed or deleted."""
    # Mutation that this was seen to catch: LocalFileBackend._replace writes through what is there.
    secret = tmp_path / "secret.json"
    secret.write_text('"secret"')
    local_store["k"] = "mine"
    stop = threading.Event()

    def flip():
        number = 0
        while not stop.is_set():
            number += 1
            new = folder / f".new-{number % 2}"
            new.symlink_to(secret) if number % 3 else new.write_text("theirs")
            os.replace(new, folder / "k.txt")
            time.sleep(0.0005)

    flipper = threading.Thread(target=flip)
    flipper.start()
    end = time.monotonic() + 1.5
    try:
        while time.monotonic() < end:
            for act in (
                lambda: local_store.write("k", "mine"),
                lambda: local_store.write("k.txt", "mine"),
                lambda: local_store.pop("k"),
            ):
                try:
                    act()
                except StorageError:
                    continue
    finally:
        stop.set()
        flipper.join()
    assert secret.read_text() == '"secret"'


def test_keys_of_a_bucket_that_no_key_may_name(moto_s3, tmp_path):
    """Objects whose names would leave a folder are not listed, and a cache never makes files of such names."""
    # Mutation that this was seen to catch: S3Backend._listed does not ask can_be_key.
    bucket = moto_s3.make_bucket()
    raw = moto_s3.raw()
    for name in ("data/../../evil.json", "data//x.json", "data/./y.json", "data/good.json", "data/a\\..\\b.json"):
        raw.put_object(Bucket=bucket, Key=name, Body=b"1")
    raw.close()
    config = moto_s3.config(cache_enabled=True, cache_dir=tmp_path / "cache")
    with AutoStore(f"s3://{bucket}/data/", config) as store:
        assert sorted(store) == ["a\\..\\b", "good"]
        assert dict(store.items()) == {"a\\..\\b": 1, "good": 1}
    names = {file.name for file in (tmp_path / "cache" / "v1").glob("*/*")}
    assert all(name == "entry.json" or set(name.partition(".")[0]) <= set("0123456789abcdef") for name in names)
    assert sorted(os.listdir(tmp_path)) == ["cache"]


def test_temporary_files_are_private(store, tmp_path):
    """What is being written or was downloaded lies in folders that only their owner can open."""
    # Mutation that this was seen to catch: Scratch makes its folder with the default mode.
    store["k"] = {"a": 1}
    scratch = store._backend.scratch()
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
    assert scratch.stat().st_uid == os.getuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_foreign_cache_is_refused_at_every_read(moto_s3, tmp_path):
    """A cache folder of another owner is refused before anything in it is believed, also if it appears later."""
    # Mutation that this was seen to catch: CacheRoom._root does not look at the owner.
    config = moto_s3.config(cache_enabled=True, cache_dir=tmp_path / "cache")
    with AutoStore(f"s3://{moto_s3.make_bucket()}/", config) as store:
        store["k"] = 1
        assert store["k"] == 1
        os.chown(tmp_path / "cache" / "v1", 65534, 65534)
        with pytest.raises(StoragePermissionError, match="somebody else"):
            store["k"]
        os.chown(tmp_path / "cache" / "v1", os.getuid(), -1)
        assert store["k"] == 1

"""A cache in which somebody else could write for a while: nothing outside of it is touched, and no copy is believed."""

import hashlib
import json
import os
import time

import pytest

OTHER = b"other bytes"


def craft(entry, **fields):
    """An entry that says something else, with the checksum that fits."""
    said = json.loads(entry.read_bytes().partition(b"\n")[2])
    put(entry, json.dumps(said | fields).encode())


def put(entry, text):
    """Any text as an entry, with the checksum that fits."""
    entry.write_bytes(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)


def of_file(file):
    """What an entry says of a file elsewhere."""
    return {"payload": str(file), "size": len(OTHER), "sha256": hashlib.sha256(OTHER).hexdigest(), "stamp": None}


CRAFTED = {
    "deep": lambda entry, _: put(entry, b"[" * 500_000),
    "no fields": lambda entry, _: put(entry, b"[]"),
    "no metadata": lambda entry, _: craft(entry, described={}),
    "metadata of wrong types": lambda entry, _: craft(entry, described={"modified_time": 5, "extra": 1}),
    "a list of metadata": lambda entry, _: craft(entry, described=[1]),
    "an etag that is two headers": lambda entry, _: craft(entry, etag="x\r\nHost: other"),
    "an etag that is none": lambda entry, _: craft(entry, etag=["x"]),
    "a number as a payload": lambda entry, _: craft(entry, payload=5),
    "NUL in the payload": lambda entry, _: craft(entry, payload="a\0b"),
    "a payload elsewhere": lambda entry, outside: craft(entry, **of_file(outside / "secret")),
    "a payload above": lambda entry, outside: craft(entry, **of_file(f"../../../{outside.name}/secret")),
    "a newer version": lambda entry, _: craft(entry, version=2, more=1),
}


@pytest.fixture
def outside(tmp_path):
    """A folder beside the cache, with files that are old."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("secret", "entry.json", "old.new"):
        (folder / name).write_bytes(OTHER)
        os.utime(folder / name, (1e9, 1e9))
    return folder


def look_of(folder):
    """Names, bytes and times."""
    return {file.name: (file.read_bytes(), file.stat().st_mtime) for file in folder.iterdir()}


@pytest.mark.parametrize("kind", CRAFTED)
def test_an_entry_of_any_content_is_not_believed(kind, reader, files_of, outside):
    """Whatever an entry says in the place of what entries say, the object is read anew."""
    # Mutation that this was seen to catch: load believes whatever has the right checksum.
    reader.put("k.bin", b"mine")
    assert reader.read("k.bin") == b"mine"
    [entry] = [file for file in files_of() if file.name == "entry.json"]
    CRAFTED[kind](entry, outside)
    assert reader.read("k.bin") == b"mine"
    assert reader.read("k.bin") == b"mine"


def test_no_link_leads_out_of_the_cache(reader, cache_dir, outside):
    """A link in the place of a copy's folder, or of a file of ours, is followed neither by reads nor by sweeping."""
    # Mutation that this was seen to catch: scan looks into links, keep publishes through them.
    reader.put("k.bin", b"mine")
    reader.read("k.bin")
    [copy] = [folder for folder in (cache_dir / "v1").iterdir() if folder.is_dir()]
    copy.rename(cache_dir / "moved")
    copy.symlink_to(outside)
    (cache_dir / "v1" / ("0" * 64)).symlink_to(outside)
    for name, target in (("total", "secret"), ("CACHEDIR.TAG", "entry.json")):
        (cache_dir / "v1" / name).unlink(missing_ok=True)
        (cache_dir / "v1" / name).symlink_to(outside / target)
    before = look_of(outside)
    for _ in range(2):
        assert reader.read("k.bin") == b"mine"
        reader.copies.cleanup()
    assert look_of(outside) == before


def test_a_total_below_nothing_lets_no_cache_grow(moto_s3, open_reader, cache_dir, files_of):
    """What the total says is counted anew where it cannot be."""
    # Mutation that this was seen to catch: a negative total is believed.
    reader = open_reader(moto_s3, cache_max_bytes=8_000)
    for number in range(10):
        reader.put(f"{number}.bin", bytes(3_000))
        reader.read(f"{number}.bin")
        (cache_dir / "v1/total").write_text("-999999999")
    assert sum(file.stat().st_size for file in files_of() if file.suffix == ".bin") <= 8_000


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", ["entry.json", "*.bin"])
def test_what_others_laid_while_the_cache_was_open_is_not_believed(name, reader, cache_dir):
    """A private folder says nothing of who wrote in it before it was private."""
    # Mutation that this was seen to catch: _open_file asks for no owner.
    reader.put("k.bin", b"mine")
    reader.read("k.bin")
    time.sleep(0.05)
    reader.read("k.bin")
    [entry] = (cache_dir / "v1").glob("*/entry.json")
    [payload] = (cache_dir / "v1").glob("*/*.bin")
    payload.write_bytes(b"evil")
    craft(entry, sha256=hashlib.sha256(b"evil").hexdigest(), stamp=None)
    [laid] = (cache_dir / "v1").glob(f"*/{name}")
    os.chown(laid, 65534, 65534)
    assert reader.read("k.bin") == b"mine"

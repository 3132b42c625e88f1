"""When a copy is trusted, how it is keyed, and who deletes it."""

import os
import stat
import time
from datetime import timedelta
from pathlib import Path

import pytest

from autostore.backends.local.backend import LocalFileBackend
from autostore.cache.copies import Copies
from autostore.config import LocalFileConfig, StorageConfig
from autostore.errors import (
    InvalidConfigError,
    StorageConnectionError,
    StorageFileNotFoundError,
    StorageIOError,
    StoragePermissionError,
)
from autostore.keys import parse_uri
from autostore.s3 import S3Backend
from tests.s3.tools import bucket_of, put

DAY = 24 * 3600


def test_a_copy_is_confirmed_by_one_request(reader, proxy):
    """The first read is one GET, each later one a GET that answers 304 and carries no bytes."""
    reader.put("x.json", b"[1]")
    with proxy.counting() as counts:
        assert reader.read("x.json") == b"[1]"
    assert counts == {"GET": 1}
    for _ in range(3):
        with proxy.counting() as counts:
            assert reader.read("x.json") == b"[1]"
        assert counts == {"GET": 1}
        assert (proxy.requests[-1].status, proxy.requests[-1].received) == (304, 0)


def test_metadata_of_a_copy(reader):
    """A confirmed copy comes with the metadata of the bytes, under the path it was asked by."""
    sent = reader.put("x.json", b"[1]")
    for _ in range(3):
        with reader.copies.open("x.json", ".json") as (file, found):
            assert file.suffix == ".json"
            assert (found.path, found.size, found.etag) == ("x.json", 3, sent.etag)
            assert found.content_type == "application/json"
            # The answer to a PUT bears the time it was sent, the object the time it was stored.
            assert abs(found.modified_time - sent.modified_time) <= timedelta(seconds=5)


def test_changes_by_others_are_never_read_stale(reader, s3_server):
    """Through 300 changes by another client each read gives what is there now."""
    bucket, prefix = bucket_of(reader.backend)
    raw = s3_server.raw()
    for turn in range(300 if s3_server.really_s3 else 60):
        raw.put_object(Bucket=bucket, Key=f"{prefix}x.bin", Body=b"%d" % turn)
        assert reader.read("x.bin") == b"%d" % turn
        if turn % 3 == 0:
            assert reader.read("x.bin") == b"%d" % turn
    raw.close()


def test_a_copy_never_stands_in_for_a_missing_or_unreachable_object(reader, proxy):
    """What was deleted is absent, and without the server there is an error, whatever lies in the cache."""
    reader.put("x.bin", b"1")
    assert reader.read("x.bin") == b"1"
    reader.backend.delete("x.bin")
    with pytest.raises(StorageFileNotFoundError):
        reader.read("x.bin")
    reader.put("x.bin", b"1")
    assert reader.read("x.bin") == b"1"
    proxy.close()
    reader.backend.close()
    with pytest.raises(StorageConnectionError):
        reader.read("x.bin")


def test_places_never_mix(s3_server, open_reader, files_of):
    """Case twins, prefixes and buckets each have their own copy; one object named by two stores has one."""
    bucket = s3_server.make_bucket()
    places = [(bucket, "a/"), (bucket, "A/"), (bucket, "a/b/"), (s3_server.make_bucket(), "a/")]
    for _ in range(2):
        for number, (name, prefix) in enumerate(places):
            reader = open_reader(s3_server, bucket=name, prefix=prefix)
            for path in ("x.bin", "X.bin", "b/x.bin2"):
                data = f"{number} {path}".encode()
                reader.put(path, data)
                assert reader.read(path) == data
    entries = [file for file in files_of() if file.name == "entry.json"]
    assert len(entries) == 4 * 3
    whole = open_reader(s3_server, bucket=bucket, prefix="")
    whole.put("a/x.bin", b"shared")
    assert whole.read("a/x.bin") == b"shared"
    assert open_reader(s3_server, bucket=bucket, prefix="a/").read("x.bin") == b"shared"
    assert len([file for file in files_of() if file.name == "entry.json"]) == 12


def test_two_servers_never_mix(moto_s3, radosgw_s3, open_reader):
    """The same bucket, key and ETag on two servers are two objects."""
    readers = []
    for server in (moto_s3, radosgw_s3):
        raw = server.raw()
        raw.create_bucket(Bucket="same-name-everywhere")
        raw.close()
        readers.append(open_reader(server, bucket="same-name-everywhere"))
    for number, reader in enumerate(readers):
        reader.put("x.bin", bytes([number]))
    for number, reader in enumerate(readers * 2):
        assert reader.read("x.bin") == bytes([number % 2])


def test_a_copy_in_use_is_not_pulled_away(reader):
    """A reader that has the file, or keeps it open, has its bytes whatever happens to the cache."""
    reader.put("x.bin", b"old")
    for _ in range(2):
        with reader.copies.open("x.bin", ".bin") as (file, _):
            reader.put("x.bin", b"new")
            assert reader.read("x.bin") == b"new"
            reader.put("x.bin", b"old")
            for copy in Path(reader.backend.config.cache_dir).glob("v1/*/*"):
                copy.unlink()
            assert file.read_bytes() == b"old"
            kept = file.open("rb")
        assert kept.read() == b"old"
        kept.close()


def test_the_cache_stays_within_its_limit(s3_server, open_reader, files_of):
    """Least recently used copies go first, and what is larger than the cache is not kept at all."""
    reader = open_reader(s3_server, cache_max_bytes=100_000)
    for number in range(30):
        reader.put(f"{number}.bin", bytes([number]) * 10_000)
        assert reader.read(f"{number}.bin") == bytes([number]) * 10_000
        assert reader.read("0.bin") == bytes(10_000)
        assert sum(file.stat().st_size for file in files_of()) <= 100_000
    held = {file.read_bytes()[:1] for file in files_of() if file.name != "entry.json"}
    assert {b"\x00", bytes([29])} <= held
    before = files_of()
    reader.put("huge.bin", bytes(200_000))
    assert reader.read("huge.bin") == bytes(200_000)
    assert files_of() == before


def test_unused_copies_expire(s3_server, open_reader, files_of):
    """A copy unused for `cache_expiry_hours` is fetched again, and `cleanup` removes it; 0 means never."""
    reader = open_reader(s3_server, cache_expiry_hours=1)
    forever = open_reader(s3_server, bucket=bucket_of(reader.backend)[0], cache_expiry_hours=0)
    for path in ("old.bin", "new.bin"):
        reader.put(path, b"1")
        assert reader.read(path) == b"1"
    for entry in files_of():
        if entry.name == "entry.json":
            os.utime(entry, (time.time() - 2 * 3600,) * 2)
    assert forever.copies.cleanup() == (0, 0)
    assert reader.read("new.bin") == b"1"
    assert reader.copies.cleanup()[0] == 1
    assert len(files_of()) == 2


def test_what_killed_processes_left_is_swept(reader, files_of, cache_dir):
    """Unfinished downloads and payloads without an entry go a day later, those of today stay."""
    reader.put("x.bin", b"1")
    reader.read("x.bin")
    folder = next((cache_dir / "v1").glob("*/"))
    orphan = cache_dir / "v1" / ("0" * 64)
    orphan.mkdir()
    for place in (folder, orphan):
        for name, age in (("old.new", 2 * DAY), ("young.new", 60)):
            (place / name).write_bytes(b"part")
            os.utime(place / name, (time.time() - age,) * 2)
    reader.copies.cleanup()
    assert sorted(file.name for file in files_of() if file.suffix == ".new") == ["young.new", "young.new"]
    assert reader.read("x.bin") == b"1"


def test_the_cache_is_private(reader, cache_dir):
    """Nobody else can look into the folder, also where it was made too open."""
    reader.put("x.bin", b"1")
    reader.read("x.bin")
    root = cache_dir / "v1"
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    root.chmod(0o777)
    reader.read("x.bin")
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_a_folder_of_other_files_is_no_cache(reader, cache_dir):
    """Where somebody's own files lie in the way the cache is refused, and nothing of theirs is changed."""
    theirs = cache_dir / "v1"
    (theirs / "2024").mkdir(parents=True)
    (theirs / "total").write_text("of the year")
    file = theirs / "2024" / "data.csv"
    file.write_text("1")
    os.utime(file, (time.time() - 2 * DAY,) * 2)
    theirs.chmod(0o755)
    reader.put("x.bin", b"1")
    with pytest.raises(InvalidConfigError, match="'2024', which is of no cache"):
        reader.read("x.bin")
    assert reader.copies.cleanup() == (0, 0)
    assert (file.read_text(), (theirs / "total").read_text()) == ("1", "of the year")
    assert (sorted(os.listdir(theirs)), stat.S_IMODE(theirs.stat().st_mode)) == (["2024", "total"], 0o755)


def test_what_others_lay_into_a_cache_stays(reader, cache_dir):
    """A folder that appears in the cache later, under a name of its own, is not looked into."""
    reader.put("x.bin", b"1")
    reader.read("x.bin")
    (cache_dir / "v1" / "notes").mkdir()
    file = cache_dir / "v1" / "notes" / "a.txt"
    file.write_text("1")
    os.utime(file, (time.time() - 2 * DAY,) * 2)
    reader.copies.cleanup()
    assert file.read_text() == "1"
    assert reader.read("x.bin") == b"1"


def test_a_cache_says_that_it_is_one(s3_server, open_reader, cache_dir):
    """Backup programs leave it out by the tag that they agreed upon; a cache of before gets it."""
    tag = cache_dir / "v1" / "CACHEDIR.TAG"
    for _ in range(2):
        reader = open_reader(s3_server)
        reader.put("x.bin", b"1")
        assert reader.read("x.bin") == b"1"
        assert tag.read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
        tag.unlink()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_foreign_cache_is_refused(reader, cache_dir):
    """A folder that somebody else owns, who could put wrong bytes there, is refused; so is a link."""
    (cache_dir / "v1").mkdir(parents=True)
    os.chown(cache_dir / "v1", 65534, 65534)
    reader.put("x.bin", b"1")
    with pytest.raises(StoragePermissionError, match="somebody else"):
        reader.read("x.bin")
    (cache_dir / "v1").rmdir()
    (cache_dir / "elsewhere").mkdir()
    (cache_dir / "v1").symlink_to(cache_dir / "elsewhere")
    with pytest.raises(StoragePermissionError):
        reader.read("x.bin")


def test_a_cache_that_cannot_be_made_is_named(s3_server, open_reader, tmp_path):
    """Where the folder cannot be made the error names it and the setting."""
    (tmp_path / "file").write_text("in the way")
    reader = open_reader(s3_server, cache_dir=tmp_path / "file" / "cache")
    reader.put("x.bin", b"1")
    with pytest.raises(Exception, match="cache_dir"):
        reader.read("x.bin")


class FullCache(S3Backend):
    """A backend that finds no space in the cache's folder."""

    def download(self, path, file, *, unless_etag=None):
        if "cache" in file.parts:
            raise StorageIOError("No space left on device.")
        return super().download(path, file, unless_etag=unless_etag)


def test_a_full_cache_fails_no_read(s3_server, cache_dir, files_of):
    """What the cache's disk cannot take is read past it."""
    config = s3_server.config(cache_enabled=True, cache_dir=cache_dir)
    backend = FullCache(parse_uri(f"s3://{s3_server.make_bucket()}/"), config)
    put(backend, "x.json", b"[1]")
    with Copies(backend, config).open("x.json", ".json") as (file, found):
        assert (file.read_bytes(), found.size) == (b"[1]", 3)
    assert files_of() == []
    backend.close()


@pytest.mark.parametrize("limit", [None, 10])
def test_a_copy_has_its_whole_extension(s3_server, open_reader, limit):
    """Fetched, confirmed or too large to be kept: libraries that look at the name find it."""
    reader = open_reader(s3_server, cache_max_bytes=limit)
    reader.put("v1.x.csv.gz", bytes(100))
    for _ in range(2):
        with reader.copies.open("v1.x.csv.gz", ".csv.gz") as (file, _):
            assert file.name.endswith(".csv.gz")


def test_no_secret_lies_in_the_cache(s3_server, open_reader, files_of):
    """Neither keys nor credentials are written into the cache."""
    reader = open_reader(s3_server)
    reader.put("private-name.bin", b"1")
    reader.read("private-name.bin")
    for file in files_of():
        text = str(file).encode() + file.read_bytes()
        assert b"testsecret" not in text
        assert b"private-name" not in text


def test_without_a_cache_nothing_stays(s3_server, open_reader, files_of):
    """A reader without cache leaves no temporary file, also where reading failed."""
    reader = open_reader(s3_server, cache_enabled=False)
    reader.put("x.bin", b"1")
    assert reader.read("x.bin") == b"1"
    with pytest.raises(ZeroDivisionError), reader.copies.open("x.bin", ".bin"):
        raise ZeroDivisionError
    assert list(reader.backend.scratch().iterdir()) == []
    assert files_of() == []


def test_a_local_file_needs_no_copy(tmp_path):
    """A backend that has the file hands it out itself, cache or not."""
    backend = LocalFileBackend(parse_uri(tmp_path / "root"), LocalFileConfig())
    put(backend, "x.bin", b"1")
    config = StorageConfig(cache_enabled=True, cache_dir=tmp_path / "cache")
    with Copies(backend, config).open("x.bin", ".bin") as (file, metadata):
        assert (file, metadata) == (tmp_path / "root" / "x.bin", None)
    assert not (tmp_path / "cache").exists()
    backend.close()

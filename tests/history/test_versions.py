"""Law 12 from outside: whatever replaced or removed a value, it is found again, and nothing else changes."""

import os
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from pathlib import Path

import pydantic
import pytest

from autostore import AutoStore, InvalidConfigError, StorageConfig, StorageFileNotFoundError, StoragePermissionError
from autostore.errors import AmbiguousKeyError, InvalidKeyError, PreconditionFailedError
from autostore.testing import same
from tests.optional import np, pl
from tests.plugins.mail_format import EmailHandler


class Point(pydantic.BaseModel):
    x: int


def values(store, key):
    """All values of a key, newest first."""
    return [store.read(key, version=version.id) for version in store.versions(key)]


def test_every_way_to_replace_a_value_keeps_it(kept):
    """A dict's short forms, update, modify, conditions, copy and move: each leaves what was there as a version."""
    kept["k"] = 1
    kept["k"] = 2
    kept.update(k=3)
    kept.modify("k", lambda value: value + 1)
    kept.write("k", 5, if_etag=kept.get_metadata("k").etag)
    kept["other"] = 6
    kept.copy("other", "k")
    kept["other"] = 7
    kept.move("other", "k")
    assert values(kept, "k") == [7, 6, 5, 4, 3, 2, 1]
    assert [version.current for version in kept.versions("k")] == [True] + [False] * 6
    assert "other" not in kept
    assert values(kept, "other") == [7, 6]


def test_what_was_not_there_a_moment_ago_is_deleted(kept):
    """By its full name, after a look under the bare key that found nothing."""
    kept.write("k", {"a": 1}, if_absent=True)
    del kept["k.json"]
    assert "k.json" not in kept
    assert len(kept.versions("k")) == 1
    assert kept.setdefault("m", {"a": 1}) == kept.pop("m.json")
    assert "m.json" not in kept


def test_every_way_to_remove_a_value_keeps_it(kept):
    """A deleted key still lists its own, and may come back."""
    kept["k"], kept["m"] = 1, 2
    del kept["k"]
    assert kept.pop("m") == 2
    assert values(kept, "k") == [1]
    assert values(kept, "m") == [2]
    kept.setdefault("k", 3)
    kept.write("m", 4, if_absent=True)
    assert values(kept, "k") == [3, 1]
    assert values(kept, "m") == [4, 2]
    assert kept.versions("never") == []


def test_formats_change_and_the_past_stays(kept):
    """Each version comes back in its own type, whatever the format of the value now."""
    history = [{"a": 1}, "text", pl.DataFrame({"a": [1, 2]}), np.arange(3), Point(x=1), b"bytes", {1: (2, 3)}]
    for value in history:
        kept["k"] = value
    assert same(values(kept, "k"), history[::-1])
    assert list(kept.keys()) == ["k"]
    assert same(kept["k"], history[-1])


def test_named_files_have_a_history_of_their_own(kept):
    """`t.csv` and `t.json` share a stem and no history; `t` lists all that ever answered to it."""
    for number in range(3):
        kept["t.csv"] = pl.DataFrame({"a": [number]})
        kept["t.json"] = {"a": number}
    assert [frame["a"][0] for frame in values(kept, "t.csv")] == [2, 1, 0]
    assert values(kept, "t.json") == [{"a": 2}, {"a": 1}, {"a": 0}]
    del kept["t.csv"]
    assert [version.current for version in kept.versions("t.csv")] == [False] * 3
    assert kept["t.json"] == {"a": 2}


def test_a_bare_key_beside_a_full_name(kept):
    """At each moment each key has what it read as then, and lists nothing else, whatever lies beside it."""
    moments = []

    def then():
        time.sleep(0.002)
        moments.append(
            (datetime.now(UTC), {key: kept.get(key, "nothing") for key in ("t", "t.json", "t.csv", "t.txt")})
        )
        time.sleep(0.002)

    for value in ("text", {"a": 1}):
        kept["t"] = value
        then()
    for number in (1, 2):
        kept["t.csv"] = pl.DataFrame({"x": [number]})
        then()
    assert values(kept, "t") == [{"a": 1}, "text"]
    kept["t"] = {"a": 2}
    then()
    del kept["t"]
    then()  # the table is the only one that answers
    kept["t.csv"] = pl.DataFrame({"x": [3]})
    then()
    del kept["t.csv"]
    then()
    kept["t"] = {"a": 3}
    then()
    for moment, expected in moments:
        for key, value in expected.items():
            try:
                found = kept.read(key, at=moment)
            except StorageFileNotFoundError:
                found = "nothing"
            assert same(found, value), (key, moment, found, value)
    tables = [value["x"][0] for value in values(kept, "t") if isinstance(value, pl.DataFrame)]
    assert tables == [3, 2]  # the first never answered to the bare key


def test_several_of_full_names_are_ambiguous_then_too(kept):
    """Two files of which none was written under the key are no value of it; alone each is."""
    kept["t.csv"] = pl.DataFrame({"x": [1]})
    first = datetime.now(UTC)
    time.sleep(0.002)
    kept["t.json"] = {"a": 1}
    both = datetime.now(UTC)
    time.sleep(0.002)
    del kept["t.csv"]
    assert kept.read("t", at=datetime.now(UTC)) == kept["t"] == {"a": 1}
    assert kept.read("t", at=first)["x"][0] == 1
    with pytest.raises(AmbiguousKeyError):
        kept.read("t", at=both)


def test_well_known_names_and_odd_keys(kept):
    """Keys of any kind have a history: dots, spaces, other alphabets, long ones, well-known extensions."""
    long = "/".join(["n" * 240] * 3) + "/" + "m" * 190
    for key in ["report.pdf", "q.sql", "IMG.BIN", "model.v1", "a b/ü/日本", "#?%+", long]:
        first, second = ("1", "2") if key == "q.sql" else (b"1", b"2")
        kept[key] = first
        kept[key] = second
        assert values(kept, key) == [second, first], key
        assert kept.restore(key, kept.versions(key)[1].id).path == kept.get_metadata(key).path
        assert kept[key] == first
        assert len(kept.prune(key, keep=1).removed) == 2
        assert values(kept, key) == [first]


def test_nothing_of_it_shows(kept, place):
    """No version, marker or note is a key, a file of `list_files`, or a value, for any handle."""
    for number in range(3):
        kept.write("k", number, note="why")
        kept["a/b.json"] = number
    del kept["k"]
    for store in (kept, place()):
        assert list(store.keys()) == ["a/b"]
        assert len(store) == 1
        assert dict(store.items()) == {"a/b": 2}
        assert list(store.list_files()) == ["a/b.json"]
        assert list(store.list_files(".autostore*")) == []
        assert list(store.keys(".auto")) == []


def test_a_version_tells_of_itself(kept):
    """Time, size, ETag, note and path; newest first."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    kept.write("k", "one", note="the first\nü")
    kept.write("k", "three", note="")
    now, then = kept.versions("k")
    assert (now.note, then.note) == ("", "the first\nü")
    assert (now.size, then.size) == (5, 3)
    assert before < then.time < now.time < datetime.now(UTC) + timedelta(seconds=1)
    assert now.etag == kept.get_metadata("k").etag
    assert (now.path, now.current, then.current) == ("k.txt", True, False)
    assert then.path.startswith(".autostore/versions/k/")


def test_at_a_moment(kept):
    """`at` gives what was stored then: nothing before the first, nothing while the key was deleted."""
    moments = []
    for step in [1, 2, None, 3]:
        time.sleep(0.01)
        moments.append(datetime.now(UTC))
        time.sleep(0.01)
        if step is None:
            del kept["k"]
        else:
            kept["k"] = step
    moments.append(datetime.now(timezone(timedelta(hours=5))))
    for moment, expected in zip(moments, [None, 1, 2, None, 3], strict=True):
        if expected is None:
            with pytest.raises(StorageFileNotFoundError, match="at that time"):
                kept.read("k", at=moment)
        else:
            assert kept.read("k", at=moment) == expected


@pytest.mark.parametrize("key", ["k", "k.json"])
def test_what_is_modified_is_written_then(kept, key):
    """A change under a condition has its own time, also under a bare key: before it the old value was there."""
    etag = kept.write(key, 1).etag
    moments = [datetime.now(UTC)]
    for change in [lambda: kept.write(key, 2, if_etag=etag), lambda: kept.modify(key, lambda value: value + 1)]:
        time.sleep(0.01)
        change()
        moments.append(datetime.now(UTC))
        time.sleep(0.01)
    assert [kept.read(key, at=moment) for moment in moments] == [1, 2, 3]
    assert kept.versions(key)[0].time > moments[1]


def test_a_clock_that_was_set_back(place, monkeypatch):
    """A version is later than what it replaced, whatever the clocks of two writers and the format say."""
    ahead, right = place(history=True), place(history=True)
    clock, hour = time.time_ns, 3_600_000_000_000

    ahead.update({"k": 0, "n.json": 0})
    for store, value, hours in [(ahead, 1, 2), (right, 2, 0), (right, "3", -1), (ahead, 4, -2), (right, "5", 0)]:
        monkeypatch.setattr(time, "time_ns", lambda hours=hours: clock() + hours * hour)
        assert (store["k"], store["n.json"]) == (right["k"], right["n.json"])
        store.update({"k": value, "n.json": value})
    assert values(right, "k") == values(right, "n.json") == ["5", 4, "3", 2, 1, 0]
    right.prune("k", keep=3)
    assert values(right, "k") == ["5", 4, "3"]


def test_as_type(kept):
    """A version is read into any type that its format can be read into."""
    kept["k"] = Point(x=1)
    kept["k"] = Point(x=2)
    old = kept.versions("k")[1]
    assert kept.read("k", version=old.id, as_type=dict) == {"x": 1}
    assert b'"x"' in kept.read("k", version=old.id, as_type=bytes)
    assert kept.read("k", at=old.time, as_type=dict) == {"x": 1}


def test_a_version_is_as_good_as_its_id(kept):
    """Reading and restoring take what `versions` lists as it is."""
    kept["k"], kept["k"] = 1, "two"
    old = kept.versions("k")[1]
    assert kept.read("k", version=old) == 1
    kept.restore("k", old)
    assert kept["k"] == 1


def test_restore(kept):
    """A restored version is a new value: what it replaced is kept, and its own ETag is nobody else's."""
    kept["k"], kept["k"] = 1, 2
    etag = kept.get_metadata("k").etag
    kept["k"] = "three"
    two = kept.versions("k")[1]
    found = kept.restore("k", two.id)
    assert kept["k"] == 2
    assert found.path == kept.get_metadata("k").path == "k.json"
    assert values(kept, "k") == [2, "three", 2, 1]
    if not kept.uri.startswith("s3"):  # there an ETag is of the bytes
        assert found.etag != etag
    assert kept.restore("k", kept.versions("k")[0].id).etag == found.etag
    assert values(kept, "k") == [2, "three", 2, 1]
    del kept["k"]
    kept.restore("k", kept.versions("k")[-1].id)
    assert values(kept, "k") == [1, 2, "three", 2, 1]


def test_what_others_laid_there_is_kept_too(kept, place):
    """Files from before history was on, and of writers without it, are kept at their first replacement."""
    plain = place()
    plain["k"], plain["t.csv"] = "before", pl.DataFrame({"a": [1]})
    kept["k"] = "after"
    kept["t.csv"] = pl.DataFrame({"a": [2]})
    assert values(kept, "k") == ["after", "before"]
    assert [frame["a"][0] for frame in values(kept, "t.csv")] == [2, 1]
    plain["k"] = "unkept"
    kept["k"] = "last"
    assert values(kept, "k") == ["last", "unkept", "before"]


def test_reading_needs_no_setting(kept, place):
    """Any handle reads the past; a read-only one changes nothing of it."""
    kept["k"], kept["k"] = 1, 2
    reader = place(read_only=True)
    assert values(reader, "k") == [2, 1]
    for change in [lambda: reader.restore("k", reader.versions("k")[1].id), lambda: reader.prune(keep=0)]:
        with pytest.raises(StoragePermissionError):
            change()
    assert len(reader.prune(keep=1, dry_run=True).removed) == 1
    assert values(reader, "k") == [2, 1]


def test_plugins_formats(kept):
    """A format from outside has a history as any other."""
    kept.register_handler(EmailHandler())
    for subject in ["one", "two"]:
        message = EmailMessage()
        message["Subject"] = subject
        message.set_content("text")
        kept["mail"] = message
    assert [found["Subject"] for found in values(kept, "mail")] == ["two", "one"]


def test_large_values(open_place):
    """A value that is sent in parts is kept, replaced and brought back whole."""
    store = open_place("radosgw")(history=True, multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    for byte in (b"1", b"2"):
        store["big.bin"] = byte * (11 << 20)
    old = store.versions("big.bin")[1]
    assert store.read("big.bin", version=old.id) == b"1" * (11 << 20)
    store.restore("big.bin", old.id)
    assert store["big.bin"] == b"1" * (11 << 20)


@pytest.mark.parametrize(
    "bad", ["", "x", "1-1", "../../../etc/passwd-1", "1-" + "a" * 65, "1-a/b", "\uff11-a", None, 7, "0-0\n"]
)
def test_unknown_and_hostile_versions(kept, bad):
    """What names no version of this key is not found, and nothing changes."""
    kept["k"], kept["other"], kept["other"] = 1, 2, 3
    foreign = kept.versions("other")[1].id
    for wrong in (bad, foreign):
        if wrong is not None:
            with pytest.raises(StorageFileNotFoundError, match="no version"):
                kept.read("k", version=wrong)
        with pytest.raises(StorageFileNotFoundError, match="no version"):
            kept.restore("k", wrong)
    assert values(kept, "k") == [1]


def test_bad_questions(kept):
    """Times without a zone, both questions at once, notes that are none, bad keys: typed errors."""
    kept["k"] = 1
    now = kept.versions("k")[0]
    for question in [
        {"at": datetime(2024, 1, 1)},
        {"at": "yesterday"},
        {"at": now.time, "version": now.id},
    ]:
        with pytest.raises(InvalidConfigError):
            kept.read("k", **question)
    for note in [7, b"x", "x" * 2001]:
        with pytest.raises(InvalidConfigError):
            kept.write("k", 2, note=note)
    assert kept["k"] == 1
    with pytest.raises(InvalidKeyError):
        kept.versions("../x")


def test_a_note_needs_history(place):
    """Without history a note would be lost, so it is refused before anything is written."""
    with pytest.raises(InvalidConfigError, match="history=True"):
        place().write("k", 1, note="why")
    assert "k" not in place()


def test_ambiguous_keys_stay_refused(kept):
    """Files of two formats that nobody wrote under the key are refused, as for `read`."""
    kept["k.csv"], kept["k.json"] = pl.DataFrame({"a": [1]}), {"a": 1}
    with pytest.raises(AmbiguousKeyError):
        kept.versions("k")
    with pytest.raises(AmbiguousKeyError):
        kept["k"] = "text"
    assert len(kept.versions("k.csv")) == 1


def test_conditions_mean_what_they_mean(kept):
    """A condition that does not hold changes nothing and keeps nothing."""
    etag = kept.write("k", 1).etag
    kept["k"] = 2
    for refused in [lambda: kept.write("k", 3, if_etag=etag), lambda: kept.write("k", 3, if_absent=True)]:
        with pytest.raises(PreconditionFailedError):
            refused()
    assert values(kept, "k") == [2, 1]


def test_on_disk(tmp_path):
    """The value lies at its plain name; what it replaced is the very same file under another, no byte was copied."""
    store = AutoStore(tmp_path, StorageConfig(history=True))
    store["a/k"] = {"x": 1}
    inode = (tmp_path / "a/k.json").stat().st_ino
    store["a/k"] = {"x": 2}
    (old,) = (tmp_path / ".autostore/versions/a/k/.autostore").iterdir()
    assert old.stat().st_ino == inode
    assert old.stat().st_nlink == (tmp_path / "a/k.json").stat().st_nlink == 1
    assert old.name == f"{store.versions('a/k')[1].id}.json"
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != ".autostore"] == ["a"]
    store.copy("a/k", "b")
    store.restore("a/k", store.versions("a/k")[1].id)
    store.move("b", "c")
    assert all(os.stat(tmp_path / name).st_nlink == 1 for name in ("a/k.json", "c.json"))


def test_where_there_are_no_links(tmp_path, monkeypatch):
    """A file system without hard links keeps a copy; a link of somebody's is copied, too."""

    def refused(*_, **__):
        raise OSError(95, "Operation not supported")

    store = AutoStore(tmp_path, StorageConfig(history=True))
    store["k"] = 1
    monkeypatch.setattr(os, "link", refused)
    store["k"] = 2
    monkeypatch.undo()
    (tmp_path / "elsewhere").write_text('{"a": 1}')
    (tmp_path / "linked.json").symlink_to(tmp_path / "elsewhere")
    store["linked"] = 3
    assert values(store, "k") == [2, 1]
    assert values(store, "linked") == [3, {"a": 1}]
    assert (tmp_path / "elsewhere").read_text() == '{"a": 1}'


@pytest.mark.parametrize("seconds", [-1, -60_000_000_000, 2**35, 300_000_000_000], ids=str)
def test_files_of_any_time(tmp_path, seconds):
    """A file of before 1970, or after the year 5138, has versions, and is kept when it is replaced or removed."""
    for parent in (None, "/dev/shm"):
        folder = Path(tempfile.mkdtemp(dir=parent or tmp_path))
        with AutoStore(folder, StorageConfig(history=True)) as store:
            store.update({"k": "old", "gone": 1})
            for name in ("k.txt", "gone.json"):
                os.utime(folder / name, (seconds, seconds))
            assert values(store, "k") == ["old"]
            store["k"] = "new"
            del store["gone"]
            assert sorted(values(store, "k")) == ["new", "old"]
            assert values(store, "gone") == [1]
            store.restore("gone", store.versions("gone")[0])
            assert store["gone"] == 1
        shutil.rmtree(folder)


@pytest.mark.parametrize("another", [False, True], ids=["one format", "another format"])
def test_a_value_that_came_back_without_its_time_is_the_value_now(tmp_path, another):
    """A file that a backup put back, or an archive gave whole seconds, is what the key has at this moment."""
    # Mutation that this was seen to catch: answered goes by the times alone.
    store = AutoStore(tmp_path, StorageConfig(history=True))
    for value in (1, 2, "three" if another else 3):
        store["k"] = value
    [file] = tmp_path.glob("k.*")
    os.utime(file, (1e9, 1e9))
    now = datetime.now(UTC)
    assert store.read("k", at=now) == store["k"] == ("three" if another else 3)
    assert store.read("k", at=now, as_type=bytes) == file.read_bytes()

"""Damage to the cache, of any kind, gives no wrong value and no error: it heals."""

import os
import random
import shutil

import pytest

ROUNDS = int(os.environ.get("AUTOSTORE_TEST_DAMAGES", "100"))
"""2,000 and more in a long run."""


def flip(file, dice):
    """One bit, in place."""
    data = bytearray(file.read_bytes())
    if data:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        with file.open("r+b") as target:
            target.write(data)


def flip_keeping_times(file, dice):
    """One bit, with the old mtime set again."""
    status = file.stat()
    flip(file, dice)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def truncate(file, dice):
    """A shorter file."""
    os.truncate(file, dice.randrange(file.stat().st_size + 1))


def extend(file, dice):
    """A longer file."""
    with file.open("ab") as target:
        target.write(b"more")


def noise(file, dice):
    """Other bytes of the same size, by another inode."""
    other = file.with_name("other")
    other.write_bytes(dice.randbytes(file.stat().st_size))
    other.replace(file)


def remove(file, dice):
    """Nothing at all."""
    file.unlink()


def replace_by_folder(file, dice):
    """A folder in its place."""
    file.unlink()
    file.mkdir()


def replace_by_pipe(file, dice):
    """A pipe that nobody writes to."""
    file.unlink()
    os.mkfifo(file)


def replace_by_link(file, dice):
    """A link to another file."""
    file.unlink()
    file.symlink_to("/etc/hostname")


def swap_with_another(file, dice):
    """The same file of another object's copy."""
    others = [
        other
        for other in file.parent.parent.glob("*/*")
        if other.suffix == file.suffix and other != file and other.is_file()
    ]
    if others:
        shutil.copy2(dice.choice(others), file)


DAMAGES = [
    flip, flip_keeping_times, truncate, extend, noise, remove,
    replace_by_folder, replace_by_pipe, replace_by_link, swap_with_another,
]  # fmt: skip


@pytest.mark.parametrize("pause", [False, True], ids=["at once", "settled"])
def test_no_damage_gives_a_wrong_value(radosgw_s3, open_reader, cache_dir, pause):
    """Whatever is done to whatever file of the cache, the next read gives the object's bytes.

    Both right after it was published and after a read that has settled what its stat proves.
    """
    reader = open_reader(radosgw_s3)
    dice = random.Random(pause)
    values = {f"{number}.bin": dice.randbytes(dice.choice([1, 50, 5000])) for number in range(6)}
    for path, data in values.items():
        reader.put(path, data)
    for turn in range(ROUNDS):
        for path in values:
            assert reader.read(path) == values[path]
            if pause:
                assert reader.read(path) == values[path]
        files = sorted(file for file in (cache_dir / "v1").glob("*/*") if file.is_file() and not file.is_symlink())
        for file in dice.sample(files, 3):
            if file.is_file():
                dice.choice(DAMAGES)(file, dice)
        if turn % 10 == 0:
            path = dice.choice(list(values))
            values[path] = dice.randbytes(len(values[path]))
            reader.put(path, values[path])
        for path in values:
            assert reader.read(path) == values[path]


def test_a_damaged_copy_is_healed_for_good(s3_server, open_reader, cache_dir):
    """After one read over damage the copy is whole again, on disk too."""
    reader = open_reader(s3_server)
    reader.put("x.bin", b"right")
    assert reader.read("x.bin") == b"right"
    payload = next(file for file in (cache_dir / "v1").glob("*/*.bin"))
    payload.write_bytes(b"wrong")
    assert reader.read("x.bin") == b"right"
    assert payload.read_bytes() == b"right"


def test_an_old_state_of_the_cache_is_not_believed(s3_server, open_reader, cache_dir, tmp_path):
    """A cache restored from a backup gives today's bytes."""
    reader = open_reader(s3_server)
    reader.put("x.bin", b"old")
    assert reader.read("x.bin") == b"old"
    shutil.copytree(cache_dir / "v1", tmp_path / "backup")
    reader.put("x.bin", b"new")
    assert reader.read("x.bin") == b"new"
    shutil.rmtree(cache_dir / "v1")
    shutil.copytree(tmp_path / "backup", cache_dir / "v1")
    assert reader.read("x.bin") == b"new"

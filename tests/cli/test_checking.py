"""verify, migrate and cache look after a store: what is wrong is named, what is pickled becomes plain."""

import pickle

import pytest

from tests.optional import np
from tests.store.values import Plain, Settings


def laid(filled, path, content):
    """A file as another program would lay it there."""
    with filled._backend.scratch_file() as file:
        file.write_bytes(content)
        filled._backend.upload(file, path)


def test_verify_says_what_is_wrong(filled, place, shell):
    """Damaged, ambiguous, pickled and foreign objects are named, and models count as fine; the exit code says no."""
    assert shell("verify", place).out == ""
    filled["model"] = Settings(name="n")
    filled["pickle.pkl"] = {1: 2}
    laid(filled, "bad.npy", filled.read("numbers", as_type=bytes)[:500])
    laid(filled, "two.csv", b"a\n1\n")
    laid(filled, "two.txt", b"a")
    laid(filled, "strange.xyz", b"?")
    found = {row["key"]: row["verdict"] for row in shell("verify", place, "--json", code=1).json}
    assert found.pop("model", "class") == "class"
    assert found == {
        "bad": "damaged", "two.csv": "ambiguous", "two.txt": "ambiguous", "pickle": "pickled", "strange.xyz": "foreign",
    }  # fmt: skip
    fewer = {row["key"]: row["verdict"] for row in shell("verify", place, "--headers", "--json", code=1).json}
    assert fewer.get("bad") is None  # its header is whole
    assert fewer["two.csv"] == "ambiguous"


def test_verify_runs_no_code(tmp_path, shell):
    """A pickle that would do something does nothing."""
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self):
            import os

            return os.mkdir, (str(trap),)

    (shell.folder / "d").mkdir()
    (shell.folder / "d" / "k.pkl").write_bytes(pickle.dumps(Trap()))
    assert shell("verify", "d").lines[0].startswith("pickled\tk")
    shell("info", "d/k")
    assert not trap.exists()


def test_verify_takes_a_class_of_a_script_for_a_class(tmp_path, shell):
    """Its `__main__` is not that of the command, which is no damage."""
    said = b'{"$autostore": 1, "type": "__main__:Mine", "data": {"a": 1}}'
    (shell.folder / "d").mkdir()
    (shell.folder / "d" / "k.dataclass.json").write_bytes(said)
    [line] = shell("verify", "d").lines
    assert line.startswith("class\tk\t")
    assert "Mine is a class of the script" in line


@pytest.mark.filterwarnings("ignore::autostore.PickledWarning")
def test_migrate_makes_pickles_plain(filled, place, shell):
    """What a plain format holds exactly is written again in it; what only a pickle holds, and a name in full, stays."""
    laid_by_older = {"old": {"a": (1, 2)}, "array": {"x": np.zeros(3), "y": (1,)}}
    for key, value in laid_by_older.items():
        filled.write(key, value, format="pkl")
    filled["only"] = Plain(1)
    filled["named.pkl"] = [1]
    assert len(shell("migrate", "-n", place).lines) == 4
    assert filled.get_metadata("old").path == "old.pkl"
    shell("migrate", place)
    assert filled.get_metadata("old").path == "old.typed.json"
    assert filled.get_metadata("array").path == "array.bundle.zip"
    assert filled["old"] == {"a": (1, 2)}
    assert filled.get_metadata("only").path == "only.pkl"
    assert filled.get_metadata("named.pkl").path == "named.pkl"
    assert "flights/deep/er" in filled


def test_cache_is_cleared(filled, place, shell):
    """Copies can be dropped; where there is no cache the setting is named."""
    if not place.startswith("s3://"):
        assert "cache_enabled" in shell("cache", place, code=2).err
        return
    shell.environment["AUTOSTORE_CACHE_ENABLED"] = "1"
    shell("cat", place + "notes", place + "numbers", text=False)
    cache = next(path for path in (shell.folder.parent / "cache").rglob("*") if path.is_dir())
    size = lambda: sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())  # noqa: E731
    assert size() > 8000
    shell("cache", place, "--clear")
    assert size() < 200  # the tag and the total

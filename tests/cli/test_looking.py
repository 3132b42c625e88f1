"""ls, tree, info, cat, head, du and formats show what is stored: to people, to pipes, as JSON."""

import json
import re

import pytest

from autostore import AutoStore
from tests.cli.conftest import of_s3
from tests.optional import Image, np, pl
from tests.proxy import Proxy


def test_ls_shows_one_level_and_r_all(filled, place, shell):
    """Folders end in `/`; -r lists every key; a pattern those that match; -l sizes and times, and JSON all of it."""
    assert shell("ls", place).lines == ["flights/", "notes", "numbers", "table"]
    assert shell("ls", place + "flights").lines == ["flights/deep/", "flights/monday", "flights/tuesday"]
    assert shell("ls", "-r", place).lines == list(filled.keys())
    assert shell("ls", place + "fli*/*day").lines == ["flights/monday", "flights/tuesday"]
    assert shell("ls", place + "**/er").lines == ["flights/deep/er"]
    [row] = shell("ls", "--json", place + "flights/tuesday").json
    assert row["size"] == filled.get_size("flights/tuesday")
    assert row["etag"] == filled.get_metadata("flights/tuesday").etag
    assert shell("ls", "-l", place + "numbers").lines[0].split("\t")[::3] == ["8128", "numbers"]


def test_info_and_tree(filled, place, shell):
    """`info` tells type, shape and columns of several keys; `tree --headers` of all."""
    told = shell("info", place + "flights/monday", place + "numbers", "--json").json
    assert (told[0]["rows"], told[0]["type"], told[1]["shape"]) == (20, "polars.DataFrame", [1000])
    text = shell("info", place + "flights/monday").out
    assert "20 x 2" in text
    assert "Int64" in text
    tree = shell("tree", place, "--headers").out
    assert "└── table  .csv" in tree
    assert "float64 1,000" in tree


def test_cat_gives_the_bytes(filled, place, shell):
    """Bytes come as they lie there, several after each other."""
    assert shell("cat", place + "notes", place + "table.csv", text=False).out == (
        filled.read("notes", as_type=bytes) + filled.read("table.csv", as_type=bytes)
    )


def test_head(filled, place, shell):
    """Rows of a table, lines of a text, entries of a dict, what an array tells."""
    assert shell("head", "-n", "2", place + "flights/monday").lines == ["x\ty", "0\ta", "1\ta"]
    assert shell("head", "-n", "1", place + "notes").lines == ["hello"]
    assert shell("head", place + "flights/deep/er", "--json").json == [[{"key": "a", "value": "1"}]]
    assert "float64" in shell("head", place + "numbers").out


def test_head_of_everything_else(tmp_path, shell):
    """Lists, rows, pictures, bytes and None show something, too."""
    store = AutoStore(shell.folder / "d")
    values = {"list": [1, "a"], "rows": [{"a": 1}, {"a": 2}], "picture": Image.new("L", (3, 2)), "none": None}
    store.update({**values, "bytes": b"\xff\x00", "empty": [], "tuple": (1, 2)})
    expected = {"list": "1", "rows": "a", "picture": "width\t3", "none": "None", "bytes": "\\xff", "tuple": "1"}
    for key, said in expected.items():
        assert said in shell("head", f"d/{key}").out, key
    shell("head", "d/empty")


def test_du_finds_the_largest(filled, place, shell):
    """Folders come by their size, the largest first, and the sizes add up."""
    rows = [line.split("\t") for line in shell("du", place).lines]
    assert rows[0][2] == "numbers"
    assert [int(row[0]) for row in rows] == sorted((int(row[0]) for row in rows), reverse=True)
    assert sum(int(row[0]) for row in rows) == sum(entry.size for entry in filled.entries())
    assert {row[2]: int(row[1]) for row in rows}["flights/"] == 3


def test_keys_in_a_store(filled, place, shell):
    """With -s, AUTOSTORE_URI or a profile words are keys."""
    assert shell("ls", "-s", place, "flights/deep/").lines == ["flights/deep/er"]
    shell.environment["AUTOSTORE_URI"] = place
    assert "numbers" in shell("ls").lines
    assert shell("cat", "notes").out == "hello\nworld\n"


@pytest.mark.parametrize("signs", ["\x1b[31mred", "a\nb", "‮x"])
def test_nothing_that_a_terminal_obeys(tmp_path, shell, signs):
    """Keys, columns and values of a stranger are spelt out, in a pipe and in a terminal."""
    store = AutoStore(shell.folder / "d")
    store[f"k{signs}"] = [{signs: signs}]
    store["array"] = {signs: np.zeros(1)}
    for words in (["ls", "d"], ["tree", "d"], ["head", f"d/k{signs}"], ["info", "d/array"]):
        assert signs not in shell(*words).out
    assert signs not in shell.terminal("ls", "d").replace("\r\n", "\n")


def test_formats(shell):
    """Every format with its extensions."""
    assert any(line.startswith(".parquet\tby value") for line in shell("formats").lines)


def test_one_client_for_all_levels(moto_s3, shell):
    """Where a store begins is asked of each folder above the address, by one connection."""
    with Proxy(moto_s3.endpoint) as proxy:
        told, address = of_s3(moto_s3)
        shell.environment |= told | {"AWS_ENDPOINT_URL": proxy.endpoint}
        with AutoStore(address, moto_s3.config()) as store:
            store["a/b/c/d/k"] = 1
        proxy.connections, begun = 0, len(proxy.requests)
        assert shell("ls", f"{address}a/b/c/d/").lines == ["k"]
        assert len(proxy.requests) - begun > 5
        assert proxy.connections == 1


# What a terminal obeys: of 8 bits, to write from right to left, to hide, to delete; and what Rich reads as markup.
OBEYED = "a\x9b31m\u202eb\u2066\u200b\x7f[red]\U000e0041"


@pytest.mark.parametrize(
    "words", [("ls", "-r"), ("tree", "--headers"), ("du",), ("info", "*"), ("head", "t"), ("cat", "d.json")]
)
def test_no_sign_of_a_file_is_obeyed(shell, words):
    """Names of keys, columns and entries, and what cells hold, in a terminal and as JSON."""
    # Mutations that this was seen to catch: the heads of a table are shown as they are; JSON lets pass what it may.
    store = AutoStore(shell.folder)
    store["t"] = pl.DataFrame({OBEYED: [OBEYED]})
    (shell.folder / "d.json").write_text(json.dumps({OBEYED: OBEYED}, ensure_ascii=False))
    (shell.folder / f"{OBEYED}.json").write_text("1")
    if words[0] != "cat":
        seen = re.sub(r"\x1b\[[0-9;]*m", "", shell.terminal(*words))
        assert all(line.isprintable() for line in seen.replace("\r", "").split("\n"))
        assert words[0] != "head" or seen.count("[red]") == 2
    told = shell(*words, "--json").out
    assert all(line.isprintable() for line in told.removesuffix("\n").split("\n"))
    assert repr(OBEYED)[1:-1] in repr([json.loads(line) for line in told.splitlines()])

"""A Parquet file whose schema goes down so far that the libraries which follow it end the process."""

import subprocess
import sys

import pytest

from autostore import AutoStore
from tests.optional import pl

READ = """
import sys
import pandas as pd, polars as pl, pyarrow as pa
from autostore import AutoStore, CorruptDataError
folder = AutoStore(sys.argv[1])
memory = AutoStore("memory://deep")
folder.copy_to(memory, "below/t")
for store in (folder, memory):
    acts = [
        *(lambda kind=kind: store.read("below/t", as_type=kind)
          for kind in (None, pl.DataFrame, pl.LazyFrame, pd.DataFrame, pa.Table, list[dict])),
        lambda: store.read("below/t", columns=["a"]),
        lambda: store.scan("below/t").collect(),
        lambda: store.scan("below/").collect(),
        lambda: store.info("below/t"),
        lambda: store.show("below/t"),
    ]
    for act in acts:
        try:
            act()
            print("nothing was raised")
        except CorruptDataError as error:
            print("levels" in str(error) or str(error))
print(store.tree(headers=True))
"""


def number(value):
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def deep(levels, before=b""):
    """A file of one group in another, so many times, and no rows; `before` stands before its schema."""
    group = b"\x35\x02\x18\x01a\x15\x02\x00"
    elements = b"\x48\x01s\x15\x02\x00" + group * levels + b"\x15\x02\x25\x02\x18\x01x\x00"
    schema = b"\xfc" + number(levels + 2) + elements
    footer = b"\x15\x02" + before + (b"\x09\x04" if before else b"\x19") + schema + b"\x06\x06\x00\x09\x08\x0c\x00"
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize(("levels", "before"), [(3_000, b""), (20_000, b"\x19\x1c\x48\x01s\x00")])
def test_a_deep_schema_does_not_end_the_process(tmp_path, levels, before):
    """Each read is a typed error."""
    # Mutation that this was seen to catch: check_schema does nothing.
    pl.DataFrame()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "t.parquet").write_bytes(deep(levels, before))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
    assert done.stdout.splitlines()[:22] == ["True"] * 22


def test_what_is_not_that_deep_is_read(tmp_path):
    """A schema made in the same way, and one that is only wide."""
    (tmp_path / "t.parquet").write_bytes(deep(50))
    store = AutoStore(tmp_path)
    assert store["t"].columns == ["a"]
    wide = pl.DataFrame({f"column {number}": [{"x": {"y": 1}}] for number in range(2_000)})
    store["wide"] = wide
    assert store["wide"].equals(wide)
    assert store.info("wide").shape == (1, 2_000)

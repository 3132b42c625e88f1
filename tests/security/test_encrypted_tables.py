"""A Parquet file with an encrypted column, whose footer anybody can read: refused by name, and the process goes on."""

import base64
import subprocess
import sys

import pytest

from autostore import AutoStore, UnsupportedFormatError
from tests.optional import optional, pa, pd, pl, pq

encryption = optional("pyarrow.parquet.encryption")

READ = """
import sys
import pandas as pd, polars as pl, pyarrow as pa, pyarrow.parquet
from autostore import AutoStore, StorageError
store = AutoStore(sys.argv[1])
for as_type in (None, pl.DataFrame, pd.DataFrame, pa.Table):
    try:
        store.read("t", as_type=as_type)
    except StorageError as error:
        print(type(error).__name__, "'t'" in str(error) and "crypt" in str(error))
print(store.info("t").shape, store.read("t", columns=["open"], as_type=pa.Table).num_rows)
try:
    store.show("t")
except StorageError as error:
    print(type(error).__name__)
"""


def keys_of(_):
    """A service that packs keys in plain sight."""

    class Plain(encryption.KmsClient):
        def wrap_key(self, key_bytes, master_key_identifier):
            return base64.b64encode(key_bytes)

    return Plain()


def sealed(path, *, open_footer):
    """A table with an encrypted column."""
    told = encryption.EncryptionConfiguration(
        footer_key="k", column_keys={"k": ["secret"]}, plaintext_footer=open_footer
    )
    properties = encryption.CryptoFactory(keys_of).file_encryption_properties(encryption.KmsConnectionConfig(), told)
    table = pa.table({"secret": [1, 2], "open": [3, 4]})
    with pq.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("open_footer", [True, False])
def test_what_is_encrypted_is_not_called_damaged(tmp_path, open_footer):
    """Read whole, of one kind or another, or in ranges: an error that says what to do."""
    store = AutoStore(tmp_path)
    sealed(tmp_path / "t.parquet", open_footer=open_footer)
    store["others/t"] = pa.table({"a": [1]})
    sealed(tmp_path / "others" / "u.parquet", open_footer=open_footer)
    asks = [lambda kind=kind: store.read("t", as_type=kind) for kind in (None, pl.DataFrame, pd.DataFrame, pa.Table)]
    for ask in [*asks, lambda: store.scan("others/").collect()]:
        with pytest.raises(UnsupportedFormatError, match="encrypted"):
            ask()
    assert store.read("t", as_type=bytes)[-4:] == (b"PAR1" if open_footer else b"PARE")


def test_an_encrypted_column_does_not_end_the_process(tmp_path):
    """Where pyarrow, asked for its metadata, would: each read is a typed error, and open columns are read."""
    folder = tmp_path / "store"
    folder.mkdir()
    sealed(folder / "t.parquet", open_footer=True)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["UnsupportedFormatError True"] * 4 + ["(2, 2) 2", "UnsupportedFormatError"]
    assert AutoStore(folder).read("t", columns=["open"])["open"].to_list() == [3, 4]

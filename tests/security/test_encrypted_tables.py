"""A Parquet file with an encrypted column, whose footer anybody can read: refused by name, and the process goes on."""

import base64
import subprocess
import sys

from autostore import AutoStore
from tests.optional import optional, pa, pq

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


def test_an_encrypted_column_does_not_end_the_process(tmp_path):
    """Where pyarrow, asked for its metadata, would: each read is a typed error, and open columns are read."""
    folder = tmp_path / "store"
    folder.mkdir()
    told = encryption.EncryptionConfiguration(footer_key="k", column_keys={"k": ["secret"]}, plaintext_footer=True)
    properties = encryption.CryptoFactory(keys_of).file_encryption_properties(encryption.KmsConnectionConfig(), told)
    table = pa.table({"secret": [1, 2], "open": [3, 4]})
    with pq.ParquetWriter(folder / "t.parquet", table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["CorruptDataError True"] * 4 + ["(2, 2) 2", "CorruptDataError"]
    assert AutoStore(folder).read("t", columns=["open"])["open"].to_list() == [3, 4]

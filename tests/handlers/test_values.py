"""Whatever is made of described values comes back exactly, in another process, from plain files."""

import itertools
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from autostore import AutoStore, StorageConfig
from autostore.testing import same
from tests.handlers.exact import digest
from tests.handlers.reading import OtherProcess
from tests.handlers.values import bundles, values
from tests.optional import np, pyarrow

EXAMPLES = 20_000 if os.environ.get("AUTOSTORE_SOAK") else 250
_thorough = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def other() -> Iterator[OtherProcess]:
    with OtherProcess() as reader:
        yield reader


def check(folder: Path, value: Any, other: OtherProcess, *, trusting: bool) -> Path:
    """Write, read here and elsewhere, write again; the file."""
    store = AutoStore(folder / "store", StorageConfig(allow_pickle=trusting))
    key = f"k{next(_numbers)}"
    file = folder / "store" / store.write(key, value).path
    back = store[key]
    assert same(back, value)
    assert digest(back) == digest(value)
    assert other.digest(str(folder / "store"), key, trusting=trusting) == digest(value)
    content = file.read_bytes()
    if file.name.endswith(".typed.json"):
        again = folder / "store" / store.write("again", back).path
        assert again.read_bytes() == content  # equal values, equal bytes
    store.close()
    return file


def check_plain(file: Path) -> None:
    """The standard library, NumPy and Arrow read the file, without us."""
    assert not file.name.endswith(".pkl")
    if file.name.endswith(".typed.json"):
        assert json.loads(file.read_text("utf-8")).keys() == {"$autostore", "value"}
    if file.name.endswith(".bundle.zip"):
        with zipfile.ZipFile(file) as archive:
            assert archive.testzip() is None
            assert json.loads(archive.read("value.json"))["$autostore"] == 1
            for info in archive.infolist()[1:]:
                with archive.open(info) as member:
                    if info.filename.endswith(".npy"):
                        np.load(member)
                    elif info.filename.endswith(".parquet"):
                        pyarrow.parquet.read_table(member)
                    else:
                        assert info.filename.endswith(".bin")
                        assert len(member.read()) == 70_000


@_thorough
@given(value=values)
def test_values_come_back_in_another_process_and_are_never_pickled(
    tmp_path: Path, other: OtherProcess, value: Any
) -> None:
    """Equal by `same` and by an independent description, in a store without pickles, from JSON that any tool reads."""
    # Mutation that this was seen to catch: datetimes are read without their fold.
    check_plain(check(tmp_path, value, other, trusting=False))


@settings(_thorough, max_examples=EXAMPLES // 2)
@given(value=bundles)
def test_values_with_tables_and_arrays_too(tmp_path: Path, other: OtherProcess, value: Any) -> None:
    """Wherever in the value they stand, their members are files that any tool reads."""
    check_plain(check(tmp_path, value, other, trusting=True))

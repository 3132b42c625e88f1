"""A full disk, which is no reason to try another format."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from PIL import Image

from autostore.config import StorageConfig
from autostore.errors import StorageIOError
from autostore.handlers import disk
from autostore.handlers.disk import full_disk_is_an_os_error
from autostore.registry import HandlerRegistry

FULL = Path("/dev/full")
BIG = np.random.default_rng(0).random(100_000)
VALUES: list[tuple[str, Any]] = [
    (".txt", "x" * 100_000),
    (".bin", bytes(100_000)),
    (".json", list(range(50_000))),
    (".yaml", list(range(1_000))),
    (".pkl", bytearray(100_000)),
    (".npy", BIG),
    (".parquet", pl.DataFrame({"a": BIG})),
    (".parquet", pl.DataFrame({"a": BIG}).lazy()),
    (".csv", pl.DataFrame({"a": BIG})),
    (".csv", pl.DataFrame({"a": BIG}).lazy()),
    (".bmp", Image.new("L", (400, 400))),
]


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(("extension", "value"), VALUES, ids=[f"{e}-{type(v).__name__}" for e, v in VALUES])
def test_a_full_disk_is_called_so(extension: str, value: Any) -> None:
    """Whatever the library that writes calls it, the error carries ENOSPC."""
    (handler,) = [h for h in HandlerRegistry(StorageConfig())._by_extension[extension] if h.can_handle_data(value)]
    with pytest.raises(OSError, match=r".") as caught:
        handler.write_to_file(value, FULL, extension)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    "value", [torch.ones(9), BIG, {"a": BIG}, sp.csr_array(np.eye(9))], ids=lambda v: type(v).__name__
)
def test_no_other_format_is_tried_on_a_full_disk(tmp_path: Path, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure while nothing is left is the disk's, even where the library does not say so."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("unexpected pos 76")

    monkeypatch.setattr(disk, "_is_full", lambda _: True)
    monkeypatch.setattr(torch, "save", fail)
    monkeypatch.setattr(np.lib.format, "write_array", fail)
    monkeypatch.setattr(sp, "save_npz", fail)
    with pytest.raises(StorageIOError, match="free space"):
        HandlerRegistry(StorageConfig()).encode(value, tmp_path, None, "here")
    assert os.listdir(tmp_path) == []


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    """Errors of the value, and errors that the system numbered already."""
    for error in (ValueError("bad value"), PermissionError(errno.EACCES, "no"), KeyError("x")):
        with pytest.raises(type(error)) as caught, full_disk_is_an_os_error(tmp_path / "f"):
            raise error
        assert caught.value is error

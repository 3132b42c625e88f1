"""A failing disk, which is no reason to try another format."""

import errno
import os
import resource
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest

from autostore.config import StorageConfig
from autostore.disk import failures
from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.errors import StorageIOError
from autostore.handlers import builtin_handlers
from autostore.handlers.registry import HandlerRegistry
from tests.optional import Image, np, pl, sp, torch

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


def of_a_library(function: Any) -> Any:
    """The same code as if a library had it: what is raised elsewhere is the user's own, and never the disk's."""
    names = {**function.__globals__, "__name__": "torch"}
    return types.FunctionType(function.__code__, names, closure=function.__closure__)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(("extension", "value"), VALUES, ids=[f"{e}-{type(v).__name__}" for e, v in VALUES])
def test_a_full_disk_is_called_so(extension: str, value: Any) -> None:
    """Whatever the library that writes calls it, the error carries ENOSPC."""
    able = (handler for handler in builtin_handlers(StorageConfig()) if extension in handler.extensions)
    (handler,) = [handler for handler in able if handler.can_handle_data(value)]
    with pytest.raises(OSError, match=r".") as caught:
        handler.write_to_file(value, FULL, extension)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("limit", [0, 100, 300, 500])
@pytest.mark.parametrize(
    ("extension", "value"),
    [*VALUES, (".npz", {"a": BIG}), (".sparse", sp.csr_array(np.eye(99))), (".pt", torch.ones(999))],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_an_error_in_the_middle_keeps_its_number(tmp_path: Path, extension: str, value: Any, limit: int) -> None:
    """A disk that takes so many bytes and no more is named by what it says: too large, which is not full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))  # Python ignores the signal
    try:
        with pytest.raises(StorageIOError) as caught:
            HandlerRegistry(StorageConfig()).encode(value, tmp_path, extension, "here")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    # NumPy counts what arrived, and does not ask why the rest did not.
    expected = errno.EFBIG
    assert os.strerror(expected) in str(caught.value)
    assert "ulimit -f" in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_sparse_file_is_not_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened by its name for appending, `zipfile` empties an archive that cannot be opened at that moment."""

    def refuse(file: Any, mode: str = "r") -> Any:
        if mode == "r+b":
            raise PermissionError(errno.EACCES, "no")
        return open(file, mode)

    monkeypatch.setattr(zipfile.io, "open", refuse)  # type: ignore[attr-defined]
    matrix = sp.csr_array(np.eye(9))
    registry = HandlerRegistry(StorageConfig())
    file, _ = registry.encode(matrix, tmp_path, "", "here")
    assert (registry.decode(file, ".sparse", None, "here") != matrix).nnz == 0


@pytest.mark.parametrize(
    "value", [torch.ones(9), BIG, {"a": BIG}, sp.csr_array(np.eye(9))], ids=lambda v: type(v).__name__
)
def test_no_other_format_is_tried_on_a_full_disk(tmp_path: Path, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure while nothing is left is the disk's, even where the library does not say so."""

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("unexpected pos 76")

    fail = of_a_library(fails)

    monkeypatch.setattr(failures, "_is_full", lambda _: True)
    monkeypatch.setattr(torch, "save", fail)
    monkeypatch.setattr(np.lib.format, "write_array", fail)
    monkeypatch.setattr(sp, "save_npz", fail)
    with pytest.raises(StorageIOError, match="free space"):
        HandlerRegistry(StorageConfig()).encode(value, tmp_path, None, "here")
    assert os.listdir(tmp_path) == []


def test_what_a_library_hides_is_found(tmp_path: Path) -> None:
    """PyTorch hides an error that the disk gave once, and only once, behind a complaint of its own."""

    def saves() -> None:
        with failing_disk_is_an_os_error(tmp_path / "f"):
            try:
                raise OSError(errno.EDQUOT, "no more")
            finally:
                raise RuntimeError("unexpected pos 76")

    save = of_a_library(saves)
    with pytest.raises(OSError, match=r".") as caught:
        save()
    assert caught.value.errno == errno.EDQUOT


def test_an_error_that_the_caller_handles_is_not_the_disk_s(tmp_path: Path) -> None:
    """Whoever stores something while handling a missing file gets the refusal, or the next format, all the same."""

    def refuse() -> None:
        with failing_disk_is_an_os_error(tmp_path / "f"):
            raise ValueError("bad value")

    try:
        (tmp_path / "missing").read_bytes()
    except FileNotFoundError:
        with pytest.raises(ValueError, match="bad value"):
            refuse()


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    """Errors of the value, and errors that the system numbered already."""
    for error in (ValueError("bad value"), PermissionError(errno.EACCES, "no"), KeyError("x")):
        with pytest.raises(type(error)) as caught, failing_disk_is_an_os_error(tmp_path / "f"):
            raise error
        assert caught.value is error

"""Who reads what was written: a process that has imported nothing of this one, and the tools that know each format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

import pytest

from tests.optional import Image, np, pa, pl, pyarrow, ruamel, tokenizers, torch, xgboost

__all__ = ["OtherProcess", "open_with_other_tools"]


class OtherProcess:
    """Reads keys in a process that has imported nothing of this one."""

    def __init__(self) -> None:
        for library in ("numpy", "scipy", "polars", "pandas", "pyarrow"):
            pytest.importorskip(library)
        root = str(Path(__file__).parents[2])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.handlers.exact"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": root},
        )  # fmt: skip

    def digest(self, uri: str, key: str, *, trusting: bool, s3: dict[str, Any] | None = None) -> str:
        """What it says of a value, or the error that it got."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"uri": uri, "key": key, "trusting": trusting, "s3": s3}) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.process.__exit__(None, None, None)  # closes its input, so that it ends too


def open_with_other_tools(file: Path) -> None:
    """Read a file as the tools of its format do, without this library; whatever one cannot read is an error."""
    with open(file, "rb") as stream:
        _open(file.name, stream)


def _open(name: str, stream: IO[bytes]) -> None:
    for extension, read in _READERS.items():
        if name.endswith(extension):
            read(stream)
            return
    raise AssertionError(f"nobody else reads {name}")


def _parquet(stream: Any) -> None:
    try:
        pyarrow.parquet.read_table(stream)
    except (NotImplementedError, pa.ArrowException):  # Int128, and what only the other library knows
        stream.seek(0)
        pl.read_parquet(stream)


def _bundle(stream: IO[bytes]) -> None:
    with zipfile.ZipFile(stream) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            with archive.open(name) as member:
                _open(name, member)


def _typed(stream: IO[bytes]) -> None:
    assert "$autostore" in json.load(stream)


def _sparse(stream: IO[bytes]) -> None:
    with zipfile.ZipFile(stream) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                json.load(member) if name.endswith(".json") else np.load(member, allow_pickle=False)


def _image(stream: IO[bytes]) -> None:
    Image.open(stream).load()


_READERS: dict[str, Callable[[Any], Any]] = {
    ".bundle.zip": _bundle,
    "value.json": _typed,
    ".typed.json": _typed,
    ".pydantic.json": _typed,
    ".dataclass.json": _typed,
    ".jsonl": lambda stream: [json.loads(line) for line in stream.read().decode().split("\n") if line],
    ".json": json.load,
    ".yaml": ruamel.yaml.YAML(typ="safe", pure=True).load,
    ".txt": lambda stream: stream.read().decode(),
    ".bin": lambda stream: stream.read(),
    ".parquet": _parquet,
    ".npy": lambda stream: np.load(stream, allow_pickle=False),
    ".npz": lambda stream: dict(np.load(stream, allow_pickle=False)),
    ".sparse": _sparse,
    ".pt": lambda stream: torch.load(stream, weights_only=True),
    ".plotly": json.load,
    ".tokenizer": lambda stream: tokenizers.Tokenizer.from_str(stream.read().decode()),
    ".ubj": lambda stream: xgboost.Booster(model_file=bytearray(stream.read())),
    **dict.fromkeys((".png", ".tif", ".gif", ".webp", ".jpg"), _image),
}

"""The process that reads hostile files: capped memory, an audit of what it does, and a note of where it is.

    python -m tests.reliability.mutated_reader < ORDERS

An order is a line of JSON, [FOLDER, EXTENSION, FIRST, LAST]. It writes the number of the case it is at into
FOLDER/progress, so that whoever watches knows which case it died of, and at the end what it saw into
FOLDER/outcome.json. One process reads many formats, as their libraries take seconds to import, and the files less.
"""

from __future__ import annotations

import collections
import functools
import json
import mmap
import os
import random
import resource
import struct
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from autostore import (
    AutoStore,
    CorruptDataError,
    MissingDependencyError,
    StorageConfig,
    TooLargeError,
    UnknownTypeError,
    UnsupportedFormatError,
    UntrustedDataError,
)
from tests.formats.examples import EXAMPLES
from tests.reliability.mutations import mutated
from tests.store import values as values  # the models that good files name, imported as a program would

MEMORY = 3 << 30
"""Address space, bytes, on top of what the libraries take."""

KEY = "secret of the tests"
TYPED: tuple[type[Exception], ...] = (CorruptDataError, TooLargeError, UnknownTypeError, UntrustedDataError)
TYPED += (MissingDependencyError, UnsupportedFormatError)
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "os.remove")
OUR_OWN = f"{os.sep}autostore-"
"""In the names of folders where members of bundles are unpacked, and what is read as a folder; both are removed."""

IMPORTED_BY_LIBRARIES = ("PIL.", "polars", "numpy", "torch", "scipy", "encodings", "pyarrow", "pydantic")


def read(folder: Path, extension: str, first: int, last: int, watch: Watch) -> None:
    """Read the cases."""
    # Pickles are read signed, so that no variant may ever be unpickled.
    config = StorageConfig(allow_pickle=extension == ".pkl", pickle_key=KEY if extension == ".pkl" else None)
    store, name = AutoStore(folder / "store", config), f"k{extension}"
    samples = [file.read_bytes() for file in sorted((folder / "samples").iterdir())]
    file = folder / "store" / name
    file.parent.mkdir(exist_ok=True)
    for sample in samples:  # imports, and what libraries set up at first use
        file.write_bytes(sample)
        value, header, *asked = ways(store, name, extension)
        value(), header()
        assert {outcome(way, -1, []) for way in asked} <= {"value", "UnsupportedFormatError"}
    offences: list[str] = []
    watch.offences = offences
    cap_memory()
    seen: collections.Counter[str] = collections.Counter()
    with (folder / "progress").open("r+b") as progress, mmap.mmap(progress.fileno(), 8) as place:
        for index in range(first, last):
            place[:8] = struct.pack("q", index)
            dice = random.Random(f"{extension}-{index}")
            content = mutated(dice.choice(samples), dice)
            file.write_bytes(content)
            looks = ways(store, name, extension)
            seen[outcome(looks[index % len(looks)], index, offences)] += 1
            if file.read_bytes() != content:
                offences.append(f"case {index}: reading changed the file")
    left = sorted(path for path in os.listdir(file.parent) if path != ".autostore")
    if left != [name]:
        offences.append(f"reading left {left!r:.200}")
    watch.offences = None
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.close()
    (folder / "outcome").write_text(json.dumps({"seen": seen, "offences": offences[:20]}))
    (folder / "outcome").rename(folder / "outcome.json")  # in one piece: that it is there says that all is read


def ways(store: AutoStore, name: str, extension: str) -> list[Callable[[], object]]:
    """To look at a file: what it holds and shows, what its header says, and as each type that is asked for."""
    asked = [functools.partial(store.read, name, as_type=kind) for kind in EXAMPLES[extension].asked()]
    return [lambda: _shown(store, store[name]), lambda: store.info(name), *asked]


def _shown(store: AutoStore, value: object) -> None:
    if type(value).__name__ != "LazyFrame":  # a query that runs later fails as Polars has it
        store.preview(value)


def outcome(way: Callable[[], object], index: int, offences: list[str]) -> str:
    """What came of looking: a value, or the name of a typed error."""
    try:
        way()
    except TYPED as error:
        # MissingDependencyError says that a time zone is not known here, whose name the mutation made.
        if len(str(error)) > 5_000:
            offences.append(f"case {index}: a message of {len(str(error))} characters")
        return type(error).__name__
    except BaseException:
        offences.append(f"case {index}: {traceback.format_exc()}")
        return "untyped"
    return "value"


class Watch:
    """Notes whatever no reader of data may do, while there are `offences` to note it in."""

    def __init__(self) -> None:
        self.offences: list[str] | None = None
        self._cleared: list[str] = []
        sys.addaudithook(self._hook)  # for ever

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.offences is None:
            return
        imports = event == "import" and not str(arguments[0]).startswith(IMPORTED_BY_LIBRARIES)
        new = imports and str(arguments[0]) not in sys.modules
        if event == "shutil.rmtree":
            self._cleared[:] = [str(arguments[0])]
        if event == "os.remove" and _is_our_own(arguments, self._cleared):
            return
        if event.startswith(FORBIDDEN) or (new and str(arguments[0]).partition(".")[0] in HOSTILE):
            self.offences.append(f"{event} {arguments!r:.200}")


def _is_our_own(arguments: tuple[object, ...], cleared: list[str]) -> bool:
    """Whether a file is removed that was ours: by its name, or within a folder that is being cleared away."""
    path, folder = arguments
    return OUR_OWN in str(path if folder == -1 else cleared[-1])


HOSTILE = {"antigravity", "this", "nowhere", "evil"}


def cap_memory() -> None:
    """Allow a little more address space than is in use now."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    watch = Watch()
    for line in sys.stdin:
        folder, *order = json.loads(line)
        read(Path(folder), *order, watch)
    os._exit(0)  # all is read and noted: how the threads of libraries end under a cap is not what is tried

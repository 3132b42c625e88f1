"""Descriptors that close themselves, also in a process whose standard library was changed."""

import subprocess
import sys

import pytest

USED = """
import os, sys
import {module}
del {module}.{name}
from autostore import AutoStore
store = AutoStore(sys.argv[1])
store["a"] = {{"x": 1}}
store.modify("a", lambda value: {{**value, "y": 2}})
assert store["a"] == {{"x": 1, "y": 2}}
before = os.listdir("/proc/self/fd")
for _ in range(100):
    store["b"] = [store["a"]]
    store.pop("b")
assert len(os.listdir("/proc/self/fd")) <= len(before)
"""


def run(tmp_path, module, name):
    code = USED.format(module=module, name=name)
    return subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_without_epoll(tmp_path):
    """So it is where gevent or eventlet has patched everything."""
    # Mutation that this was seen to catch: `select.epoll.fromfd` on every Linux.
    done = run(tmp_path, "select", "epoll")
    assert done.returncode == 0, done.stderr


def test_what_stops_the_import_is_told(tmp_path):
    """Python takes an AttributeError of a module's `__getattr__` for a name that is not there."""
    done = run(tmp_path, "os", "register_at_fork")
    assert "ImportError: autostore.AutoStore cannot be imported: module 'os' has no attribute" in done.stderr


def in_process(code, tmp_path):
    return subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)


DAEMON = """
import os, sys
from autostore import AutoStore
store = AutoStore(sys.argv[1] + "/data")
store["a"] = 1
os.closerange(3, 256)
written = [open(f"{sys.argv[1]}/{number}.txt", "w") for number in range(8)]
store["b"] = store["a"] + 1
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere other numbers are open")
@pytest.mark.parametrize("end", ["store.close()", "del store", "os.fork() or os._exit(0); os.wait()", "pass"])
def test_a_daemon_that_closes_all_numbers_keeps_its_own_files(tmp_path, end):
    """Those that it opens next have numbers that were ours."""
    # Mutation that this was seen to catch: a temporary folder whose lock is a bare descriptor.
    code = f"{DAEMON}\n{end}\nfor file in written:\n    file.write('all of it')\n"
    done = in_process(code, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {file.read_text() for file in tmp_path.glob("*.txt")} == {"all of it"}
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == [".autostore", "a.json", "b.json"]


MADE_UP = """
import fcntl, io, os, sys, tempfile
from pathlib import Path
from autostore import AutoStore
others = [tempfile.TemporaryFile() for _ in range(50)]
free, behind = [file.fileno() for file in others], {}
was_open, was_close = os.open, os.close

def open_made_up(*args, **named):
    number = free.pop()
    behind[number] = was_open(*args, **named)
    return number

def close_made_up(number):
    was_close(behind.pop(number))

os.open, os.close = open_made_up, close_made_up
def through(function):
    return lambda number, *args: function(behind.get(number, number), *args)
for name in ("fstat", "read", "write", "lseek", "fsync"):
    setattr(os, name, through(getattr(os, name)))
fcntl.flock = through(fcntl.flock)

store = AutoStore(sys.argv[1])
store["a"] = {"x": 1}
store.modify("a", lambda value: {**value, "y": 2})
store.move("a", "b")
assert store["b"] == {"x": 1, "y": 2}
class MadeUp(io.BytesIO):
    def fileno(self):
        return others[0].fileno()

from autostore.disk.duplicate import duplicate
from autostore.holding.mapping import mapped
from autostore.holding.positions import read_at, write_at
others[0].write(b"of somebody else" * 1000)
others[0].seek(0)
made_up = MadeUp(b"made up" * 1000)
duplicate(made_up, Path(sys.argv[1], "copy"))
assert Path(sys.argv[1], "copy").read_bytes() == made_up.getvalue()
assert bytes(mapped(made_up, 4096, 100)) == made_up.getvalue()[4096:4196]
number = os.open(Path(sys.argv[1], "written"), os.O_RDWR | os.O_CREAT)
assert (write_at(number, b"later", 3), write_at(number, b"now", 0)) == (5, 3)
assert read_at(number, 4, 2) == b"wlat"
os.close(number)

store.close()
del store
assert not behind, behind
for file in others:
    file.write(b"still mine")
    file.flush()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere an owner is in Python")
def test_numbers_that_tests_make_up_are_nobody_elses_files(tmp_path):
    """Where a file system in memory (pyfakefs) stands in for `os`, a number may be any file of the process."""
    # Mutation that this was seen to catch: `select.epoll.fromfd` owns whatever `os.open` gives.
    done = in_process(MADE_UP, tmp_path)
    assert done.returncode == 0, done.stderr

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

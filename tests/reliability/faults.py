"""Failing system calls: strace attaches to a child that waits, and injects a fault into one call of its work."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WRITES = ("write", "pwrite64", "writev", "ftruncate", "copy_file_range", "sendfile", "fallocate")
OPENS = ("openat", "mkdir", "mkdirat")
RENAMES = ("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "utimensat", "fsync", "fdatasync")
CALLS = (*WRITES, *OPENS, *RENAMES)
"""What changes a disk or opens a file on it, by the names that strace knows."""

_NO_FILE = re.compile(r"\w\(\d+<[^/]")
_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")


def can_trace() -> bool:
    """Whether this machine lets a process be traced."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, timeout=30, check=False)
    return tried.returncode == 0


@contextmanager
def traced(pid: int, log: Path, *options: str) -> Iterator[None]:
    """Trace a process until it ends, or the block does."""
    command = ["strace", "-f", "-y", "-p", str(pid), "-o", str(log), "-e", f"trace={','.join(CALLS)}", *options]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert b"attached" in tracer.stderr.readline()
        _wait_until_traced(pid)
        yield
    finally:
        # strace 6.1 may wait for ever for a process of several threads that has ended.
        for stop in (tracer.terminate, tracer.kill):
            with contextlib.suppress(subprocess.TimeoutExpired):
                tracer.wait(0.1)
            stop()
        tracer.communicate()


def _wait_until_traced(pid: int) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        while "TracerPid:\t0\n" in (task / "status").read_text():
            time.sleep(0.001)


def calls(log: Path) -> list[tuple[str, str]]:
    """`(name, arguments and result)` of each call, in order."""
    found = (_LINE.match(line) for line in log.read_text(errors="replace").splitlines())
    return [(match[1], match[2]) for match in found if match]


def counts(log: Path) -> Counter[str]:
    """How often each call was made."""
    return Counter(name for name, _ in calls(log))


def struck(log: Path) -> str | None:
    """What the fault was injected into: "disk", "elsewhere" (a pipe, or what threads wake each other by), None."""
    for line in log.read_text(errors="replace").splitlines():
        if "(INJECTED)" in line:
            return "elsewhere" if _NO_FILE.search(line) else "disk"
    return None

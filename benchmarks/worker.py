"""A contestant's own process: runs steps on demand and answers with what they cost.

A process for each, so that peak memory is its own, no import of one warms another, and the
original library, which has our package's name, can take part.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import inspect
import json
import os
import re
import resource
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from benchmarks.measure import Sample
from benchmarks.steps import Step


def main() -> None:
    """Requests come as lines of JSON on stdin, answers leave on what was stdout; libraries' own output does not."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.readline())
    try:
        contestant = getattr(importlib.import_module(request["module"]), request["function"])
        if request["limit_mb"]:
            limit = request["limit_mb"] << 20
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        arguments = _known(contestant, request["arguments"])
        with contextlib.contextmanager(contestant)(**arguments) as steps:
            _answer(answers, list(steps))
            for line in sys.stdin:
                _answer(answers, _attempt(steps[json.loads(line)]))
    except ModuleNotFoundError as error:
        _answer(answers, {"missing": error.name})
    except Exception as error:
        _answer(answers, _failure(error))
        raise


def _attempt(step: Step) -> dict[str, Any]:
    """A step that fails, as some do on some servers, leaves the contestant's others in the race."""
    try:
        return vars(measured(step))
    except Exception as error:
        traceback.print_exc()
        return _failure(error)


def _failure(error: Exception) -> dict[str, Any]:
    """What went wrong, without the names of temporary files."""
    return {"failed": re.sub(r"(?<![^\s\"'(])/[^\s\"')]+", "...", f"{type(error).__name__}: {error}")[:300]}


def measured(step: Step) -> Sample:
    """Run a step once."""
    if step.before is not None:
        step.before()
    gc.collect()
    _trim()
    held = _fresh_peak()
    cpu, started = _cpu(), time.perf_counter()
    value = step.run()
    wall, cpu = time.perf_counter() - started, _cpu() - cpu
    peak = max(0, _peak() - held)
    if isinstance(value, Sample):
        return value  # it timed something else than itself: another process, or arithmetic
    if step.check is not None and step.check(value) is False:
        raise AssertionError(f"a wrong answer: {value!r:.100}")
    return Sample(wall, cpu, peak)


def _known(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return arguments
    return {name: value for name, value in arguments.items() if name in parameters}


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _trim() -> None:
    """Give freed memory back (glibc), so that what the step needs shows, and not what an earlier one left."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _fresh_peak() -> int:
    """Forget the peak so far, where the system can; the bytes held now."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return _status("VmRSS") or _peak()


def _peak() -> int:
    scale = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def _status(name: str) -> int:
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0


def _answer(answers: Any, value: Any) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()

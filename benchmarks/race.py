"""Runs a row: a process for each contestant, one step of one contestant at a time, in changing order."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.measure import AGAIN, Aim, Result, Sample, compared, order
from benchmarks.steps import Contestant

ROOT = Path(__file__).parents[1]
ORIGINAL = Path(os.environ.get("AUTOSTORE_ORIGINAL", ROOT / ".venv-bench" / "original"))
"""Where the original library is installed: it has our distribution's name, so no environment holds both."""


@dataclass(frozen=True)
class Scale:
    """How much to measure: the whole suite, `--quick`, or the tiny run of the tests."""

    name: str
    rounds: int
    share: float
    warm_ups: int = 1

    def of(self, amount: int, least: int = 1) -> int:
        """This share of an amount."""
        return max(least, int(amount * self.share))


FULL, QUICK, TINY = Scale("full", 9, 1.0), Scale("quick", 3, 0.1), Scale("tiny", 1, 0.004, warm_ups=0)


@dataclass
class Table:
    """The results of one group of contestants: `{step: results}`, and who could not take part."""

    title: str
    steps: dict[str, list[Result]]
    absent: dict[str, str] = field(default_factory=dict)
    aims: list[Aim] = field(default_factory=list)
    memory: bool = False
    notes: list[str] = field(default_factory=list)


def race(
    title: str, module: str, contestants: list[Contestant], scale: Scale, aims: list[Aim] | None = None, **common: Any
) -> Table:
    """Alternate the contestants; the first one is ours and runs twice, as the A/A pair."""
    again = [replace(contestants[0], name=AGAIN)] if len(contestants) > 1 and scale is not TINY else []
    field_of_all = [contestants[0], *again, *contestants[1:]]
    absent: dict[str, str] = {}
    samples: dict[str, dict[str, list[Sample]]] = {}
    with contextlib.ExitStack() as stack:
        workers: dict[str, _Worker] = {}
        for number, contestant in enumerate(field_of_all):
            worker = stack.enter_context(_worker(module, contestant, {**common, "number": number}))
            if worker.problem:
                absent[contestant.name] = worker.problem
            else:
                workers[contestant.name] = worker
        if contestants[0].name in absent:
            raise RuntimeError(f"{title}: {absent[contestants[0].name]}")
        for turn in range(-scale.warm_ups, scale.rounds):
            for step in next(iter(workers.values())).steps:
                runs = samples.setdefault(step, {})
                for name in order([name for name, worker in workers.items() if step in worker.steps], turn + 1):
                    sample = workers[name].run(step)
                    if sample is None:
                        absent[f"{name}, {step}"] = workers[name].problem
                        workers[name].steps.remove(step)
                        runs.pop(name, None)
                    elif turn >= 0:
                        runs.setdefault(name, []).append(sample)
    names = [contestant.name for contestant in field_of_all]
    ordered = {step: {name: runs[name] for name in names if name in runs} for step, runs in samples.items()}
    return Table(title, {step: compared(runs) for step, runs in ordered.items()}, absent, aims or [])


def moved(module: str, contestants: list[Contestant], server: dict[str, Any], **common: Any) -> list[str]:
    """What each step of each contestant moves and asks for, counted once by a proxy before the server."""
    from tests.proxy import Proxy

    found: dict[str, list[str]] = {}
    for contestant in contestants:
        with Proxy(server["endpoint"]) as proxy:
            arguments = {**common, "server": {**server, "endpoint": proxy.endpoint}, "number": 0}
            with _worker(module, contestant, arguments) as worker:
                for step in worker.steps:
                    begun = len(proxy.requests)
                    if worker.run(step) is not None:
                        seen = proxy.requests[begun:]
                        megabytes = sum(request.received for request in seen) / 1e6
                        found.setdefault(step, []).append(f"{contestant.name} {megabytes:.2f} MB ({len(seen)})")
    return [f"{step}: {', '.join(told)}" for step, told in found.items()]


class _Worker:
    """The parent's side of `worker.py`."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.steps: list[str] = []
        self.problem = ""

    def ask(self, request: Any) -> Any:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(json.dumps(request) + "\n")
            self._child.stdin.flush()
        answer = json.loads(self._child.stdout.readline() or '{"failed": "its process ended (out of memory?)"}')
        if isinstance(answer, dict) and not answer.keys().isdisjoint({"missing", "failed"}):
            self.problem = answer.get("failed") or f"{answer['missing']} is not installed"
            print(f"    {self.problem}", file=sys.stderr)
        return answer

    def run(self, step: str) -> Sample | None:
        answer = self.ask(step)
        return None if "failed" in answer else Sample(**answer)


@contextlib.contextmanager
def _worker(module: str, contestant: Contestant, common: dict[str, Any]) -> Any:
    path = [str(ORIGINAL)] if contestant.original else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*path, str(ROOT)]), "PYTHONSAFEPATH": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else our modules alone would be compiled at each start
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if os.environ.get("BENCH_DEBUG") else subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    try:
        worker = _Worker(child)
        request = {
            "module": module,
            "function": contestant.function,
            "arguments": {**common, **contestant.arguments},
            "limit_mb": contestant.limit_mb,
        }
        if contestant.original and not ORIGINAL.is_dir():
            worker.problem = "the original library is not installed"
        else:
            steps = worker.ask(request)
            worker.steps = [] if worker.problem else steps
        yield worker
    finally:
        child.stdin.close()  # type: ignore[union-attr]  # it ends by itself, cleaning up
        try:
            child.wait(timeout=60)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()  # type: ignore[union-attr]

"""What a fresh process pays: the import, and the first read from S3."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Aim, Sample
from benchmarks.race import ROOT, Scale, Table, race
from benchmarks.steps import Contestant, Step

NAME = "startup"
IMPORTS = {
    "autostore": "import autostore",
    "autostore, with AutoStore": "from autostore import AutoStore",
    "five of the stdlib": "import json, pathlib, dataclasses, tempfile, logging",
    "boto3": "import boto3",
}
READS = {
    "autostore": """
from benchmarks.competitors import s3_store
import json, sys
print(s3_store(json.loads(sys.argv[1]))["first.json"])
""",
    "boto3": """
from benchmarks.competitors import boto3_client
import json, sys
server = json.loads(sys.argv[1])
print(json.loads(boto3_client(server).get_object(Bucket=server["bucket"], Key="first.json")["Body"].read()))
""",
}


def tables(scale: Scale, _folder: Path, servers: Any) -> list[Table]:
    """Whole processes, so that nothing is warm but the files."""
    contestants = [Contestant(name, "imports", {"code": code}) for name, code in IMPORTS.items()]
    found = [
        race(
            "import, seconds in the process",
            __name__,
            contestants,
            scale,
            [Aim("import", "five of the stdlib", 1 / 2.5)],
        )
    ]
    if servers.available:
        server = servers.radosgw()
        servers.client.put_object(Bucket=server["bucket"], Key="first.json", Body=b'{"a": 1}')
        contestants = [Contestant(name, "first_read", {"code": code}) for name, code in READS.items()]
        aims = [Aim("import, open, read one", "boto3", 2.5)]
        title = "First read from S3 in a fresh process"
        found.append(race(title, __name__, contestants, scale, aims, server=server))
    return found


def _process(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def imports(code: str) -> Iterator[dict[str, Step]]:
    """What three fresh processes' own clocks say of the import alone, without the interpreter's start."""
    begin = "import resource, sys, time; memory = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024"
    before = "held, cpu, wall = memory(), time.process_time(), time.perf_counter()"
    after = "sys.stdout.write(f'{time.perf_counter() - wall} {time.process_time() - cpu} {memory() - held}')"
    timed = f"{begin}\n{before}\n{code}\n{after}"

    def run() -> Sample:
        runs = [[float(word) for word in _process(timed).split()] for _ in range(3)]
        wall, cpu, memory = (sum(column) / len(runs) for column in zip(*runs, strict=True))
        return Sample(wall, cpu, int(memory))

    yield {"import": Step(run)}


def first_read(code: str, server: dict[str, Any]) -> Iterator[dict[str, Step]]:
    """One process that imports, opens and reads one small object."""
    import json

    yield {"import, open, read one": Step(lambda: _process(code, json.dumps(server)))}

"""Writes the table of docs/reliability.md from what the proofs noted: a row that ran anew replaces the one of its name.

python -m tests.reliability.report RESULTS docs/reliability.md
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


HEAD = ["| proof | what was done and seen | seconds | run |", "|---|---|---|---|"]


def main(results: Path, page: Path) -> None:
    """Bring what stands between the two marks of the page up to date."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    rows = {name_of(line): line for line in old.splitlines() if line.startswith("| ") and line not in HEAD}
    run = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {commit()}"
    rows |= {name_of(line): line for line in (row(json.loads(noted), run) for noted in results.open(encoding="utf-8"))}
    table = "\n".join([*HEAD, *(rows[name] for name in sorted(rows))])
    page.write_text(f"{before}{BEGIN}\n{machine()}\n\n{table}\n{END}{after}", encoding="utf-8")


def name_of(line: str) -> str:
    """The proof that a row is of."""
    return line.split(" | ")[0].removeprefix("| ")


def row(line: dict[str, Any], run: str) -> str:
    """One proof."""
    facts = "; ".join(f"{name} {shown(value)}" for name, value in line["facts"].items())
    return f"| {line['row']} | {facts} | {line['seconds']} | {run} |"


def shown(value: Any) -> str:
    """A fact in words."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {shown(one)}" for name, one in value.items()) + ")"
    return f"{value:,}" if isinstance(value, int) else str(value)


def commit() -> str:
    """What was tried."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def machine() -> str:
    """Where."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {platform.machine()}, "
        f"{os.cpu_count()} cores, {memory} GiB. The date and commit of each run stand in its row."
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""Writes the table of docs/reliability.md from what the proofs noted.

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


def main(results: Path, page: Path) -> None:
    """Replace what stands between the two marks of the page."""
    lines = map(json.loads, results.read_text(encoding="utf-8").splitlines())
    table = "\n".join(["| proof | what was done and seen | seconds |", "|---|---|---|", *sorted(map(row, lines))])
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{machine()}\n\n{table}\n{END}{after}", encoding="utf-8")


def row(line: dict[str, Any]) -> str:
    """One proof."""
    facts = "; ".join(f"{name} {shown(value)}" for name, value in line["facts"].items())
    return f"| {line['row']} | {facts} | {line['seconds']} |"


def shown(value: Any) -> str:
    """A fact in words."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {shown(one)}" for name, one in value.items()) + ")"
    return f"{value:,}" if isinstance(value, int) else str(value)


def machine() -> str:
    """When and where."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return (
        f"Run of {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, commit {commit}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} cores, {memory} GiB."
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

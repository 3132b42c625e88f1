"""What a run leaves: `results.json`, and the tables between the markers of `docs/benchmarks.md`."""

from __future__ import annotations

import json
import os
import platform
import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from benchmarks.measure import AGAIN, Aim, Result, reached
from benchmarks.race import ROOT, Table

PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "benchmarks" / "results.json"
MIB = 1 << 20


def row(tables: list[Table], load: float, seconds: float, rounds: int) -> dict[str, Any]:
    """One group's results, as they are kept."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load": round(load, 1),
        "seconds": round(seconds),
        "rounds": rounds,
        "machine": machine(),
        "tables": [asdict(table) for table in tables],
    }


def keep(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Put one row among the kept ones, and all of them into the page."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[name] = found
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    page = PAGE.read_text()
    for row_name, one in kept.items():
        page = between_markers(page, row_name, markdown(one))
    PAGE.write_text(page)
    return kept


def between_markers(page: str, name: str, text: str) -> str:
    """The page with what stands between a row's markers replaced; what is written by hand stays."""
    pattern = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(page):
        page += f"\n## {name}\n\n<!-- measured: {name} -->\n<!-- end -->\n"
    return pattern.sub(lambda match: f"{match[1]}{text}{match[2]}", page)


def machine() -> str:
    """What it ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    python = platform.python_version()
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory} GiB, Python {python}"


def markdown(found: dict[str, Any]) -> str:
    """The tables of a row: ratios first, then what the aims say of them."""
    circumstances = (
        f"*{found['date']}; {found['machine']}; load average at the start {found['load']};"
        f" medians of {found['rounds']} alternated rounds; {found['seconds']} s in all.*\n\n"
    )
    return circumstances + "".join(_table(table) for table in found["tables"])


def _table(table: dict[str, Any]) -> str:
    lines = [f"**{table['title']}**\n", "| step | against | our speed | our CPU | wall | CPU | memory | aim |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for step, results in table["steps"].items():
        found = [Result(**result) for result in results]
        aims = {aim["against"]: Aim(**aim) for aim in table["aims"] if aim["step"] == step}
        for index, result in enumerate(found):
            speed, cpu = ("-", "-") if index == 0 else (f"**{_ratio(result.speed)}**", _ratio(result.cpu_ratio))
            cells = [step, result.name, speed, cpu, _seconds(result.wall), _seconds(result.cpu), _memory(result.peak)]
            lines.append(f"| {' | '.join(cells)} | {_verdict(aims.get(result.name), found)} |")
    for name, reason in table["absent"].items():
        if name != AGAIN:
            lines.append(f"\n{name} did not take part: {reason}")
    if table.get("notes"):
        lines.append("\nMoved (and requests): " + "; ".join(table["notes"]) + ".")
    return "\n".join(lines) + "\n\n"


def _verdict(aim: Aim | None, results: list[Result]) -> str:
    if aim is None:
        return ""
    return f">= {aim.least:.2f}: {'yes' if reached(aim, results) else '**no**'}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.0f}x" if ratio >= 100 else f"{ratio:.1f}x" if ratio >= 10 else f"{ratio:.2f}x"


def _seconds(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} us"
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _memory(size: float) -> str:
    return f"{size / MIB:.1f} MiB"


def plain(tables: list[Table]) -> str:
    """The same for the terminal."""
    lines = []
    for table in tables:
        lines.append(table.title)
        for step, results in table.steps.items():
            aims = {aim.against: aim for aim in table.aims if aim.step == step}
            for index, result in enumerate(results):
                verdict = "" if result.name not in aims else _verdict(aims[result.name], results).replace("*", "")
                speed = "" if index == 0 else _ratio(result.speed)
                cost = f"{_seconds(result.wall):>9} {_seconds(result.cpu):>9} {_memory(result.peak):>10}"
                lines.append(f"  {step:22.22} {result.name:28.28} {speed:>7} {cost}  {verdict}")
        lines += [f"  moved, {note}" for note in table.notes]
        lines += [f"  ({name}: {reason})" for name, reason in table.absent.items()]
    return "\n".join(lines)

"""`python -m benchmarks [--only NAME ...] [--quick | --tiny] [--print]`: run the rows, print them, keep them."""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from pathlib import Path

from benchmarks import chart, report
from benchmarks.race import FULL, QUICK, TINY
from benchmarks.servers import Servers

ROWS = [
    "startup", "small_objects", "bulk", "lazy", "scans", "partitions", "copying", "s3_transfers", "cache", "listing",
    "dagster_io",
]  # fmt: skip


def main() -> None:
    """Only a full run is kept; a quick one shows whether a row works and about what it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=ROWS, help="this row; may be given several times")
    parser.add_argument("--quick", action="store_true", help="3 rounds of a tenth of the size; nothing is kept")
    parser.add_argument("--tiny", action="store_true", help="whether it runs at all; nothing is kept")
    parser.add_argument("--print", action="store_true", help="keep nothing")
    options = parser.parse_args()
    scale = TINY if options.tiny else QUICK if options.quick else FULL
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="autostore-bench-") as name, Servers(Path(name)) as servers:
        for row in options.only or ROWS:
            folder = Path(name) / row
            folder.mkdir()
            load, started = os.getloadavg()[0], time.monotonic()
            print(f"== {row} (load average {load:.1f})", flush=True)
            tables = importlib.import_module(f"benchmarks.{row}").tables(scale, folder, servers)
            seconds = time.monotonic() - started
            print(f"{report.plain(tables)}\n  {seconds:.0f} s", flush=True)
            if scale is FULL and not options.print and tables:
                chart.draw(report.keep(row, report.row(tables, load, seconds, scale.rounds)))
    print(f"{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()

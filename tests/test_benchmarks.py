"""The benchmark suite runs: each row once, on almost nothing; what it measures then means nothing."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import ROWS
from benchmarks.measure import Aim, Sample, compared, order, reached
from benchmarks.report import between_markers
from tests.radosgw import missing_programs

ROOT = Path(__file__).parents[1]
ON_S3 = {"s3_transfers", "cache", "listing"}
PARTLY_ON_S3 = {"startup", "scans", "dagster_io"}


@pytest.fixture
def environment(row, request):
    """With the server that other tests use: half a minute of the rows would be starts of their own."""
    if missing_programs() or row not in ON_S3 | PARTLY_ON_S3:
        return None
    plain, secure = map(request.getfixturevalue, ("radosgw_s3", "radosgw_https"))
    return os.environ | {"AUTOSTORE_BENCH_RADOSGW": json.dumps([plain.endpoint, secure.endpoint, secure.ca_bundle])}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_runs(row, environment):
    """Every row runs, ours in it, without the competitors that are not installed here."""
    if row in ON_S3 and missing_programs():
        pytest.skip("radosgw is not installed")
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--only", row]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^  \S.* autostore +\S", done.stdout, re.MULTILINE), done.stdout


def test_ratios_are_of_pairs():
    """A slow moment hits the pair that it falls into, and the median leaves it out."""
    ours = [Sample(1, 1, 0), Sample(100, 1, 0), Sample(1, 1, 0)]
    theirs = [Sample(2, 4, 0), Sample(200, 4, 0), Sample(9, 4, 0)]
    results = compared({"ours": ours, "theirs": theirs})
    assert (results[1].speed, results[1].cpu_ratio, results[1].wall) == (2, 0.25, 9)
    assert reached(Aim("step", "theirs", 1.9), results)
    assert not reached(Aim("step", "theirs", 2.1), results)
    assert reached(Aim("step", "nobody", 1), results) is None


def test_everyone_runs_once_in_each_round():
    """The order changes from round to round, and no one always begins."""
    rounds = [order(["a", "b", "c"], turn) for turn in range(6)]
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert {one[0] for one in rounds} == {"a", "b", "c"}


def test_a_run_replaces_its_own_table_only():
    """What is written by hand, and the other rows' tables, stay."""
    page = "by hand\n<!-- measured: a -->\nold\n<!-- end -->\n<!-- measured: b -->\nkept\n<!-- end -->\n"
    new = between_markers(page, "a", "new\n")
    assert new == page.replace("old", "new")

"""One picture of the kept results: how fast we are beside each rival, on a logarithmic scale."""

from __future__ import annotations

from typing import Any

from benchmarks.race import ROOT

PICTURE = ROOT / "docs" / "images" / "benchmarks.png"
BARS = [
    ("small_objects", 0, "write", "small dicts: write"),
    ("small_objects", 0, "read", "small dicts: read"),
    ("bulk", 1, "read array", "1 MiB arrays: read"),
    ("s3_transfers", 0, "upload", "256 MiB to S3"),
    ("s3_transfers", 0, "download", "256 MiB from S3"),
    ("s3_transfers", 2, "download", "256 MiB from S3, 50 MB/s a connection"),
    ("cache", 0, "1 KiB", "cached 1 KiB"),
    ("listing", 0, "update()", "1,000 objects to S3"),
    ("dagster_io", 0, "materialize", "Dagster: 30 assets"),
    ("dagster_io", 1, "load", "Dagster: 100 partitions"),
]
SHORTER, LONGER, LINE = "#b5563c", "#2f6f8f", "#888888"


def draw(kept: dict[str, Any]) -> None:
    """A bar for each rival: right of the line ours is faster, left of it the rival."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    bars = list(_bars(kept))
    if not bars:
        return
    figure, axes = plt.subplots(figsize=(7.5, 0.19 * len(bars) + 0.8))
    speeds = [speed for _, speed in bars]
    colours = [LONGER if speed >= 1 else SHORTER for speed in speeds]
    places = range(len(bars))
    axes.barh(places, [speed - 1 for speed in speeds], left=1, color=colours, height=0.7)
    axes.set_xscale("log")
    axes.axvline(1, color=LINE, linewidth=0.8)
    for place, speed in zip(places, speeds, strict=True):
        side = "left" if speed >= 1 else "right"
        axes.annotate(f"{speed:.2g}x", (speed, place), (3 if speed >= 1 else -3, 0), textcoords="offset points",
                      va="center", ha=side, fontsize=6)  # fmt: skip
    axes.set_yticks(list(places), [label for label, _ in bars], fontsize=6.5)
    axes.tick_params(axis="x", labelsize=6.5)
    axes.invert_yaxis()
    axes.margins(x=0.12, y=0.01)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("speed of autostore beside each (1: the same)", fontsize=7)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)


def _bars(kept: dict[str, Any]) -> Any:
    for row, number, step, label in BARS:
        tables = kept.get(row, {}).get("tables", [])
        results = tables[number]["steps"].get(step, []) if number < len(tables) else []
        for result in results[2:]:  # not ourselves, and not the A/A pair
            yield f"{label} | {result['name']}", result["speed"]

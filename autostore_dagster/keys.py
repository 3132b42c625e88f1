"""Where a value of Dagster lies in the store: pure functions between asset keys, partitions, op outputs and store keys.

The mapping is one-to-one, so no two names ever share a key, and it is settled for ever.

| in Dagster | key in the store |
|---|---|
| asset `flights` | `flights` |
| asset `raw/flights` | `raw/flights` |
| asset `raw.v1/flights` | `raw.v1/flights` |
| asset `q1.csv` | `q1%2Ecsv` |
| asset `../../etc/passwd` | `%2E./%2E./etc/passwd` |
| asset `_private/a b` | `%5Fprivate/a b` |
| asset with the one segment `a/b` | `a%2Fb` |
| asset with an empty segment `raw//x` | `raw/~/x` |
| asset `größe` | `größe` |
| asset of 300 letters x | 135 letters x, `~`, sha256 of all of them |
| asset `daily_flights`, day 2013-01-01 | `daily_flights/date=2013-01-01/data` |
| asset `flights`, static partition `EWR` | `flights/partition=EWR/data` |
| asset `flights`, dimensions origin=`p/q`, month=`r` | `flights/month=r/origin=p%2Fq/data` |
| output `result` of op `load`, run 1c2d | `_runs/1c2d/load/result` |
| the same, of the mapped step `load[a]`, mapping key `k` | `_runs/1c2d/load[a]/result/k` |

A partition is a folder in Hive's manner below its asset, so that any engine reads
`daily_flights/**/*.parquet` as one partitioned data set.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

__all__ = ["DATE", "PARTITION", "RUNS", "Place", "asset_key", "escape", "parse", "run_key", "unescape"]

RUNS = "_runs"
"""The folder of op outputs; an asset's segment never begins with `_`, so they cannot meet."""

DATE = "date"
"""The dimension of an asset partitioned by time; other unnamed dimensions are `PARTITION`."""

PARTITION = "partition"
DATA = "data"

# 255 bytes hold the segment and the longest extension; 1,024 the key, its extension and a prefix in the bucket.
LONGEST_SEGMENT = 200
LONGEST_KEY = 900
EMPTY = "~"

_UNSAFE = re.compile(r'[%/=\\:*?"<>|~\x00-\x1f\x7f]')
_HASHED = re.compile(r"~[0-9a-f]{64}$")


@dataclass(frozen=True)
class Place:
    """What a key in the store stands for: an asset, one of its partitions, or an op's output.

    Attributes:
        asset: the segments of the asset key; empty for an op's output.
        partition: the value of each partition dimension; empty where there is none.
        run: run id, step key, output name and perhaps mapping key; empty for an asset.
    """

    asset: tuple[str, ...] = ()
    partition: Mapping[str, str] = field(default_factory=dict)
    run: tuple[str, ...] = ()


def escape(text: str, *, dots: bool = False) -> str:
    """One segment of a key, safe on every file system; `dots` escapes every dot as well."""
    if not text:
        return EMPTY
    safe = _UNSAFE.sub(lambda match: _percent(match[0]), text)
    # Surrogates cannot be stored as UTF-8; the bytes that UTF-8 would refuse are escaped one by one.
    safe = "".join(_percent(char) if "\ud800" <= char <= "\udfff" else char for char in safe)
    if safe[0] in "._":
        safe = _percent(safe[0]) + safe[1:]
    return safe.replace(".", "%2E") if dots else safe


def unescape(segment: str) -> str:
    """The text that `escape` was given; `ValueError` where the segment holds only its hash."""
    if _HASHED.search(segment):
        raise ValueError(f"{segment!r} was too long for a key: it holds only a hash of the name, which is not known.")
    return "" if segment == EMPTY else unquote(segment, errors="surrogatepass")


def asset_key(path: Sequence[str], partition: Mapping[str, str] | None = None) -> str:
    """The key of an asset, or of one partition of it (dimension -> value)."""
    segments = [_shorten(escape(text)) for text in path[:-1]]
    segments.append(_shorten(escape(path[-1], dots=True)))
    if partition:
        segments += [_shorten(f"{escape(name)}={escape(value)}") for name, value in sorted(partition.items())]
        segments.append(DATA)
    return _join(segments)


def run_key(identifier: Sequence[str]) -> str:
    """The key of an op's output, from `context.get_identifier()`: run, step, output and perhaps mapping key."""
    segments = [_shorten(escape(text)) for text in identifier[:-1]]
    return _join([RUNS, *segments, _shorten(escape(identifier[-1], dots=True))])


def parse(key: str) -> Place:
    """What a key stands for; `ValueError` where it holds only a hash, or no such thing writes it."""
    first, *rest = key.split("/")
    place = Place(run=tuple(map(unescape, rest))) if first == RUNS else _parse_asset([first, *rest])
    if _key_of(place) != key:
        raise ValueError(f"{key!r} is not the key of an asset or an op output.")
    return place


def _parse_asset(segments: list[str]) -> Place:
    folders = [index for index, segment in enumerate(segments) if "=" in segment]
    if not folders:
        return Place(asset=tuple(unescape(segment) for segment in segments))
    pairs = [segment.partition("=") for segment in segments[folders[0] : -1]]
    return Place(
        asset=tuple(unescape(segment) for segment in segments[: folders[0]]),
        partition={unescape(name): unescape(value) for name, _, value in pairs},
    )


def _key_of(place: Place) -> str:
    if place.run:
        return run_key(place.run)
    return asset_key(place.asset, place.partition) if place.asset else ""


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode(errors="surrogatepass"))


def _shorten(segment: str) -> str:
    """The segment, or its beginning and a hash where it is over 200 bytes."""
    encoded = segment.encode()
    if len(encoded) <= LONGEST_SEGMENT:
        return segment
    beginning = encoded[: LONGEST_SEGMENT - 65].decode(errors="ignore")
    return f"{beginning}~{hashlib.sha256(encoded).hexdigest()}"


def _join(segments: Sequence[str]) -> str:
    """The segments as a key; where that is over 900 bytes the end of it becomes a hash of the whole."""
    key = "/".join(segments)
    if len(key.encode()) <= LONGEST_KEY:
        return key
    kept: list[str] = []
    for segment in segments:
        if len("/".join([*kept, segment]).encode()) > LONGEST_KEY - 66:
            break
        kept.append(segment)
    return "/".join([*kept, f"~{hashlib.sha256(key.encode()).hexdigest()}"])

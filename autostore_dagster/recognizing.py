"""Which format a file has that no extension names, or a wrong one: by its first and last bytes, else as JSON.

The original autostore chose a format by the value and wrote it under the bare key: `results` is Parquet, `t.csv` too.
"""

import json

__all__ = ["extension_of"]

_BEGINNINGS = {
    b"PAR1": ".parquet",
    b"\x93NUMPY": ".npy",
    b"PK\x03\x04": ".pt",
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
}

_PICKLED = b"\x80"
"""How pickles begin, since Python 3.0 made protocol 3 the default; they end in a dot."""


def extension_of(content: bytes) -> str | None:
    """The extension of the format that these bytes are in; None where they say nothing."""
    for beginning, extension in _BEGINNINGS.items():
        if content.startswith(beginning):
            return extension
    if content.startswith(_PICKLED) and content.endswith(b"."):
        return ".pkl"
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return None
    return ".json"

"""Audio and video are files of bytes, and whoever asks a bucket for one is told what it is."""

from pathlib import Path

import pytest

from autostore import AutoStore

AUDIO = [".aac", ".aiff", ".flac", ".m4a", ".mid", ".mp3", ".ogg", ".opus", ".wav"]
VIDEO = [".3gp", ".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm", ".wmv"]


@pytest.mark.parametrize("extension", AUDIO + VIDEO)
def test_media(tmp_path: Path, extension: str) -> None:
    """The bytes lie there as they are, under exactly their name, with a media type."""
    store = AutoStore(tmp_path)
    found = store.write(f"talk{extension}", b"\0\1")
    assert (found.path, (tmp_path / f"talk{extension}").read_bytes()) == (f"talk{extension}", b"\0\1")
    assert store[f"talk{extension}"] == b"\0\1"
    assert (found.content_type or "").partition("/")[0] == ("audio" if extension in AUDIO else "video")

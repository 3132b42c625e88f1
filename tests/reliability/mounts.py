"""Real file systems that are odder than this machine's: made in a file, mounted in a namespace of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["run_there"]

SIZE = 64 << 20
MAKE = {
    "ext4, 128-byte inodes": ["mkfs.ext4", "-q", "-F", "-I", "128"],
    "ext2, 128-byte inodes": ["mkfs.ext2", "-q", "-F", "-I", "128"],
    "ext4, casefold": ["mkfs.ext4", "-q", "-F", "-O", "casefold"],
    "vfat": ["mkfs.vfat"],
    "exfat, by FUSE": ["mkfs.exfat"],
}
MOUNT = {
    "exfat, by FUSE": 'mount.exfat-fuse "$(losetup --find --show "$1")" "$2"',
    "ext4, casefold": 'mount -o loop "$1" "$2" && mkdir "$2/in" && chattr +F "$2/in"',
}
"""Where it takes more than `mount`; `GIVE_BACK` undoes it."""

GIVE_BACK = 'umount "$2" && losetup --associated "$1" --output NAME --noheadings | xargs -r losetup --detach'


def run_there(kind: str, folder: Path, *arguments: str, seconds: float = 120) -> str:
    """What `python -c` or `-m` with these arguments, and a folder on a fresh file system of this kind, prints."""
    image, mounted = folder / "image", folder / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE)
    made = (
        shutil.which(MAKE[kind][0])
        and not subprocess.run([*MAKE[kind], image], check=False, capture_output=True).returncode
    )
    if not made or os.getuid() or not shutil.which("unshare"):
        pytest.skip(f"{kind}: needs root and {MAKE[kind][0]}")
    mount = MOUNT.get(kind, 'mount -o loop "$1" "$2"')
    script = (
        f'{{ {mount}; }} >&2 || exit 77; mkdir -p "$2/in"; "$0" "$3" "$4" "$2/in"; said=$?; {GIVE_BACK}; exit $said'
    )
    command = ["unshare", "--mount", "sh", "-c", script, sys.executable, image, mounted, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode == 77:
        pytest.skip(f"{kind}: cannot be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout

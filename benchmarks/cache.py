"""Warm reads from the cache: one conditional GET and the file, against other caches of S3."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import competitors
from benchmarks.measure import Aim
from benchmarks.race import Scale, Table, race
from benchmarks.steps import Contestant, Step

NAME = "cache"
SIZES = {"1 KiB": (1 << 10, 100), "1 MiB": (1 << 20, 50), "256 MiB": (256 << 20, 1)}
"""The object's size, and how often it is read in one measurement."""
LIMIT = "304 + plain read"
Steps = Iterator[dict[str, Step]]


def tables(scale: Scale, folder: Path, servers: Any) -> list[Table]:
    """Everyone confirms by a request that the copy is current, but where the name says otherwise."""
    if not servers.available:
        return []
    server = servers.radosgw()
    sizes = {}
    for name, (size, times) in SIZES.items():
        size = size if size < 1 << 20 else scale.of(size, 4096)
        sizes[name] = scale.of(times)
        servers.client.put_object(Bucket=server["bucket"], Key=f"cached/{name}.bin", Body=os.urandom(size))
    rivals = [Contestant(LIMIT, "limit"), Contestant("fsspec filecache", "filecache")]
    rivals += [
        Contestant("cloudpathlib", "cloudpathlib"),
        Contestant("original, unconfirmed", "original", original=True),
    ]
    aims = [Aim(name, LIMIT, 1 / 1.2) for name in SIZES]
    ours = Contestant("autostore", "ours")
    common = {"server": server, "folder": str(folder), "times": sizes}
    table = race("Warm reads from the cache", __name__, [ours, *rivals], scale, aims, **common)
    table.memory = True
    return [table]


def _steps(times: dict[str, int], read: Callable[[str], Any]) -> dict[str, Step]:
    def reads(name: str) -> Step:
        def run() -> Any:
            for _ in range(times[name]):
                value = read(name)
            return value

        return Step(run)

    for name in times:
        read(name)  # fills the cache
    return {name: reads(name) for name in times}


def ours(server: dict[str, Any], folder: str, number: int, times: dict[str, int]) -> Steps:
    """The store with its cache."""
    own = competitors.fresh(folder, number)
    with competitors.s3_store(server, "cached/", cache_enabled=True, cache_dir=own) as store:
        yield _steps(times, lambda name: store[f"{name}.bin"])


def limit(server: dict[str, Any], folder: str, number: int, times: dict[str, int]) -> Steps:
    """What one conditional request by boto3 and one read of a file cost."""
    from botocore.exceptions import ClientError

    own, client = competitors.fresh(folder, number), competitors.boto3_client(server)
    etags: dict[str, str] = {}

    def read(name: str) -> bytes:
        key, file = f"cached/{name}.bin", own / name
        known = {"IfNoneMatch": etags[name]} if name in etags else {}
        try:
            answer = client.get_object(Bucket=server["bucket"], Key=key, **known)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 304:
                raise
            return file.read_bytes()
        etags[name] = answer["ETag"]
        file.write_bytes(answer["Body"].read())
        return file.read_bytes()

    yield _steps(times, read)


def filecache(server: dict[str, Any], folder: str, number: int, times: dict[str, int]) -> Steps:
    """fsspec's filecache over s3fs, told to check for changes, which it does not by default."""
    from fsspec.implementations.cached import WholeFileCacheFileSystem

    own = competitors.fresh(folder, number)
    system = WholeFileCacheFileSystem(
        fs=competitors.s3fs_system(server), cache_storage=str(own), check_files=True, same_names=False
    )

    def read(name: str) -> Any:
        with system.open(f"{server['bucket']}/cached/{name}.bin", "rb") as file:
            return file.read()

    yield _steps(times, read)


def cloudpathlib(server: dict[str, Any], folder: str, number: int, times: dict[str, int]) -> Steps:
    """A path of cloudpathlib, which asks for the object's time at each opening."""
    import boto3
    from cloudpathlib import S3Client

    session = boto3.Session(server["key"], server["secret"], region_name=competitors.REGION)
    own = competitors.fresh(folder, number)
    client = S3Client(boto3_session=session, endpoint_url=server["endpoint"], local_cache_dir=own)
    yield _steps(times, lambda name: client.CloudPath(f"s3://{server['bucket']}/cached/{name}.bin").read_bytes())


def original(server: dict[str, Any], folder: str, number: int, times: dict[str, int]) -> Steps:
    """The original's cache, which never asks whether its copy is current; it reads no .bin, so pickles."""
    own = competitors.fresh(folder, number)
    store = competitors.original_s3(server, "original/", cache_enabled=True, cache_dir=str(own))
    sizes = {name: SIZES[name][0] for name in times}
    for name, size in sizes.items():
        head = competitors.boto3_client(server).head_object(Bucket=server["bucket"], Key=f"cached/{name}.bin")
        store[f"{name}.pkl"] = os.urandom(min(size, head["ContentLength"]))
    yield _steps(times, lambda name: store[f"{name}.pkl"])

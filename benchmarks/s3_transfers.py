"""A quarter of a gigabyte to and from radosgw: http, https, 5 ms away, and with connections capped as S3 caps them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import competitors
from benchmarks.measure import Aim, Sample
from benchmarks.race import ROOT, Scale, Table, race
from benchmarks.steps import Contestant, Step

NAME = "s3_transfers"
MIB = 1 << 20
CONNECTIONS = 10
NEAR = 0.005
LATENCY, RATE = 0.05, 50e6
AWS = ROOT / ".venv-bench" / "aws" / "bin" / "aws"
Steps = Iterator[dict[str, Step]]


def tables(scale: Scale, folder: Path, servers: Any) -> list[Table]:
    """Files, as every client moves them; the library's store adds the format to it."""
    if not servers.available:
        return []
    size = scale.of(256 * MIB, MIB)
    source = folder / "source.bin"
    source.write_bytes(os.urandom(size))
    servers.radosgw()
    servers.client.upload_file(str(source), servers.radosgw()["bucket"], "source.bin")
    common = {"folder": str(folder), "size": size}
    names = ["boto3 defaults", "boto3 tuned", "boto3 one stream", "obstore", "s3fs", "pyarrow"]
    everyone = [Contestant("autostore", "ours")]
    everyone += [Contestant(name, name.replace(" ", "_")) for name in names]
    everyone.append(Contestant("original", "original", original=True))
    everyone.insert(3, Contestant("AWS CLI", "aws_cli"))
    rivals = [one.name for one in everyone if one.function not in ("ours", "original")]
    aims = [Aim(step, name, 0.95) for name in rivals for step in ("upload", "download")]
    found = []
    for scheme in ("http", "https"):
        server = servers.radosgw(tls=scheme == "https")
        title = f"{size // MIB} MiB to and from radosgw, {scheme}"
        found.append(race(title, __name__, everyone, scale, aims, server=server, **common))
    with servers.behind_link(NEAR) as server:
        title = f"{size // MIB} MiB to and from radosgw, {NEAR * 1000:.0f} ms away"
        found.append(race(title, __name__, everyone, scale, aims, server=server, **common))
    capped = [one for one in everyone if one.name not in ("boto3 one stream", "s3fs", "pyarrow")]
    limit = f"{CONNECTIONS} x {RATE / 1e6:.0f} MB/s, arithmetic"
    capped.append(Contestant(limit, "arithmetic"))
    aims += [Aim(step, limit, 0.9) for step in ("upload", "download")]
    with servers.behind_link(LATENCY, RATE) as server:
        title = f"{size // MIB} MiB over {LATENCY * 1000:.0f} ms and {RATE / 1e6:.0f} MB/s for each connection"
        found.append(race(title, __name__, capped, scale, aims, server=server, **common))
    for table in found:
        table.memory = True
    return found


def _steps(
    folder: str,
    number: int,
    size: int,
    upload: Callable[[str, str], Any] | None,
    download: Callable[[str, str], Any],
) -> dict[str, Step]:
    """From the same file to a key of one's own; from the same key to a file of one's own."""
    source, target = f"{folder}/source.bin", f"{competitors.fresh(folder, number)}/target.bin"

    def remove() -> None:
        if os.path.exists(target):
            os.unlink(target)

    def check(_: Any) -> None:
        assert os.path.getsize(target) == size
        with open(source, "rb") as sent, open(target, "rb") as received:
            for place in (0, size // 2, size - 4096):
                sent.seek(place)
                received.seek(place)
                assert sent.read(4096) == received.read(4096)

    found = {"upload": Step(lambda: upload(source, f"up-{number}.bin"))} if upload is not None else {}
    return {**found, "download": Step(lambda: download("source.bin", target), remove, check)}


def ours(server: dict[str, Any], folder: str, number: int, size: int) -> Steps:
    """The backend's two duties, which the store's reads and writes are made of; default settings."""
    from autostore.keys import parse_uri
    from autostore.s3 import S3Backend

    store = competitors.s3_store(server)
    backend = S3Backend(parse_uri(store.uri), store.config)
    yield _steps(
        folder,
        number,
        size,
        lambda source, key: backend.upload(Path(source), key),
        lambda key, target: backend.download(key, Path(target)),
    )
    backend.close()


def original(server: dict[str, Any], folder: str, number: int, size: int) -> Steps:
    """The original's backend, with its default settings."""
    backend = competitors.original_s3(server).primary_backend
    yield _steps(
        folder,
        number,
        size,
        lambda source, key: backend.upload(Path(source), key),
        lambda key, target: backend.download(key, Path(target)),
    )


def _boto3(server: dict[str, Any], folder: str, number: int, size: int, **transfer: Any) -> Steps:
    from boto3.s3.transfer import TransferConfig

    client, bucket = competitors.boto3_client(server), server["bucket"]
    config = TransferConfig(preferred_transfer_client="classic", **transfer)
    yield _steps(
        folder,
        number,
        size,
        lambda source, key: client.upload_file(source, bucket, key, Config=config),
        lambda key, target: client.download_file(bucket, key, target, Config=config),
    )


def boto3_defaults(**common: Any) -> Steps:
    """8 MiB parts in 10 threads."""
    yield from _boto3(**common)


def boto3_tuned(**common: Any) -> Steps:
    """16 MiB parts in 10 threads, large buffers."""
    yield from _boto3(**common, multipart_chunksize=16 * MIB, max_concurrency=CONNECTIONS, io_chunksize=MIB)


def aws_cli(server: dict[str, Any], folder: str, number: int, size: int) -> Steps:
    """A process for each file, in an environment of its own, as it pins its own botocore."""
    if not AWS.exists():
        raise ModuleNotFoundError(name="awscli")
    settings = {
        "AWS_ENDPOINT_URL": server["endpoint"],
        "AWS_ACCESS_KEY_ID": server["key"],
        "AWS_SECRET_ACCESS_KEY": server["secret"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }
    if server["ca"]:
        settings["AWS_CA_BUNDLE"] = server["ca"]

    def copy(source: str, target: str) -> None:
        command = [str(AWS), "s3", "cp", "--only-show-errors", source, target]
        subprocess.run(command, check=True, env={**os.environ, **settings})

    at = f"s3://{server['bucket']}"
    yield _steps(
        folder,
        number,
        size,
        lambda source, key: copy(source, f"{at}/{key}"),
        lambda key, target: copy(f"{at}/{key}", target),
    )


def boto3_one_stream(server: dict[str, Any], folder: str, number: int, size: int) -> Steps:
    """`put_object` and `get_object`, read in 1 MiB blocks: one connection."""
    client, bucket = competitors.boto3_client(server), server["bucket"]

    def upload(source: str, key: str) -> None:
        with open(source, "rb") as file:
            client.put_object(Bucket=bucket, Key=key, Body=file)

    def download(key: str, target: str) -> None:
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
        with open(target, "wb") as file:
            while block := body.read(MIB):
                file.write(block)

    yield _steps(folder, number, size, upload, download)


def obstore(server: dict[str, Any], folder: str, number: int, size: int) -> Steps:
    """obstore: parts upwards, one stream downwards."""
    import obstore as library

    bucket = competitors.obstore_bucket(server)

    def upload(source: str, key: str) -> None:
        library.put(bucket, key, Path(source), chunk_size=16 * MIB, max_concurrency=CONNECTIONS)

    def download(key: str, target: str) -> None:
        with open(target, "wb") as file:
            file.writelines(library.get(bucket, key).stream(min_chunk_size=MIB))

    yield _steps(folder, number, size, upload, download)


def s3fs(server: dict[str, Any], folder: str, number: int, size: int) -> Steps:
    """s3fs with its defaults."""
    system, bucket = competitors.s3fs_system(server), server["bucket"]
    yield _steps(
        folder,
        number,
        size,
        lambda source, key: system.put_file(source, f"{bucket}/{key}"),
        lambda key, target: system.get_file(f"{bucket}/{key}", target),
    )


def pyarrow(server: dict[str, Any], folder: str, number: int, size: int) -> Steps:
    """Downloads only: its uploads fail on radosgw (411)."""
    from pyarrow import fs

    system, bucket = competitors.pyarrow_system(server), server["bucket"]

    def download(key: str, target: str) -> None:
        fs.copy_files(f"{bucket}/{key}", target, source_filesystem=system, chunk_size=MIB)

    yield _steps(folder, number, size, None, download)


def arithmetic(size: int) -> Steps:
    """Nobody can be faster: all connections full all the time, after one handshake and one answer."""
    wall = 2 * LATENCY + size / (CONNECTIONS * RATE)
    yield {step: Step(lambda: Sample(wall, 0.0, 0)) for step in ("upload", "download")}

"""Many small objects on S3: written and read in bulk, and listed, up to a million."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import competitors
from benchmarks.measure import Aim
from benchmarks.million import listing_server
from benchmarks.race import Scale, Table, race
from benchmarks.small_objects import value
from benchmarks.steps import Contestant, Step

NAME = "listing"
THREADS = 16
AIMS = {"update()": 1.6, "items()": 2.2, "values()": 2.2, "update(), bare keys": 1.3}
Steps = Iterator[dict[str, Step]]


def tables(scale: Scale, _folder: Path, servers: Any) -> list[Table]:
    """Against boto3 with 16 threads, and its paginator."""
    if not servers.available:
        return []
    server, client = servers.radosgw(), servers.client
    count, listed = scale.of(1000, 10), scale.of(20_000, 20)
    with competitors.threads(8) as pool:
        put = lambda number: client.put_object(Bucket=server["bucket"], Key=f"many/{number:06}.json", Body=b"{}")  # noqa: E731
        list(pool.map(put, range(listed)))
    boto = f"boto3, {THREADS} threads"
    contestants = [
        Contestant("autostore", "ours"),
        Contestant("autostore, boto3 alone", "ours", {"engine": "boto3"}),
        Contestant(boto, "boto3"),
        Contestant(f"obstore, {THREADS} threads", "obstore"),
    ]
    aims = [Aim(step, boto, least) for step, least in AIMS.items()]
    many = race(f"{count:,} small dicts on radosgw", __name__, contestants, scale, aims, server=server, count=count)
    pages = [Contestant("autostore", "our_keys"), Contestant("boto3 paginator", "paginator")]
    aims = [Aim("keys()", "boto3 paginator", 4.0)]
    keys = race(
        f"Keys of {listed:,} objects", __name__, pages, scale, aims, server=server, count=listed, prefix="many/"
    )
    keys.memory = True
    return [many, keys, _million(scale)]


def _million(scale: Scale) -> Table:
    """Listed once, from a server that makes the pages up: it is the memory that counts."""
    count = scale.of(1_000_000, 5000)
    once = Scale(scale.name, 1, scale.share, warm_ups=0)
    title = f"Keys of {count:,} objects, once, from a server that makes up the pages"
    with listing_server(count) as endpoint:
        server = {"endpoint": endpoint, "bucket": "million", "key": "k", "secret": "s", "ca": None}
        contestants = [Contestant("autostore", "our_keys")]
        table = race(title, __name__, contestants, once, server=server, count=count, prefix="")
    table.memory = True
    return table


def ours(server: dict[str, Any], number: int, count: int, engine: str = "auto") -> Steps:
    """The store's own bulk methods, with its default of 10 in flight; the extension in the keys, and not."""
    objects = {f"k{item:04}.json": value(item) for item in range(count)}
    bare = {f"k{item:04}": value(item) for item in range(count)}
    beside = competitors.s3_store(server, f"bare-{number}/", engine=engine)
    with beside, competitors.s3_store(server, f"small-{number}/", engine=engine) as store:

        def check(read: Any) -> None:
            assert sorted(read, key=lambda one: one["id"]) == list(objects.values())

        yield {
            "update()": Step(lambda: store.update(objects)),
            "items()": Step(lambda: dict(store.items()), None, lambda read: check(read.values())),
            "values()": Step(lambda: list(store.values()), None, check),
            "update(), bare keys": Step(lambda: beside.update(bare)),
        }


def boto3(server: dict[str, Any], number: int, count: int) -> Steps:
    """What a user would write: a pool of threads around one client."""
    client, bucket = competitors.boto3_client(server), server["bucket"]
    objects = {f"small-{number}/k{item:04}.json": value(item) for item in range(count)}

    def put(key: str) -> None:
        client.put_object(Bucket=bucket, Key=key, Body=json.dumps(objects[key]).encode())

    def get(key: str) -> Any:
        return json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())

    def look_and_put(key: str) -> None:
        client.list_objects_v2(Bucket=bucket, Prefix=f"bare-{key.removesuffix('json')}", Delimiter="/")
        client.put_object(Bucket=bucket, Key=f"bare-{key}", Body=json.dumps(objects[key]).encode())

    with competitors.threads(THREADS) as pool:

        def keys() -> list[str]:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"small-{number}/")
            return [entry["Key"] for page in pages for entry in page["Contents"]]

        def items() -> dict[str, Any]:
            found = keys()
            return dict(zip(found, pool.map(get, found), strict=True))

        yield {
            "update()": Step(lambda: list(pool.map(put, objects))),
            "items()": Step(items),
            "values()": Step(lambda: list(pool.map(get, keys()))),
            "update(), bare keys": Step(lambda: list(pool.map(look_and_put, objects))),
        }


def obstore(server: dict[str, Any], number: int, count: int) -> Steps:
    """The client in Rust alone, with a pool of threads."""
    import obstore as library

    store = competitors.obstore_bucket(server)
    objects = {f"small-{number}/k{item:04}.json": value(item) for item in range(count)}

    def put(key: str) -> None:
        library.put(store, key, json.dumps(objects[key]).encode(), use_multipart=False)

    def get(key: str) -> Any:
        return json.loads(bytes(library.get(store, key).bytes()))

    with competitors.threads(THREADS) as pool:

        def keys() -> list[str]:
            return [entry["path"] for page in library.list(store, f"small-{number}") for entry in page]

        def items() -> dict[str, Any]:
            found = keys()
            return dict(zip(found, pool.map(get, found), strict=True))

        yield {
            "update()": Step(lambda: list(pool.map(put, objects))),
            "items()": Step(items),
            "values()": Step(lambda: list(pool.map(get, keys()))),
        }


def our_keys(server: dict[str, Any], count: int, prefix: str) -> Steps:
    """`keys()`, counted and not kept."""
    with competitors.s3_store(server, prefix) as store:

        def check(counted: int) -> None:
            assert counted == count

        yield {"keys()": Step(lambda: sum(1 for _ in store), None, check)}


def paginator(server: dict[str, Any], prefix: str) -> Steps:
    """boto3's pages, counted and not kept."""
    client = competitors.boto3_client(server)

    def run() -> int:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=server["bucket"], Prefix=prefix)
        return sum(1 for page in pages for _ in page["Contents"])

    yield {"keys()": Step(run)}

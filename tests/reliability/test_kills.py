"""SIGKILL at any moment: nothing torn, nothing acknowledged lost, nothing in the next writer's way."""

import contextlib
import random
import time
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from autostore import AutoStore, S3StorageConfig
from autostore.backends.cloud.boto3 import uploads
from autostore.cache import scanning
from autostore.disk import sweeping
from autostore.testing import same
from tests.reliability.scale import measured, scaled
from tests.reliability.values import FORMATS, make, number_in

MIB = 1 << 20
# The local short form is tests/store/test_processes.py::test_sigkill_tears_nothing_and_loses_nothing.
PLACES = {"local": scaled(6, 600), "radosgw-cached": scaled(6, 200), "radosgw-multipart": scaled(6, 200)}
SIZES = {
    "local": {"json": 5 * MIB, "frame": MIB, "array": MIB, "object": MIB},
    "radosgw-cached": {"json": 5 * MIB, "frame": MIB, "array": MIB, "object": MIB},
    "radosgw-multipart": {"json": 11 * MIB, "array": 6 * MIB},
}
CHANGING = 50_000
"""Size, bytes, of the key that changes its format at each write."""


def write_forever(channel, uri, config, sizes, changing, number):
    """Write every key again and again, saying each number once it was acknowledged; read some back."""
    store = AutoStore(uri, config)
    while True:
        number += 1
        for kind, size in sizes.items():
            store[kind] = make(kind, number, size)
            channel.say((kind, number))
            kept = make(FORMATS[number % len(FORMATS)], number, CHANGING)
            store[changing] = kept
            channel.say((changing, number))
            assert same(store[changing], kept)


def leftovers(uri, config):
    """What killed writers left: the temporary folders of a local store, unfinished files in a cache and on S3."""
    if not isinstance(config, S3StorageConfig):
        return [str(folder) for folder in Path(uri, ".autostore", "tmp").iterdir()]
    raw = boto3.client("s3", endpoint_url=config.endpoint_url, region_name=config.region_name, verify=config.verify,
                       aws_access_key_id=config.aws_access_key_id,
                       aws_secret_access_key=config.aws_secret_access_key)  # fmt: skip
    with contextlib.closing(raw):
        bucket = uri.split("/")[2]
        pages = raw.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
        unfinished = [upload["Key"] for page in pages for upload in page.get("Uploads", ())]
    return unfinished + [str(file) for file in Path(config.cache_dir or "/none").glob("v1/*/*.new")]


def swept(uri, config, monkeypatch):
    """How much was left, once a store that is opened a day later has removed it all."""
    left = leftovers(uri, config)
    for module in (sweeping, scanning):
        monkeypatch.setattr(module, "SWEEP_AFTER", -1.0)
    monkeypatch.setattr(uploads, "SWEEP_AFTER", timedelta(seconds=-60))
    with AutoStore(uri, config) as store:
        store["after"] = 1
        store.cleanup_cache()
    assert leftovers(uri, config) == []
    return len(left)


@pytest.mark.parametrize("place", PLACES, indirect=True)
@pytest.mark.timeout(scaled(300, 7200))
def test_sigkill_tears_nothing_and_loses_nothing(place, nursery, request, monkeypatch):
    """Writers killed at random moments leave every key whole, and at least as new as what they acknowledged.

    What they leave besides is swept a day later.
    """
    # Mutations that this was seen to catch: LocalFileBackend._replace copies instead of renaming (torn, with
    # the kills of a full run); Publisher._replace removes the others before it publishes (absent);
    # s3_upload.sweep finds no upload of ours; Scratch does not sweep (leftovers).
    name = request.node.callspec.params["place"]
    uri, config = place
    sizes, dice = SIZES[name], random.Random(name)
    least, newest, span = dict.fromkeys(sizes, 0), 0, 0.3
    with measured(f"SIGKILL of writers, {name}") as facts:
        with AutoStore(uri, config) as reader:
            for kill in range(PLACES[name]):
                # On S3 a killed writer's claim holds for a minute, so each kill has a key of its own.
                changing = "any" if name == "local" else f"any-{kill}"
                least.setdefault(changing, 0)
                begun = time.monotonic()
                child = nursery.start(write_forever, uri, config, sizes, changing, newest)
                said = [child.hear()]
                time.sleep(dice.uniform(0, span))
                said += child.kill()
                span = max(span, (time.monotonic() - begun) / 2) if len(said) < 2 * len(sizes) else span
                for key, number in said:
                    least[key], newest = number, max(newest, number)
                for key in [*sizes, changing]:
                    value = reader.get(key)
                    if value is None:
                        assert least[key] == 0, key
                        continue
                    number = number_in(value)
                    assert least[key] <= number <= newest + 1, key
                    kind = key if key in sizes else FORMATS[number % len(FORMATS)]
                    assert same(value, make(kind, number, sizes.get(key, CHANGING))), key
                    least[key], newest = number, max(newest, number)
        left = swept(uri, config, monkeypatch)
        facts.update(kills=PLACES[name], torn=0, lost=0, leftovers=left, unswept=0)


def change_forever(channel, uri, config, key, author, formats):
    """Write one key in changing formats; each number is the author's own, and is said once acknowledged."""
    store = AutoStore(uri, config)
    number = author
    while True:
        number += 10
        store[key] = make(formats[number // 10 % len(formats)], number, 2_000)
        channel.say(number)


@pytest.mark.parametrize("place", ["local", "radosgw", "radosgw-cached"], indirect=True)
@pytest.mark.parametrize("writers", [2, 3])
@pytest.mark.timeout(scaled(300, 7200))
def test_writers_that_change_one_format_at_once_with_kills(place, nursery, writers, request):
    """While writers change one key's format at once and die, it always reads, and reads a value that was written."""
    # Mutations that this was seen to catch: Publisher._replace removes the others before it publishes
    # (absent); claims.claim takes nothing on S3 (a lost value).
    uri, config = place
    rounds = scaled(2, 40)
    dice = random.Random(writers)
    formats = [("json", "text"), ("array", "bytes", "json"), ("object", "json", "text")]
    reads = 0
    name = request.node.callspec.params["place"]
    with measured(f"{writers} writers change one format, {name}") as facts, AutoStore(uri, config) as reader:
        for turn in range(rounds):
            key = f"k{turn}"
            reader[key] = make("json", 0, 2_000)
            children = [nursery.start(change_forever, uri, config, key, n, formats[n]) for n in range(writers)]
            newest = [child.hear() for child in children]
            seen = []
            for victim in dice.sample(range(writers), writers):
                end = time.monotonic() + dice.uniform(0, 0.25)
                while time.monotonic() < end:
                    seen.append(number_in(reader[key]))
                newest[victim] = [newest[victim], *children[victim].kill()][-1]
            # A handle may remember for a minute what a writer left that died before it removed it (law 5).
            for value in (reader[key], AutoStore(uri, config)[key]):
                number = number_in(value)
                assert same(value, make(kind_of(number, formats), number, 2_000))
                assert number in (newest[number % 10], newest[number % 10] + 10)
            for author in range(writers):
                own = [n for n in seen if n and n % 10 == author]
                assert own == sorted(own)
            reads += len(seen)
        facts.update(kills=rounds * writers, reads=reads, unreadable=0)


def kind_of(number, formats):
    """The format that an author gives to a number."""
    own = formats[number % 10]
    return own[number // 10 % len(own)]

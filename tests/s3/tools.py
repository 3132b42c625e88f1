"""Short forms for the tests of S3."""

import random


def bucket_of(backend):
    """Bucket and prefix that a backend works in."""
    bucket, _, prefix = backend.uri.removeprefix("s3://").partition("/")
    return bucket, prefix


def put(backend, path, data, **options):
    """Upload bytes."""
    with backend.scratch_file() as file:
        file.write_bytes(data)
        return backend.upload(file, path, **options)


def get(backend, path):
    """Download bytes, and check that they are as many as the metadata says."""
    with backend.scratch_file() as file:
        found = backend.download(path, file)
        data = file.read_bytes()
    assert found.size == len(data)
    return data


def noise(size, seed=0):
    """Bytes of which no two blocks are alike, so that a part at the wrong place shows."""
    return random.Random(seed).randbytes(size)

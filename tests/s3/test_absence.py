"""Only the place itself says that a key is absent: what this machine lacks on the way there is another error."""

import sys

import pytest

from autostore import AutoStore, InvalidConfigError, StorageError, StorageFileNotFoundError
from autostore.s3 import S3StorageConfig

pytest_plugins = ["tests.servers"]

CREDENTIALS = """
[profile helper]
credential_process = /nowhere/helper --token canary-argument
[profile token]
role_arn = arn:aws:iam::123456789012:role/any
web_identity_token_file = /nowhere/token
"""


def is_never_absent(store):
    """Every call that lets an absence pass raises, and names no key that would be absent."""
    calls = {
        "get": lambda: store.get("k", "the default"),
        "pop": lambda: store.pop("k", "the default"),
        "read": lambda: store["k"],
        "items": lambda: dict(store.items()),
        "setdefault": lambda: store.setdefault("k", "the default"),
    }
    for name, call in calls.items():
        with pytest.raises(StorageError) as caught:
            call()
        assert not isinstance(caught.value, StorageFileNotFoundError), name
        assert "None" not in str(caught.value)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("profile", ["helper", "token"])
def test_credentials_whose_helper_is_missing_are_no_absence(moto_s3, tmp_path, monkeypatch, profile):
    """A credential helper or token file that is not there (yet) raises, where it once gave the default of `get`."""
    (tmp_path / "config").write_text(CREDENTIALS)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    uri = f"s3://{moto_s3.make_bucket()}/"
    AutoStore(uri, moto_s3.config())["k"] = 1
    config = S3StorageConfig(endpoint_url=moto_s3.endpoint, region_name="us-east-1", profile_name=profile)
    with AutoStore(uri, config) as store:
        is_never_absent(store)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder in which making another is ENOENT")
def test_temporary_folders_that_cannot_be_made_are_no_absence(moto_s3):
    """A temporary folder that this machine cannot make raises, and the message names it."""
    uri = f"s3://{moto_s3.make_bucket()}/"
    AutoStore(uri, moto_s3.config())["k"] = 1
    with AutoStore(uri, moto_s3.config(temp_dir="/proc/nowhere")) as store:
        is_never_absent(store)
        with pytest.raises(StorageError, match="/proc/nowhere"):
            store["k"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder in which making another is ENOENT")
def test_a_cache_that_cannot_be_made_is_no_absence(moto_s3):
    """Where the cache's folder cannot be made, the value comes without it; nothing reads as absent."""
    uri = f"s3://{moto_s3.make_bucket()}/"
    AutoStore(uri, moto_s3.config())["k"] = 1
    with AutoStore(uri, moto_s3.config(cache_enabled=True, cache_dir="/proc/nowhere")) as store:
        assert store.get("k", "the default") == store["k"] == dict(store.items())["k"] == store.pop("k", "default") == 1


def test_a_file_in_the_way_of_a_helper_folder_is_named(moto_s3, tmp_path):
    """Where a file stands in the way of the cache or temporary folder, the setting is at fault, and never the key."""
    uri, file = f"s3://{moto_s3.make_bucket()}/", tmp_path / "file"
    file.touch()
    AutoStore(uri, moto_s3.config())["k"] = 1
    for settings in ({"cache_enabled": True, "cache_dir": file}, {"temp_dir": file}):
        with AutoStore(uri, moto_s3.config(**settings)) as store:
            is_never_absent(store)
            with pytest.raises(InvalidConfigError, match=str(file)):
                store["k"]

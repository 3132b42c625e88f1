"""Settings of the wrong kind are refused where they are made, by name, and before their value is shown or sent."""

import dataclasses
import traceback
from dataclasses import fields

import pytest

from autostore import AutoStore, InvalidConfigError, LocalFileConfig, StorageConfig
from autostore.s3 import S3StorageConfig

pytest_plugins = ["tests.servers"]

SETTINGS = [field.name for field in fields(S3StorageConfig)]
TEXTS = [field.name for field in fields(S3StorageConfig) if field.type == "str | None"]


def shown(error):
    """What a log shows of an error, and of all behind it."""
    return "".join(traceback.format_exception(error))


class Wrong:
    """Of no kind that a setting takes."""

    def __repr__(self):
        return "canary"


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", [Wrong(), [Wrong()], 1 + 1j])
def test_a_setting_of_another_kind_is_refused_by_name(name, value):
    """Whatever the setting: once some were first met by botocore, which took them for a server that is not S3."""
    with pytest.raises(InvalidConfigError, match=name):
        S3StorageConfig(**{name: value})


@pytest.mark.parametrize("name", ["max_read_bytes", "cache_max_bytes"])
@pytest.mark.parametrize("value", [1.5, True, "5"])
def test_sizes_are_whole(name, value):
    """Sizes that may be None are whole numbers else."""
    with pytest.raises(InvalidConfigError, match=name):
        StorageConfig(**{name: value})


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
def test_a_text_with_the_end_of_its_line_is_refused_unquoted(name, end):
    """A token read from a file with its line break is refused with the remedy; its request once quoted it."""
    with pytest.raises(InvalidConfigError, match=r"strip\(\)") as caught:
        S3StorageConfig(**{name: f"canary{end}"})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("cls", [StorageConfig, LocalFileConfig, S3StorageConfig])
@pytest.mark.parametrize("name", ["cache_dir", "temp_dir"])
def test_a_folder_s_name_holds_no_nul(cls, name):
    """No file system could hold it."""
    with pytest.raises(InvalidConfigError, match=name):
        cls(**{name: "a\0b"})


def test_settings_take_paths_and_texts(tmp_path):
    """What is right is taken as it was."""
    config = S3StorageConfig(
        cache_dir=tmp_path, temp_dir=str(tmp_path), verify=tmp_path, pickle_key=b"\n", checksums=True
    )
    assert (config.cache_dir, config.temp_dir, config.verify) == (tmp_path, str(tmp_path), tmp_path)


@pytest.mark.parametrize("name", ["Bucket", "Key", "Body", "IfMatch", "IfNoneMatch", "UploadId", "PartNumber", 5])
def test_upload_args_do_not_say_where(name):
    """`upload_args` that would lead each request elsewhere, such as into another bucket, are refused."""
    with pytest.raises(InvalidConfigError, match="upload_args"):
        S3StorageConfig(upload_args={name: "canary"})


@pytest.mark.parametrize("where", ["environment", "upload_args"])
def test_no_error_quotes_a_header_s_value(moto_s3, monkeypatch, where):
    """What no header can hold is a wrong setting: neither the message nor anything behind it shows it."""
    uri, more = f"s3://{moto_s3.make_bucket()}/", {}
    if where == "environment":
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.setenv(name, "canary\n")
    else:
        more = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "upload_args": {"SSEKMSKeyId": "canary\n"}}
    config = S3StorageConfig(endpoint_url=moto_s3.endpoint, region_name="us-east-1", max_retries=0, **more)
    with AutoStore(uri, config) as store, pytest.raises(InvalidConfigError, match="line break") as caught:
        store["k.json"] = 1
    assert "canary" not in shown(caught.value)


def test_a_credential_helper_that_prints_nonsense_is_named(moto_s3, tmp_path, monkeypatch):
    """It stands for a wrong setting, and neither for a server that is not S3 nor for something to be shown."""
    (tmp_path / "config").write_text("[profile helper]\ncredential_process = echo canary\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    config = S3StorageConfig(endpoint_url=moto_s3.endpoint, region_name="us-east-1", profile_name="helper")
    with AutoStore(f"s3://{moto_s3.make_bucket()}/", config) as store:
        with pytest.raises(InvalidConfigError, match="credential helper") as caught:
            store.get("k")
        assert "canary" not in shown(caught.value)


def test_settings_of_others_may_be_of_any_kind():
    """A third party's place brings settings of its own, with annotations that this library does not know."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TheirConfig(StorageConfig):
        hosts: list[str] = dataclasses.field(default_factory=list)
        port: "int | str" = 1

    assert TheirConfig(hosts=["a"], port="b").hosts == ["a"]
    with pytest.raises(InvalidConfigError, match="cache_dir"):
        TheirConfig(cache_dir=5)

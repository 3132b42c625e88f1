"""Credentials that do not come: whatever the AWS configuration names ends within `timeout`, and is named."""

import json
import re
import socket
import sys
import threading
import time
import traceback

import pytest

from autostore import AutoStore, StorageConnectionError, StorageError, StoragePermissionError
from autostore.s3 import S3StorageConfig
from tests.almost_s3 import AlmostS3
from tests.s3.conftest import each_engine

engine = each_engine()

TIMEOUT = 1.0
AT_MOST = 10 * TIMEOUT
"""Seconds that no call takes longer, on a busy machine."""

PROFILES = """
[profile silent-role]
role_arn = arn:aws:iam::123456789012:role/any
source_profile = keys
[profile keys]
aws_access_key_id = AKIA
aws_secret_access_key = canary-secret
[profile silent-helper]
credential_process = {python} -c "import time; time.sleep(30)"
[profile failing-helper]
credential_process = {python} -c "raise SystemExit('canary-output')"
[profile stale-helper]
credential_process = {python} {stale}
[profile once]
credential_process = {python} {once}
[profile signed-out]
sso_start_url = https://x.awsapps.com/start
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = any
"""
PRINTED = {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "canary-secret", "SessionToken": "canary-token"}
ONCE = """
import datetime, json, os, sys
asked = {count!r}
before = os.path.getsize(asked) if os.path.exists(asked) else 0
with open(asked, "a") as file:
    file.write("x")
if before >= {gives}:
    sys.exit("canary-output")
soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
print(json.dumps({{**{printed!r}, "Expiration": soon.isoformat()}}))
"""


@pytest.fixture
def silent():
    """The address of a server that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def opened(tmp_path, monkeypatch, silent, engine):
    """Opens a store with one of the profiles, on a server that holds `k`."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    stale = tmp_path / "stale.py"
    stale.write_text(f"print('''{json.dumps({**PRINTED, 'Expiration': '2020-01-01T00:00:00Z'})}''')")
    once = tmp_path / "once.py"
    # Each of both engines asks once.
    gives = 2 if engine == "obstore" else 1
    once.write_text(ONCE.format(count=str(tmp_path / "count"), printed=PRINTED, gives=gives))
    (tmp_path / "config").write_text(PROFILES.format(python=sys.executable, stale=stale, once=once))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", silent)
    monkeypatch.setenv("HOME", str(tmp_path))
    with AlmostS3() as server:
        server.objects["k.json"] = b"1", {}

        def store(profile=None, **settings):
            given = {"profile_name": profile, "timeout": TIMEOUT, "max_retries": 3, "engine": engine}
            place = {"endpoint_url": server.endpoint, "region_name": "us-east-1"}
            return AutoStore("s3://bucket/", S3StorageConfig(**given, **place, **settings))

        yield store


def fails(call, error, said):
    """The call raises this error in time, names the key, and shows no secret."""
    begun = time.monotonic()
    with pytest.raises(StorageError) as caught:
        call()
    assert time.monotonic() - begun < AT_MOST
    assert isinstance(caught.value, error), caught.value
    assert re.search(said, str(caught.value)), caught.value
    assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("profile", "error", "said"),
    [
        ("silent-role", StorageConnectionError, r"did not answer within 1 s \(key 'k.json'"),
        ("silent-helper", StorageConnectionError, r"did not answer within 1 s \(key 'k.json'"),
        ("failing-helper", StoragePermissionError, r"gave none \(custom-process\) \(key 'k.json'"),
        ("stale-helper", StoragePermissionError, r"have expired \(key 'k.json'"),
        ("signed-out", StoragePermissionError, r"aws sso login"),
    ],
)
def test_what_gives_none_is_named_in_time(opened, profile, error, said):
    """A role's service and a helper that never answer held the call, and every other, for minutes and for ever."""
    with opened(profile) as store:
        fails(lambda: store.get("k.json"), error, said)
        fails(lambda: store.write("k.json", 2), error, said)
        fails(lambda: store.get("k.json"), error, said)


def test_threads_wait_side_by_side(opened):
    """All that wait for the same source wait as long as one."""
    with opened("silent-helper") as store:
        begun, found = time.monotonic(), []

        def read():
            with pytest.raises(StorageConnectionError):
                store.get("k.json")
            found.append(1)

        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 6
        assert time.monotonic() - begun < AT_MOST


def test_what_one_store_was_given_another_beside_it_uses(opened, engine, tmp_path, monkeypatch):
    """Who waited for the same helper asked it again, without an end, and let nobody else open a store meanwhile."""
    if engine == "obstore":  # which asks once more for itself
        return
    slow = tmp_path / "slow.py"
    slow.write_text(
        f"import os, time\nasked = {str(tmp_path / 'asked')!r}\ntime.sleep(30 if os.path.exists(asked) else 0.4)\n"
        f"open(asked, 'w').close()\nprint({json.dumps(PRINTED)!r})\n"
    )
    (tmp_path / "slow").write_text(f"[profile slow]\ncredential_process = {sys.executable} {slow}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "slow"))
    begun, found = time.monotonic(), []
    with opened("slow") as one, opened("slow") as other:
        threads = [threading.Thread(target=lambda store=store: found.append(store["k.json"])) for store in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [1, 1]
    assert time.monotonic() - begun < AT_MOST


def test_an_endpoint_of_a_container(opened, monkeypatch, silent):
    """One that says nothing, and one that boto3 does not take: of both it was said that something else was wrong."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{silent}/credentials")
    with opened() as store:
        fails(lambda: store.get("k.json"), StorageConnectionError, "did not answer within 1 s")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/credentials")
    with opened() as store:
        fails(lambda: store.get("k.json"), StoragePermissionError, "an address that boto3 does not take")


def test_credentials_that_end_in_the_middle_of_a_run(opened):
    """What the helper says the second time is told as the first; obstore's call raised botocore's own error."""
    with opened("once") as store:
        assert store["k.json"] == 1
        time.sleep(3.1)
        fails(lambda: store["k.json"], StoragePermissionError, "gave none")
        fails(lambda: store.write("w.json", 1), StoragePermissionError, "gave none")
        fails(lambda: list(store), StoragePermissionError, "gave none")


def test_who_signs_nothing_asks_for_no_credentials(opened):
    """An anonymous store waited for what it had no use for."""
    with opened("silent-helper", anonymous=True) as store:
        assert store["k.json"] == 1

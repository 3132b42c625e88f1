"""The store behaves like a dict, on every backend: whatever is done to it, in any order."""

import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.store.machine import StoreMachine, fresh_name

EXAMPLES = int(os.environ.get("AUTOSTORE_EXAMPLES", "200"))
STEPS = 30
# A server answers in milliseconds what memory answers in microseconds; `make soak` has more of both.
REMOTE_SHARE, REMOTE_STEPS = 3, 10


def settings_for(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


class LocalMachine(StoreMachine):
    def make_uri(self):
        self.folder = tempfile.mkdtemp()
        return self.folder

    def teardown(self):
        super().teardown()
        shutil.rmtree(getattr(self, "folder", ""), ignore_errors=True)


class MemoryMachine(StoreMachine):
    def make_uri(self):
        return f"memory://{fresh_name()}"


@pytest.mark.parametrize("machine", [LocalMachine, MemoryMachine], ids=["local", "memory"])
def test_like_a_dict(machine):
    """On this machine a store and a dict never differ."""
    run_state_machine_as_test(machine, settings=settings_for(EXAMPLES, STEPS))


@pytest.mark.parametrize("cached", [False, True], ids=["uncached", "cached"])
def test_like_a_dict_on_s3(s3_server, cached, tmp_path):
    """On S3 a store and a dict never differ, with a cache shared by both handles and without."""
    bucket = s3_server.make_bucket()

    class RemoteMachine(StoreMachine):
        config = s3_server.config(cache_enabled=cached, cache_dir=tmp_path)

        def make_uri(self):
            return f"s3://{bucket}/{fresh_name()}"

    run_state_machine_as_test(RemoteMachine, settings=settings_for(EXAMPLES // REMOTE_SHARE, REMOTE_STEPS))

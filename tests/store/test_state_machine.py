"""The store behaves like a dict, on every backend: whatever is done to it, in any order."""

import os
import shutil
import tempfile

from hypothesis import HealthCheck, settings

from tests.store.machine import StoreMachine, fresh_name

EXAMPLES = int(os.environ.get("AUTOSTORE_EXAMPLES", "60"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
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


TestLocal = LocalMachine.TestCase
TestLocal.settings = SETTINGS
TestMemory = MemoryMachine.TestCase
TestMemory.settings = SETTINGS

"""Bad days: whatever the line does, the answer is right or a typed error, soon."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from autostore.errors import StorageError, StorageFileNotFoundError
from tests.proxy import Fault
from tests.s3.conftest import each_engine
from tests.s3.tools import get, noise, put

engine = each_engine()

MIB = 1 << 20

FAULTS = [
    lambda dice: Fault("reset"),
    lambda dice: Fault("lost"),
    lambda dice: Fault("status", status=503),
    lambda dice: Fault("status", status=500, code="InternalError"),
    lambda dice: Fault("short", at=dice.randrange(300_000)),
    lambda dice: Fault("cut", at=dice.randrange(300_000)),
    lambda dice: Fault("stall", seconds=dice.uniform(0, 0.05)),
]


@pytest.mark.parametrize("seed", range(4))
def test_random_faults_give_right_answers_or_typed_errors(s3_server, proxy, open_backend, seed):
    """Operations by 4 threads over a line that fails every seventh time: never wrong bytes, never a hang.

    What exists is never reported absent, and what a successful write sent is there.
    """
    backend = open_backend(
        s3_server, endpoint_url=proxy.endpoint, timeout=5, multipart_threshold=200_000, multipart_chunksize=5 * MIB
    )
    dice = random.Random(seed)
    values = {size: noise(size, size) for size in (0, 1, 70_000, 250_000, 6 * MIB)}
    for size, data in values.items():
        put(backend, f"keep-{size}.bin", data)
    proxy.fault = lambda request: dice.choice(FAULTS)(dice) if dice.random() < 1 / 7 else None
    outcomes = []

    def work(number):
        mine = random.Random(f"{seed}-{number}")
        size = mine.choice(list(values))
        begun = time.monotonic()
        try:
            if mine.random() < 0.5:
                assert get(backend, f"keep-{size}.bin") == values[size]
            elif mine.random() < 0.5:
                put(backend, f"new-{number}.bin", values[size])
                written[number] = size
            else:
                assert len(list(backend.list_files("keep-"))) == len(values)
            outcomes.append("right")
        except StorageError as error:
            assert not isinstance(error, StorageFileNotFoundError)
            outcomes.append(type(error).__name__)
        assert time.monotonic() - begun < 30

    written = {}
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(100)))
    proxy.fault = None
    assert outcomes.count("right") > 80
    for number, size in written.items():
        assert get(backend, f"new-{number}.bin") == values[size]
    assert len(list(backend.list_files("keep-"))) == len(values)


def test_conditions_over_a_bad_line_never_let_two_win(s3_server, proxy, open_backend):
    """Over a line that loses answers, of 4 creators at most one is told that it won, and its bytes are there.

    Not on moto, which checks a condition and then writes, so that on a busy machine two may pass.
    """
    if not s3_server.really_s3:
        pytest.skip("moto's conditions let rivals pass")
    bucket = s3_server.make_bucket()
    clients = [open_backend(s3_server, bucket=bucket, endpoint_url=proxy.endpoint, timeout=5) for _ in range(4)]
    dice = random.Random(1)
    proxy.fault = lambda request: Fault(dice.choice(["lost", "reset", "status"])) if dice.random() < 0.2 else None
    for turn in range(15):

        def create(number, turn=turn):
            try:
                put(clients[number], f"{turn}.bin", bytes([number]), if_absent=True)
            except StorageError:
                return None
            return number

        with ThreadPoolExecutor(4) as threads:
            won = [number for number in threads.map(create, range(4)) if number is not None]
        assert len(won) <= 1
        if won:
            fault, proxy.fault = proxy.fault, None
            assert get(clients[0], f"{turn}.bin") == bytes(won)
            proxy.fault = fault


def test_a_failed_download_leaves_the_scratch_folder_empty(line, proxy):
    """Nothing of a download that failed remains on this machine."""
    put(line, "x.bin", noise(100_000))
    beginnings = iter([50_000])
    proxy.fault = lambda request: Fault("cut", at=next(beginnings, 0))  # then nothing more, or it would be resumed
    with pytest.raises(StorageError), line.scratch_file() as file:
        line.download("x.bin", file)
    assert list(line.scratch().iterdir()) == []

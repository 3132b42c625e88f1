"""Claims: one writer at a time, handed over at once when released, and after a lease when its holder died."""

import threading
import time

import pytest

from autostore.backends.memory import MemoryBackend
from autostore.config import StorageConfig
from autostore.errors import StorageConnectionError
from autostore.keys import parse_uri
from autostore.naming import claims
from autostore.naming.claims import claim


@pytest.fixture
def backend():
    backend = MemoryBackend(parse_uri("memory://"), StorageConfig())
    yield backend
    backend.close()


def test_holders_exclude_each_other(backend):
    """Of many threads one at a time is inside, and nothing is left behind."""
    inside, most = [], []

    def work():
        with claim(backend, "k") as held:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            assert held()
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5
    assert list(backend.list_files()) == []


def test_other_keys_do_not_wait(backend):
    """A claim is about one key."""
    with claim(backend, "k"), claim(backend, "other") as held:
        assert held()


def test_a_rival_that_writes_on_and_on_lets_others_in(backend):
    """Whoever waits is first at times, though the other one takes it again a moment after it let go."""
    # Mutations that this was seen to catch: a free claim is taken after the next pause only; pauses of 20 to 100 ms.
    over = threading.Event()

    def write_on_and_on():
        while not over.wait(0.003):
            with claim(backend, "k"):
                time.sleep(0.02)

    rival = threading.Thread(target=write_on_and_on)
    rival.start()
    try:
        waited = 0.0
        for _ in range(20):
            time.sleep(0.03)
            started = time.monotonic()
            with claim(backend, "k"):
                waited += time.monotonic() - started
        assert waited < 8
    finally:
        over.set()
        rival.join()


def test_a_dead_holders_claim_is_taken_over(backend, monkeypatch):
    """After a lease's time unchanged a claim is another's, and its old holder must not act any more."""
    monkeypatch.setattr(claims, "LEASE", 0.4)
    dead = claim(backend, "k")
    still_mine = dead.__enter__()
    assert still_mine()
    started = time.monotonic()
    with claim(backend, "k") as held:
        assert time.monotonic() - started >= 0.4
        assert held()
        assert not still_mine()
        dead.__exit__(None, None, None)  # late, it must not let a third one in
        assert len(list(backend.list_files())) == 1
        assert held()


def test_a_slow_holder_keeps_a_claim_that_it_renews(backend, monkeypatch):
    """Asking whether the claim still holds renews it in the second half of the lease."""
    monkeypatch.setattr(claims, "LEASE", 0.6)
    entered = threading.Event()

    def wait_for_it():
        with claim(backend, "k"):
            entered.set()

    with claim(backend, "k") as held:
        rival = threading.Thread(target=wait_for_it)
        rival.start()
        for _ in range(7):
            time.sleep(0.12)
            assert held()
        assert not entered.is_set()
    rival.join(5)
    assert entered.is_set()


def test_waiting_ends(backend, monkeypatch):
    """Whoever cannot get a claim for two leases is told so, and what to do."""
    monkeypatch.setattr(claims, "LEASE", 0.2)
    with claim(backend, "k") as held:
        stop = threading.Event()

        def renew():
            while not stop.is_set():
                held()
                time.sleep(0.05)

        keeper = threading.Thread(target=renew)
        keeper.start()
        try:
            with pytest.raises(StorageConnectionError, match=r"'k'.*Try again"), claim(backend, "k"):
                pass
        finally:
            stop.set()
            keeper.join()

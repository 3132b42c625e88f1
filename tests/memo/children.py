"""What processes of their own do with memoized functions: a slow one computes, another tells keys."""

import os
import pickle
import platform
import time
import traceback
from pathlib import Path

from autostore import AutoStore
from autostore.naming import claims
from tests.memo.plain import one


def compute(channel, uri, log, seconds, environment=None, lease=None, machine=None, expires=None):
    """Call a slow function, which logs that it runs; `machine` is how another machine names itself."""
    os.environ.update(environment or {})
    claims.LEASE = lease or claims.LEASE
    if machine is not None:
        platform.node = lambda: machine
    store = AutoStore(uri)

    @store.cache(ignore=["log", "seconds"], expires=expires)
    def slow(x):
        with open(log, "a") as file:
            file.write(f"{os.getpid()} ")
        time.sleep(seconds)
        return x * 2

    channel.say(slow(21))


def tell_keys(channel):
    """The key of each value in a file that is heard of, and of the same made in another way; None ends it."""
    memo = AutoStore("memory://keys").cache(one)
    while (file := channel.hear()) is not None:
        try:
            value = pickle.loads(Path(file).read_bytes())
            channel.say((memo.key(value), memo.key(remade(value))))
        except Exception:
            channel.say(traceback.format_exc()[-4000:])


def remade(value):
    """Of new objects, none of them shared, what has no order in another one."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(remade(one) for one in value)
    if kind in (set, frozenset):
        return kind(reversed([remade(one) for one in value]))
    if kind is dict:
        return {remade(name): remade(one) for name, one in value.items()}
    if kind is str:
        return "".join(list(value))
    return value

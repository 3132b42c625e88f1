"""What the proofs of security share: files of others, and a module that leaves a trace when it runs."""

import pickle


class Trap:
    """A pickle of it writes a file when it is loaded."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return open, (self.trace, "w")


def booby_trapped(trace):
    """A pickle that leaves a trace when it is loaded."""
    return pickle.dumps(Trap(trace))


def lay(folder, name, content):
    """Put a file where an attacker who may write data files would put it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)

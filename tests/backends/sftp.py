"""A real SFTP server on loopback, of one folder, as a process: `python -m tests.backends.sftp FOLDER PORT`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import free_port, listens, process, wait_for

USER, PASSWORD = "tester", "sekret-VALUE-7f3a"


@contextmanager
def running_sftp(folder: Path, log: Path, port: int | None = None) -> Iterator[int]:
    """Serves `folder` as its root; gives the port."""
    port = port or free_port()
    with process([sys.executable, "-m", "tests.backends.sftp", str(folder), str(port)], log):
        wait_for(lambda: listens(port), "the SFTP server")
        yield port


async def serve(folder: str, port: int) -> None:
    """Until the process is ended."""
    import asyncssh

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    def root(channel: object) -> object:
        return asyncssh.SFTPServer(channel, chroot=folder.encode())

    key = asyncssh.generate_private_key("ssh-ed25519")
    await asyncssh.listen("127.0.0.1", port, server_factory=Server, server_host_keys=[key], sftp_factory=root)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))

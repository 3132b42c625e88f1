"""A server that answers as another one did, after a delay: a line with latency, and a server that is never busy.

`python -m tests.dagster.replay PORT UPSTREAM_PORT SECONDS`: the first request of each address is passed
on, and its answer kept; moto needs 5 ms of a core for each, which a hundred at once would wait for.
"""

import asyncio
import sys


class Replay:
    """The answers so far, by what their request asked for."""

    def __init__(self, upstream, delay):
        self._upstream, self._delay = upstream, delay
        self._answers = {}

    async def serve(self, reader, writer):
        """One connection, which stays open; requests have no bodies."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.split(b"\r\n")
                asked = (first, *(line for line in lines if line.lower().startswith((b"range:", b"if-"))))
                if asked not in self._answers:
                    self._answers[asked] = await self._ask(head)
                await asyncio.sleep(self._delay)
                writer.write(self._answers[asked])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _ask(self, head):
        """The answer of the server; its own connection is closed, the client's is not."""
        first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(b"connection:")]
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        writer.write(b"\r\n".join([first, *kept, b"Connection: close", b"", b""]))
        answer = await reader.read()
        writer.close()
        return answer.replace(b"Connection: close\r\n", b"Connection: keep-alive\r\n")


async def main(port, upstream, delay):
    """Serve until the process ends."""
    server = await asyncio.start_server(Replay(upstream, delay).serve, "127.0.0.1", port, backlog=256)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))

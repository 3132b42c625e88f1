"""Answers that are no object end in size, whatever a server goes on to send; in time all end, by `pace.py`.

botocore takes the whole of a listing, an acknowledgement or an error into memory before anybody looks at it.
"""

from __future__ import annotations

from typing import Any

from autostore.backends.cloud.boto3.answers import NotQuiteS3Error
from autostore.backends.cloud.boto3.pace import keep_pace
from autostore.optional import require

__all__ = ["bound_answers"]

LONGEST_ANSWER = 16 << 20
"""Bytes. A listing's page of 1,000 keys of 1,024 bytes, each escaped, has a third of it."""

_PIECE = 1 << 16


def bound_answers(client: Any, seconds: float) -> None:
    """Let a client read so what is no object, and wait `seconds` for what does not come."""
    endpoint = client._endpoint  # noqa: SLF001 - botocore has no public way to its HTTP session
    keep_pace(endpoint.http_session, seconds)
    endpoint.http_session = _Bounded(endpoint.http_session)


class _Bounded:
    """Botocore's HTTP session, which gives up an answer that does not end."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def send(self, request: Any) -> Any:
        """As the session does; the body of an object is left to whoever asked for it."""
        streams, request.stream_output = request.stream_output, True
        try:
            response = self._session.send(request)
            if not streams or response.status_code >= 300:
                content = self._content(request.url, response.raw)
                response._content = content  # noqa: SLF001 - where botocore itself keeps it
        except BaseException:
            del request  # a crash report shows locals, and its headers may hold a key
            raise
        return response

    def close(self) -> None:
        """As the session does."""
        self._session.close()

    def _content(self, url: str, raw: Any) -> bytes:
        known, urllib3 = require("botocore.exceptions"), require("urllib3.exceptions")
        try:
            return self._read(raw)
        except urllib3.ReadTimeoutError as error:
            raise known.ReadTimeoutError(endpoint_url=url, error=error) from error
        except urllib3.ProtocolError as error:
            raise known.ConnectionClosedError(error=error, endpoint_url=url) from error

    def _read(self, raw: Any) -> bytes:
        data = bytearray()
        while piece := raw.read(_PIECE):
            data += piece
            if len(data) > LONGEST_ANSWER:
                raw.close()
                raise NotQuiteS3Error(f"An answer that is no object goes on after {LONGEST_ANSWER >> 20} MiB")
        return bytes(data)

"""The connection to one bucket: a boto3 client made late, one per process, and the threads of its transfers.

boto3 is imported by the first request; botocore's own retries are the only ones.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from autostore.backends.cloud.boto3.answers import NotQuiteS3Error, check, check_body, is_bare
from autostore.backends.cloud.boto3.errors import code_of, status_of
from autostore.config import SMALLEST_PART, S3StorageConfig, misplaced_credentials
from autostore.guard.foreign import let_pass
from autostore.guard.secrecy import holds_secret, proxy_secrets, quieted
from autostore.optional import require

__all__ = ["S3Connection"]

Work = Callable[[], None]

FEW_TURNS = 10
"""From here on a last turn that is not full is no more than a tenth of the time."""

CONTINUE_FROM = 2 << 20
"""Bodies below this many bytes are sent without asking for a 100-continue first, which takes a round trip; Go's
SDK draws the line there too: https://pkg.go.dev/github.com/aws/aws-sdk-go-v2/service/s3#Options."""

_guards: dict[int, threading.Lock] = {}
"""One for each process: a thread that a fork left behind may hold its parent's."""


_loaders: dict[int, Any] = {}
"""One for each process: botocore's parsed service models."""


class S3Connection:
    """One bucket, as this process reaches it.

    Attributes:
        bucket: its name.
        config: the settings it was opened with.
        bucket_seen: some answer has shown that the bucket exists; a HEAD cannot tell a
            missing bucket from a missing key.
        quoted_if_match: whether this server's PUT wants the ETag of If-Match in quotes;
            AWS does, radosgw matches without them only.
    """

    def __init__(self, bucket: str, config: S3StorageConfig) -> None:
        self.bucket = bucket
        self.config = config
        self.bucket_seen = False
        self.quoted_if_match = True
        self._open: _Opened | None = None

    def call(self, operation: str, **arguments: Any) -> Any:
        """One request about the bucket; `upload_args` go with every operation that knows them."""
        try:
            opened = self._opened()
            # Never in a local variable: a crash report may show those, and upload_args may hold a key.
            response = getattr(opened.client, operation)(**self._with_upload_args(opened, operation, arguments))
        except Exception as error:
            quieted(error, _secrets(self.config))
            if code_of(error) in ("304", "NoSuchKey", "PreconditionFailed"):
                self.bucket_seen = True
            raise
        try:
            check(operation, arguments, response)
        except NotQuiteS3Error:
            with contextlib.suppress(KeyError, AttributeError):
                response["Body"].close()
            raise
        self.bucket_seen = True
        return response

    def _with_upload_args(self, opened: _Opened, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        known = self.config.upload_args
        if known and operation != "put_object":  # there a misspelt name shall be refused
            members = opened.members(operation)
            known = {name: value for name, value in known.items() if name in members}
        return {"Bucket": self.bucket, **known, **arguments}

    @property
    def endpoint(self) -> str:
        """The server's address, wherever it was set."""
        return str(self._opened().client.meta.endpoint_url)

    @property
    def is_aws(self) -> bool:
        """AWS honours the conditions of DELETE and of copies; radosgw does both regardless."""
        return "amazonaws.com" in self.endpoint

    def look(self, key: str) -> Any:
        """What a HEAD answers.

        While the bucket was not seen yet it is a GET of one byte, which unlike a HEAD tells a
        missing bucket from a missing key, and says why access was refused.
        """
        if not self.bucket_seen:
            try:
                answer = self.call("get_object", Key=key, Range="bytes=0-0")
            except Exception as error:
                # An empty object has no first byte, an archived one does not give it.
                if code_of(error) not in ("InvalidRange", "InvalidObjectState"):
                    raise
                self.bucket_seen = True
            else:
                with contextlib.closing(answer["Body"]) as body:
                    body.read(1)
                return answer
        try:
            return self.call("head_object", Key=key)
        except Exception as error:
            if status_of(error) != 404 or not is_bare(getattr(error, "response", {})):
                raise
        self.bucket_seen = False  # whatever answered did not say that it is S3: a GET is asked for its words
        return self.look(key)

    def part_size(self, size: int) -> int:
        """Bytes of each part of a file: `multipart_chunksize`, or less where that fills the last turn.

        Sixteen parts in ten connections take two turns, as twenty smaller ones would; those are done sooner.
        """
        most, width = self.config.multipart_chunksize, self.config.max_concurrency
        turns = -(-size // (most * width))
        if not 1 < turns < FEW_TURNS:
            return most
        return min(most, max(SMALLEST_PART, -(-size // (turns * width))))

    def together(self, mine: Work, others: Work, parts: int, stop: Work) -> None:
        """Run `mine` here and `others` in as many threads as `parts` and `max_concurrency` allow.

        Returns when all have ended; `stop` is called first where one failed, and that failure raised.
        """
        threads = self._opened().threads
        futures: list[Future[None]] = []
        try:
            with contextlib.suppress(RuntimeError):  # closed meanwhile: the caller does it all
                for _ in range(min(self.config.max_concurrency, parts) - 1):
                    futures.append(threads.submit(others))  # noqa: PERF401 - those before a failure count
            mine()
            for future in futures:
                if not future.cancel():
                    future.result()
        finally:
            stop()
            wait([future for future in futures if not future.cancel()])

    def close(self) -> None:
        """End the threads and drop the connections of this process."""
        opened, self._open = self._open, None
        if opened is not None and opened.pid == os.getpid():
            opened.threads.shutdown(wait=False)
            opened.client.close()

    def _opened(self) -> _Opened:
        # A client shared over fork mixes up two processes' answers: https://github.com/boto/boto3/issues/1592
        opened = self._open
        if opened is not None and opened.pid == os.getpid():
            return opened
        with _guards.setdefault(os.getpid(), threading.Lock()):
            if self._open is None or self._open.pid != os.getpid():
                self._open = _Opened(self.config)
            return self._open


class _Opened:
    """What one process has open."""

    def __init__(self, config: S3StorageConfig) -> None:
        self.pid = os.getpid()
        self.client = _client(config)
        self.threads = ThreadPoolExecutor(config.max_concurrency, thread_name_prefix="autostore-s3")
        self._members: dict[str, frozenset[str]] = {}

    def members(self, operation: str) -> frozenset[str]:
        """The names of the arguments that this operation takes."""
        if operation not in self._members:
            name = self.client.meta.method_to_api_mapping[operation]
            shape = self.client.meta.service_model.operation_model(name).input_shape
            self._members[operation] = frozenset(shape.members)
        return self._members[operation]


def _client(config: S3StorageConfig) -> Any:
    client = _session(config).client(
        "s3",
        endpoint_url=config.endpoint_url,
        use_ssl=config.use_ssl,
        verify=config.verify,
        config=_botocore_config(config),
        **_credentials(config),
    )
    if holds_secret(client.meta.endpoint_url) or "@" in client.meta.endpoint_url:
        client.close()
        raise misplaced_credentials("The endpoint of the AWS configuration or environment")
    client.meta.events.register("before-parse.s3", _check_body)
    client.meta.events.register("request-created.s3", _prepare(config.timeout))
    client.meta.events.register_first("needs-retry.s3", _give_up_in_time)
    return client


def _secrets(config: S3StorageConfig) -> Iterator[str]:
    """Every text that no message may show."""
    yield from filter(None, (config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token))
    for value in config.upload_args.values():
        yield from (str(part) for part in (value.values() if isinstance(value, Mapping) else (value,)))
    yield from proxy_secrets(urllib.request.getproxies().values())


def _credentials(config: S3StorageConfig) -> dict[str, str]:
    """Those that were set; in a function of its own, so that no traceback shows them as a local variable."""
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return {name: getattr(config, name) for name in names if getattr(config, name)}


def _session(config: S3StorageConfig) -> Any:
    """A session of its own, so that threads never share one; only the parsed service models are shared.

    Parsing them takes ten times as long as all else that a client needs.
    """
    core = require("botocore.session").get_session()
    if config.profile_name is not None:
        core.set_config_variable("profile", config.profile_name)
    with _guards.setdefault(-os.getpid(), threading.Lock()):
        loader = _loaders.setdefault(os.getpid(), core.get_component("data_loader"))
        core.register_component("data_loader", loader)
        core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
        session = require("boto3").Session(botocore_session=core, region_name=config.region_name)
        loader.search_paths[:] = dict.fromkeys(loader.search_paths)  # each boto3 session adds its own path
    return session


def _timestamp(value: Any) -> datetime | None:
    """The two forms that S3 sends; botocore's own parser tries all there are, half of a listing's time."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime) if isinstance(value, str) else ():
        with contextlib.suppress(TypeError, ValueError):
            found = parse(value)
            if found.tzinfo is not None:
                return found
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        return require("botocore.utils").parse_timestamp(value)  # type: ignore[no-any-return]
    return None  # as if there were none


def _botocore_config(config: S3StorageConfig) -> Any:
    custom = any((config.endpoint_url, *map(os.environ.get, ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))))
    checksums = config.checksums if config.checksums is not None else not custom
    # boto3's default checksums are refused by many S3-compatible servers: https://github.com/boto/boto3/issues/4392
    # Without them the signature covers a SHA-256 of the body, which every server checks.
    when = "when_supported" if checksums else "when_required"
    options: dict[str, Any] = {
        "retries": {"mode": "standard", "total_max_attempts": config.max_retries + 1},
        "connect_timeout": config.timeout,
        "read_timeout": config.timeout,
        "max_pool_connections": max(50, 4 * config.max_concurrency),
        "s3": {"addressing_style": config.addressing_style or ("path" if custom else "auto")},
        "request_checksum_calculation": when,
        "response_checksum_validation": when,
        # botocore composes its own anew for each request, twice.
        "user_agent": f"autostore Boto3/{require('boto3').__version__}",
    }
    if config.anonymous:
        options["signature_version"] = require("botocore").UNSIGNED
    return require("botocore.config").Config(**options)


def _prepare(timeout: float) -> Any:
    def prepare(request: Any, **_: Any) -> None:
        request.context.setdefault("autostore_deadline", time.monotonic() + timeout)
        body = request.data
        if isinstance(body, io.BytesIO) and body.getbuffer().nbytes < CONTINUE_FROM:
            del request.headers["Expect"]

    return prepare


def _check_body(operation_model: Any, response_dict: Any, **_: Any) -> None:
    if response_dict["status_code"] < 300 and isinstance(response_dict["body"], bytes):
        check_body(operation_model.name, response_dict["body"])


def _give_up_in_time(
    operation: Any, request_dict: Any, response: Any, caught_exception: Any, attempts: int, **_: Any
) -> None:
    """Stop retrying a place that cannot be reached where the next try would begin after `timeout`."""
    if caught_exception is not None:
        let_pass(caught_exception)  # botocore would take a time limit's exception for a broken connection
    redirected = response is not None and 300 <= response[0].status_code < 400
    if operation.name == "HeadBucket" and redirected and "x-amz-bucket-region" not in response[0].headers:
        # botocore asks so for the bucket's region, and again, and again.
        raise NotQuiteS3Error(f"The server redirects ({response[0].status_code}), and does not say to which region")
    unreachable = require("botocore.exceptions")
    silent = (unreachable.EndpointConnectionError, unreachable.ConnectTimeoutError, unreachable.ReadTimeoutError)
    deadline = request_dict.get("context", {}).get("autostore_deadline")
    if deadline is not None and isinstance(caught_exception, silent):
        longest_wait = 2 ** (attempts - 1)  # seconds, of botocore's standard mode
        if time.monotonic() + longest_wait > deadline:
            raise caught_exception

"""How a boto3 client is made for a store: credentials, checksums, retries that end in time, answers that are looked at.

botocore's own retries are the only ones; its service models are parsed once a process.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from autostore.backends.cloud.boto3.answers import NotQuiteS3Error, check_body
from autostore.backends.cloud.boto3.between import SAID
from autostore.backends.cloud.boto3.bounded import bound_answers
from autostore.backends.cloud.boto3.chain import chosen, told_apart
from autostore.backends.cloud.boto3.endpoints import is_named, named_here
from autostore.backends.cloud.boto3.entries import without_entries
from autostore.config import S3StorageConfig, misplaced_credentials
from autostore.guard.foreign import let_pass
from autostore.guard.secrecy import holds_secret, proxy_secrets
from autostore.holding.turns import Turns
from autostore.optional import require

__all__ = ["credential_source", "credentials", "make_client", "opening", "ready_session", "secrets_of"]

CONTINUE_FROM = 2 << 20
"""Bodies below this many bytes are sent without asking for a 100-continue first, which takes a round trip; Go's
SDK draws the line there too: https://pkg.go.dev/github.com/aws/aws-sdk-go-v2/service/s3#Options."""

opening = Turns()
"""Whoever makes a client takes a turn: parsing service models side by side would double their memory."""

os.register_at_fork(after_in_child=opening.forget)

_loaders: dict[int, Any] = {}
"""One for each process: botocore's parsed service models."""


def ready_session(config: S3StorageConfig) -> Any:
    """A session for `make_client`, with its credentials; nobody has the turn while it waits for them."""
    with told_apart():
        session = _session(config)
        if not _credentials(config):
            chosen(session._session, config)  # noqa: SLF001 - the session of botocore that was given to it
        return session


def make_client(config: S3StorageConfig, session: Any) -> tuple[Any, bool]:
    """A client, and whether its server may be any, as somebody named it; else it is AWS.

    An endpoint that holds credentials, wherever it was set, is refused before anything is sent.
    """
    with told_apart():
        client = session.client(
            "s3",
            endpoint_url=config.endpoint_url,
            use_ssl=config.use_ssl,
            verify=config.verify,
            config=_botocore_config(config),
            **_credentials(config),
        )
        named = is_named(config, session._session)  # noqa: SLF001 - the session of botocore that was given to it
    if holds_secret(client.meta.endpoint_url) or any(sign in client.meta.endpoint_url for sign in "@?#"):
        client.close()
        raise misplaced_credentials("The endpoint of the AWS configuration or environment")
    if named:
        for operation in ("CopyObject", "UploadPartCopy"):
            client.meta.events.register(f"before-call.s3.{operation}", _in_rados_words)
    bound_answers(client, config.timeout)
    _look_at_answers(client, config)
    return client, named


def _look_at_answers(client: Any, config: S3StorageConfig) -> None:
    """Before botocore does, and while it repeats."""
    # Of two names that fit, botocore begins with the one that has its `*` further left: its own, `before-parse.s3.*`,
    # would read the whole page to see whether it is an error.
    client.meta.events.register_first("before-parse.*.ListObjectsV2", _read_entries)
    client.meta.events.register_first("before-parse.*", _note_status)
    client.meta.events.register("before-parse.s3", _check_body)
    client.meta.events.register("request-created.s3", _prepare(config.timeout))
    client.meta.events.register_first("needs-retry.s3", _give_up_in_time)


def secrets_of(config: S3StorageConfig) -> Iterator[str]:
    """Every text that no message may show."""
    yield from filter(None, (config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token))
    for value in config.upload_args.values():
        yield from (str(part) for part in (value.values() if isinstance(value, Mapping) else (value,)))
    yield from proxy_secrets(urllib.request.getproxies().values())


def credentials(config: S3StorageConfig) -> tuple[str, str, str | None] | None:
    """Key id, secret and token as botocore's chain finds them now; None where there are none, or none are wanted."""
    if config.anonymous:
        return None
    if config.aws_access_key_id and config.aws_secret_access_key:
        return config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token
    found = credential_source(config)
    if found is None:
        return None
    frozen = found.get_frozen_credentials()
    return frozen.access_key, frozen.secret_key, frozen.token


def credential_source(config: S3StorageConfig) -> Any:
    """What botocore's chain finds, which rotates; None where there is nothing."""
    with told_apart():
        return chosen(_session(config)._session, config)  # noqa: SLF001 - as above


def _credentials(config: S3StorageConfig) -> dict[str, str]:
    """Those that were set; in a function of its own, so that no traceback shows them as a local variable."""
    if config.anonymous:  # nothing is signed with these, and no chain is asked
        return {"aws_access_key_id": "anonymous", "aws_secret_access_key": "anonymous"}
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return {name: getattr(config, name) for name in names if getattr(config, name)}


def _session(config: S3StorageConfig) -> Any:
    """A session of its own, so that threads never share one; only the parsed service models are shared.

    Parsing them takes ten times as long as all else that a client needs.
    """
    core = require("botocore.session").get_session()
    if config.profile_name is not None:
        core.set_config_variable("profile", config.profile_name)
    with opening.take():
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
    custom = named_here(config) is not None
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


def _in_rados_words(params: dict[str, Any], **_: Any) -> None:
    """Radosgw checks the condition of a COPY's source under a name of its own only."""
    headers = params["headers"]
    if "x-amz-copy-source-if-match" in headers:
        headers["x-amz-copy-if-match"] = headers["x-amz-copy-source-if-match"]


def _read_entries(response_dict: Any, customized_response_dict: Any, **_: Any) -> None:
    """Before botocore's own parsers, of which the first only looks whether a page is an error, and the last is slow."""
    if response_dict["status_code"] == 200 and isinstance(response_dict["body"], bytes):
        response_dict["body"], entries = without_entries(response_dict["body"], _timestamp)
        if entries:
            customized_response_dict["Contents"] = entries


def _note_status(response_dict: Any, customized_response_dict: Any, **_: Any) -> None:
    """Before botocore makes 500 of the status of a success that it cannot read."""
    if response_dict["status_code"] == 200 and isinstance(response_dict["body"], bytes):
        customized_response_dict[SAID] = 200


def _check_body(operation_model: Any, response_dict: Any, **_: Any) -> None:
    if response_dict["status_code"] < 300 and isinstance(response_dict["body"], bytes):
        check_body(operation_model.name, response_dict["body"])


def _give_up_in_time(
    operation: Any, request_dict: Any, response: Any, caught_exception: Any, attempts: int, **_: Any
) -> None:
    """Stop retrying a place that cannot be reached where the next try would begin after `timeout`."""
    if caught_exception is not None:
        # Botocore would take a time limit's exception for a broken connection.
        let_pass(caught_exception, by_client=True)
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
            del request_dict  # a crash report shows locals, and its headers may hold a key
            raise caught_exception

"""Credentials as botocore's chain finds them, within a store's `timeout`.

A helper program, a service of tokens, or an endpoint of the machine may never answer; what it says instead of
credentials is no answer of S3's, and is not quoted.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from typing import Any

from autostore.config import S3StorageConfig
from autostore.errors import InvalidConfigError
from autostore.guard.foreign import let_pass, raised_in
from autostore.optional import require

__all__ = ["NoCredentialsError", "Waiting", "chosen", "told_apart"]

TRIED_ANEW = 600.0
"""Seconds after which a source that never answered is asked again, beside the thread that still waits for it."""

_FAILED = "The AWS configuration names a source of credentials, and it {}"
_LOOK = "Look at what it names: a helper, a role, the endpoint of a container or machine."
_SIGN_IN = ("TokenRetrievalError", "NoAuthTokenError", "LoginError", "SSOError")
_NETWORK = ("HTTPClientError", "ConnectionError", "IncompleteReadError", "MetadataRetrievalError")


class NoCredentialsError(Exception):
    """What stood in the way of credentials.

    Attributes:
        problem, remedy: in words of ours.
        unreached: whether nothing answered, so that a later try may do.
    """

    def __init__(self, problem: str, remedy: str, *, unreached: bool = False) -> None:
        super().__init__(problem)
        self.problem, self.remedy, self.unreached = problem, remedy, unreached


class Waiting:
    """Waits for one source of credentials, in a thread that is left behind where it never ends; callers share it."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._asked: tuple[int, float, Future[Any]] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether the source has not answered yet."""
        return self._asked is not None and not self._asked[2].done()

    def result(self, work: Callable[[], Any]) -> Any:
        """What the work gives, once the time since its begin is no longer than the timeout."""
        asked, now = self._asked, time.monotonic()
        if asked is None or asked[0] != os.getpid() or asked[2].done() or now - asked[1] > TRIED_ANEW:
            asked = self._asked = os.getpid(), now, Future()
            try:
                threading.Thread(target=_work, args=(work, asked[2]), name="autostore-chain", daemon=True).start()
            except RuntimeError:  # the system gives no thread
                self._asked = None
                return _told(work)
        try:
            return asked[2].result(max(0.0, asked[1] + self._timeout - now))
        except NotDone:
            if asked[2].done():
                raise
        problem = _FAILED.format(f"did not answer within {self._timeout:g} s")
        raise NoCredentialsError(problem, f"{_LOOK} Or raise timeout.", unreached=True)


_loading: dict[tuple[int, str | None, float, int], Waiting] = {}
"""By process, profile, timeout and environment: what is asked now."""


@contextlib.contextmanager
def told_apart() -> Iterator[None]:
    """What stumbles before anything was sent does so over this machine's settings, and not over a server's answer."""
    handled = sys.exc_info()[1]
    try:
        yield
    except (json.JSONDecodeError, TypeError, LookupError, AttributeError) as error:
        let_pass(error, handled, by_client=True)
        # The error itself holds what a credential helper printed.
        raise InvalidConfigError(
            f"What the AWS configuration names (a credential helper, a token) gave what boto3 cannot read "
            f"({type(error).__name__}). Check what `aws configure list` and that helper print."
        ) from None


def chosen(core: Any, config: S3StorageConfig) -> Any:
    """What the chain of a session finds, kept in it; None where there is nothing."""
    core._credentials = source = _loaded(core, config)  # noqa: SLF001 - what another session was given, it keeps too
    if hasattr(source, "refresh_needed") and "get_frozen_credentials" not in vars(source):
        _bound(source, None if _asks_a_person(core, config.profile_name) else Waiting(config.timeout))
    return source


def _loaded(core: Any, config: S3StorageConfig) -> Any:
    limit = require("botocore.config").Config(connect_timeout=config.timeout, read_timeout=config.timeout)
    core.set_default_client_config(limit)  # of the services that give tokens, so that no thread stays for long
    environment = hash(tuple(sorted((name, text) for name, text in os.environ.items() if name.startswith("AWS_"))))
    name = os.getpid(), config.profile_name, config.timeout, environment
    waiting = _loading.setdefault(name, Waiting(config.timeout))
    try:
        return waiting.result(core.get_credentials)
    finally:
        if not waiting.goes_on:
            _loading.pop(name, None)


def _bound(source: Any, waiting: Waiting | None) -> None:
    """Let what rotates be fetched in time, if time counts; where it is not, what is valid still goes on."""
    fetch = source.get_frozen_credentials

    def frozen() -> Any:
        if not source.refresh_needed():
            return fetch()
        if waiting is None:
            return _told(fetch)
        try:
            return waiting.result(fetch)
        except NoCredentialsError:
            if source.refresh_needed(0):
                raise
            return source._frozen_credentials  # noqa: SLF001 - what `fetch` gives where nothing is to be done

    source.get_frozen_credentials = frozen


def _asks_a_person(core: Any, profile: str | None) -> bool:
    """Whether somebody types in a code, who takes a while, and may interrupt."""
    profiles, seen = core.full_config.get("profiles", {}), set()
    name = profile or core.get_config_variable("profile") or "default"
    while name not in seen:
        seen.add(name)
        one = profiles.get(name, {})
        if "mfa_serial" in one:
            return True
        name = one.get("source_profile", name)
    return False


def _work(work: Callable[[], Any], future: Future[Any]) -> None:
    try:
        future.set_result(_told(work))
    except BaseException as error:
        future.set_exception(error)


def _told(work: Callable[[], Any]) -> Any:
    """What it gives; what it fails with is named as a failure of its own, without what a helper printed."""
    try:
        with told_apart():
            return work()
    except Exception as error:
        let_pass(error, by_client=True)
        found = _meaning(error)
        if found is None:
            raise
    raise found  # outside of the block: what stands behind an error is shown too


def _meaning(error: Exception) -> NoCredentialsError | None:
    """None: boto3's words for it do."""
    known, name = require("botocore.exceptions"), type(error).__name__
    if any(isinstance(error, getattr(known, one)) for one in _SIGN_IN if hasattr(known, one)):
        return NoCredentialsError("The sign-in of this profile has expired, or was never made", "Run `aws sso login`.")
    if isinstance(error, known.ClientError):
        code = str(error.response.get("Error", {}).get("Code"))[:100]
        return NoCredentialsError(_FAILED.format(f"refused ({error.operation_name}: {code})"), _LOOK)
    if isinstance(error, tuple(getattr(known, one) for one in _NETWORK)):
        return NoCredentialsError(_FAILED.format(f"could not be reached ({name})"), _LOOK, unreached=True)
    if isinstance(error, known.CredentialRetrievalError):
        return NoCredentialsError(_FAILED.format(f"gave none ({error.kwargs.get('provider')})"), _LOOK)
    if isinstance(error, RuntimeError) and raised_in(error) == "botocore.credentials":
        return NoCredentialsError(_FAILED.format("gave some that have expired"), _LOOK)
    if isinstance(error, EOFError):
        return NoCredentialsError(_FAILED.format("asks for a code, and nobody is there"), _LOOK)
    if type(error) is ValueError and raised_in(error) == "botocore.utils":
        return NoCredentialsError(_FAILED.format("has an address that boto3 does not take"), _LOOK)
    return None

"""botocore's chain of credentials, walked in a worker thread: the same on every event loop.

aiobotocore's own chain waits for a `credential_process` without end and refuses keys that are still good when their
renewal fails. Nothing of botocore's is kept between two walks, so that each sees the files and variables of its time.
"""

from __future__ import annotations

import functools
import json
import subprocess
from typing import Any

import botocore.exceptions as sdk
from botocore.config import Config
from botocore.credentials import ProcessProvider
from botocore.session import Session

from ..._core.secret import redact_url
from ..._http.retrying import Fault
from .keys import Keys, keys_from, no_keys, refused

__all__ = ["walk"]

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 5, 10, 3
"""For STS and SSO. They are other endpoints than the bucket's, and have no other retries than these."""
_MISCONFIGURED = (
    sdk.ProfileNotFound,
    sdk.ConfigParseError,
    sdk.ConfigNotFound,
    sdk.InvalidConfigError,
    sdk.UnknownCredentialError,
    sdk.PartialCredentialsError,
    sdk.NoRegionError,
)


def walk(profile: str | None, seconds: float, loader: Any) -> Keys:
    """Return the keys that botocore's chain finds now: environment, files, SSO, web identity, role, container, instance.

    Blocks; a process that it asks is ended after `seconds`. `loader` reads the models of botocore's services. Raises a
    fault if there are no keys: PermissionDenied, or InvalidConfig where the configuration contradicts itself.
    """
    try:
        found = _session(profile, seconds, loader).get_credentials()
        if found is None:
            raise no_keys("none were found; give key= and secret=, a profile, or anonymous=True")
        return _frozen(found)
    except Fault:
        raise
    except Exception as error:  # noqa: BLE001  # what a source of keys raises, botocore does not wrap
        raise _told(error) from (None if _shows_answers(error) else error)


def _session(profile: str | None, seconds: float, loader: Any) -> Session:
    session = Session(profile=profile)
    session.register_component("data_loader", loader)
    retries = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    session.set_default_client_config(
        Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries=retries)
    )
    resolver = session.get_component("credential_provider")
    bounded = ProcessProvider(
        session.get_config_variable("profile") or "default",
        lambda: session.full_config,
        popen=functools.partial(_Bounded, seconds),
    )
    resolver.providers = [bounded if one.METHOD == bounded.METHOD else one for one in resolver.providers]
    return session


def _frozen(found: Any) -> Keys:
    frozen = found.get_frozen_credentials()
    given = {
        "access_key_id": frozen.access_key,
        "secret_access_key": frozen.secret_key,
        "token": frozen.token,
        "expires_at": getattr(found, "_expiry_time", None),  # botocore has no public name for it
    }
    return keys_from(given, f"the source {found.method!r}")


class _Bounded(subprocess.Popen[bytes]):
    """A process that is killed if it has not answered in time: botocore waits for it without end."""

    def __init__(self, seconds: float, *args: Any, **options: Any) -> None:
        self._seconds = seconds
        super().__init__(*args, **options)

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[bytes, bytes]:  # noqa: A002
        """Return what the process writes, or kill it."""
        try:
            return super().communicate(input, self._seconds if timeout is None else timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            # Not `communicate` again: a child of the process may hold the pipes open for as long as it lives.
            self.wait()
            for pipe in (self.stdout, self.stderr):
                if pipe is not None:
                    pipe.close()
            raise no_keys(f"credential_process gave nothing within {self._seconds:.1f} s", late=True) from None


# What botocore's exceptions mean


def _told(error: Exception) -> Fault:
    text = f"{type(error).__name__}: {redact_url(' '.join(str(error).split()))[:300]}"
    if isinstance(error, _MISCONFIGURED):
        return refused(text)
    if isinstance(error, json.JSONDecodeError):
        return no_keys("a source of keys answered something that is no JSON")
    if _shows_answers(error):
        return no_keys("credential_process failed; what it wrote is not shown, for it may have secrets in it")
    return no_keys(text)


def _shows_answers(error: Exception) -> bool:
    """Whether an exception has in it what a process or server answered, which may be the very keys."""
    if isinstance(error, sdk.CredentialRetrievalError):
        return bool(error.kwargs.get("provider") == ProcessProvider.METHOD)
    return isinstance(error, json.JSONDecodeError)

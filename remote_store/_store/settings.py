"""The configuration file that REMOTE_STORE_CONFIG names, read for a profile."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Mapping
from typing import Any

from .._core.config import SECRET_OPTIONS
from .._core.errors import InvalidConfig
from .._core.profiles import CONFIG_VARIABLE, Resolved, config_path, profile_options

__all__ = ["settings_of"]

_warned: set[str] = set()
"""Files that a warning has been given for: one is enough for a process."""


def settings_of(
    profile: str, arguments: Mapping[str, Any], environ: Mapping[str, str], *, stacklevel: int
) -> dict[str, Resolved]:
    """Return every setting of a profile with its source, as `profile_options` does.

    A file with secrets in it that every user of the machine may read gives one UserWarning, `stacklevel` calls up
    (2: the caller's line). Raises InvalidConfig for a file that can't be read, besides what `profile_options` raises.
    """
    path = config_path(environ)
    data = _read(path) if path else {}
    if path and _has_secrets(data):
        _warn_if_open_to_all(path, stacklevel + 1)
    return profile_options(profile, data, environ, arguments=arguments)


def _read(path: str) -> dict[str, Any]:
    import tomllib

    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidConfig(f"{path!r}, which {CONFIG_VARIABLE} names, can't be read: {reason}") from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise InvalidConfig(f"{path!r}, which {CONFIG_VARIABLE} names, is no valid TOML: {error}") from error


def _has_secrets(data: Any) -> bool:
    """Whether a secret option stands there in full; a reference such as ``${VAR}`` is none."""
    if not isinstance(data, dict):
        return False
    return any(
        (name in SECRET_OPTIONS and isinstance(value, str) and "${" not in value) or _has_secrets(value)
        for name, value in data.items()
    )


def _warn_if_open_to_all(path: str, stacklevel: int) -> None:
    if os.name == "posix" and path not in _warned and os.stat(path).st_mode & stat.S_IROTH:
        _warned.add(path)
        warnings.warn(
            f"every user can read {path!r}, and it has secrets in it: chmod 600, or write ${{VAR}} references",
            UserWarning,
            stacklevel=stacklevel,
        )

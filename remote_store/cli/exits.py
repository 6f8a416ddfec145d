"""The exit codes, and which error gets which."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from .._core.errors import (
    BackendUnavailable,
    CapabilityNotSupported,
    InvalidConfig,
    InvalidPath,
    NotFound,
    PermissionDenied,
    RemoteStoreError,
)
from .places import printable

__all__ = ["AUTH", "FAILED", "INTERRUPTED", "NETWORK", "NOT_FOUND", "OK", "USAGE", "code_of", "reported"]

OK = 0
FAILED = 1
"""Something was done, but not all of it, or a check found a difference."""
USAGE = 2
NOT_FOUND = 3
AUTH = 4
NETWORK = 5
INTERRUPTED = 130

P = ParamSpec("P")

_CODES: list[tuple[tuple[type[BaseException], ...], int]] = [
    ((InvalidConfig, InvalidPath, CapabilityNotSupported), USAGE),
    ((NotFound, FileNotFoundError, NotADirectoryError), NOT_FOUND),
    ((PermissionDenied, PermissionError), AUTH),
    ((BackendUnavailable, ConnectionError, TimeoutError), NETWORK),
    ((RemoteStoreError,), FAILED),  # some are ValueErrors too, but tell of what is stored, not of the command line
    ((ValueError,), USAGE),
]


def code_of(error: BaseException) -> int:
    """Return the exit code for an error that ended a command."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), FAILED)


def reported(command: Callable[P, int]) -> Callable[P, None]:
    """Make a command that returns its exit code, or raises, one that exits with it and says why on stderr."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            if sys.stdout is None:  # closed by whoever started us: Python has no stream for it then
                raise OSError("standard output is closed")
            code = command(*args, **kwargs)
            sys.stdout.flush()
        except KeyboardInterrupt:
            _say("Interrupted.")
            code = INTERRUPTED
        except BaseExceptionGroup as group:
            code = _of_group(group)
        except BrokenPipeError:
            # Whoever read our output has gone; what is left of it must not raise again at the interpreter's end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = FAILED
        except (RemoteStoreError, OSError, ValueError) as error:
            for line in (f"remote-store: {error}", *getattr(error, "__notes__", ())):
                _say(printable(line))
            code = code_of(error)
        raise typer.Exit(code)

    return run


def _of_group(group: BaseExceptionGroup[BaseException]) -> int:
    # A loop may wrap Ctrl-C together with what it broke off.
    if group.subgroup(KeyboardInterrupt) is not None:
        _say("Interrupted.")
        return INTERRUPTED
    raise group


def _say(text: str) -> None:
    print(text, file=sys.stderr)

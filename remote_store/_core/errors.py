"""The error classes, and nothing that decides when they are raised.

Every class derives from `RemoteStoreError` first and, where one fits, from a builtin second, so that both
``except RemoteStoreError`` and ``except FileNotFoundError`` read naturally (CONTRACT A6, DECISIONS 9).
"""

from __future__ import annotations

import errno as _errno
from typing import Any, ClassVar

__all__ = [
    "AlreadyExists",
    "BackendClosed",
    "BackendUnavailable",
    "CapabilityNotSupported",
    "DirectoryNotEmpty",
    "HostKeyMismatch",
    "IntegrityError",
    "InvalidConfig",
    "InvalidPath",
    "NoSpace",
    "NotFound",
    "OutcomeUnknown",
    "PermissionDenied",
    "PreconditionFailed",
    "RemoteStoreError",
    "ResourceLocked",
    "TimeoutExceeded",
    "UnexpectedResponse",
]


class RemoteStoreError(Exception):
    """Root of everything this library raises about a store.

    `path` is the key the operation was about and `backend` the backend's name; both are None where unknown.
    """

    _errno: ClassVar[int | None] = None

    def __init__(self, message: str = "", *, path: str | None = None, backend: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.backend = backend
        if self._errno is not None:
            # Set here and not on the class: OSError's own slot shadows a class attribute (DECISIONS 9).
            object.__setattr__(self, "errno", self._errno)

    @property
    def _message(self) -> str:
        return str(self.args[0]) if self.args else ""

    def _details(self) -> list[tuple[str, str]]:
        pairs = [("path", self.path), ("backend", self.backend)]
        return [(name, value) for name, value in pairs if value is not None]

    def __str__(self) -> str:
        parts = [self._message] if self._message else []
        return " | ".join(parts + [f"{name}={value!r}" for name, value in self._details()])

    def __repr__(self) -> str:
        parts = [repr(self._message)] if self._message else []
        parts += [f"{name}={value!r}" for name, value in self._details()]
        return f"{type(self).__name__}({', '.join(parts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self._message, self._arguments()), _extra_state(self))

    def _arguments(self) -> dict[str, Any]:
        return {"path": self.path, "backend": self.backend}


def _rebuild(cls: type[RemoteStoreError], message: str, arguments: dict[str, Any]) -> RemoteStoreError:
    return cls(message, **arguments)


def _extra_state(error: RemoteStoreError) -> dict[str, Any] | None:
    """Attributes that are no constructor arguments (notes, a subclass's own); None when there are none."""
    known = error._arguments()
    return {name: value for name, value in vars(error).items() if name not in known} or None


class NotFound(RemoteStoreError, FileNotFoundError):
    """No file or folder at this key."""

    _errno = _errno.ENOENT


class AlreadyExists(RemoteStoreError, FileExistsError):
    """The key is taken and `overwrite` was false; the service or the operating system decided so."""

    _errno = _errno.EEXIST


class PermissionDenied(RemoteStoreError, PermissionError):
    """The credentials or the file mode don't allow it (HTTP 401 and 403, EACCES, EPERM)."""

    _errno = _errno.EACCES


class InvalidPath(RemoteStoreError, ValueError):
    """The key is not one, leaves the root, or names the wrong kind of thing (a folder for a file)."""


class DirectoryNotEmpty(RemoteStoreError, OSError):
    """A folder with content was to be deleted without ``recursive=True``."""

    _errno = _errno.ENOTEMPTY


class BackendUnavailable(RemoteStoreError, OSError):
    """The service can't be reached or can't serve now; the operation was not done."""

    _errno = _errno.EIO


class ResourceLocked(RemoteStoreError, OSError):
    """Somebody holds a lock or a lease on the key (HTTP 423)."""

    _errno = _errno.EBUSY


class CapabilityNotSupported(RemoteStoreError, NotImplementedError):
    """The backend doesn't do this. `capability` is the missing capability's value, such as ``"glob"``."""

    def __init__(
        self, message: str = "", *, path: str | None = None, backend: str | None = None, capability: str = ""
    ) -> None:
        super().__init__(message, path=path, backend=backend)
        self.capability = capability

    def _details(self) -> list[tuple[str, str]]:
        return super()._details() + ([("capability", self.capability)] if self.capability else [])

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "capability": self.capability}


class PreconditionFailed(RemoteStoreError):
    """The object is not, or no longer, the one that ``if_match`` named; nothing was written (HTTP 412)."""


class IntegrityError(RemoteStoreError):
    """The bytes don't have the checksum they were sent or stored with."""


class InvalidConfig(RemoteStoreError, ValueError):
    """A URL, a profile or an option that can't be used; the text says what to write instead."""


class TimeoutExceeded(BackendUnavailable, TimeoutError):
    """No answer, or not enough bytes, within the time allowed."""

    _errno = _errno.ETIMEDOUT


class UnexpectedResponse(BackendUnavailable):
    """The service answered with something that can't be its answer (a captive portal, a foreign range)."""


class OutcomeUnknown(BackendUnavailable):
    """The request may or may not have been carried out; look before you repeat it."""


class NoSpace(BackendUnavailable):
    """The disk or the quota is full (ENOSPC, EDQUOT); nothing was committed."""

    _errno = _errno.ENOSPC


class HostKeyMismatch(PermissionDenied):
    """The host's key is not the one on record; nothing was sent to it."""


class BackendClosed(BackendUnavailable, RuntimeError):
    """The store, backend or adapter has been closed."""

    _errno = _errno.EBADF

"""What a server's answers mean: faults become our errors, at one place."""

from __future__ import annotations

from ..._core.errors import (
    AlreadyExists,
    BackendUnavailable,
    CapabilityNotSupported,
    DirectoryNotEmpty,
    HostKeyMismatch,
    InvalidPath,
    NoSpace,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    PreconditionFailed,
    RemoteStoreError,
    ResourceLocked,
    TimeoutExceeded,
    UnexpectedResponse,
)
from ..._http.retrying import Fault

__all__ = [
    "MISSING",
    "VAGUE",
    "escapes",
    "exists",
    "exists_as_file",
    "exists_as_folder",
    "failure",
    "missing",
    "not_a_file",
    "not_a_folder",
]

MISSING = frozenset({"NoSuchFile"})
"""Codes of a path where nothing is; OpenSSH also says so of a path below a file."""
VAGUE = frozenset({"Failure", "Exists", "NotEmpty", "NotAFolder", "IsAFolder", "BadName", "PermissionDenied"})
"""Codes that only a look at the path explains: SERVERS.md has what OpenSSH calls plain Failure."""

_BY_CODE: dict[str, tuple[type[RemoteStoreError], str]] = {
    "NoSuchFile": (NotFound, "File not found"),
    "PermissionDenied": (PermissionDenied, "Permission denied by the server"),
    "WriteProtected": (PermissionDenied, "Permission denied, the server's file system is read-only"),
    "Exists": (AlreadyExists, "File already exists"),
    "NoSpace": (NoSpace, "No space left on the server"),
    "QuotaExceeded": (NoSpace, "The quota on the server is used up"),
    "Locked": (ResourceLocked, "Locked on the server"),
    "NotEmpty": (DirectoryNotEmpty, "Folder is not empty"),
    "NotAFolder": (NotFound, "File not found"),
    "IsAFolder": (InvalidPath, "Not a file"),
    "BadName": (InvalidPath, "Path has a name that the server refuses"),
    "LinkLoop": (InvalidPath, "Path goes round in symbolic links"),
    "Unsupported": (CapabilityNotSupported, "The server can't do that"),
    "Replaced": (PreconditionFailed, "The file was replaced while it was being read"),
    "Unknown": (OutcomeUnknown, "The connection was lost and nobody can say whether it was done"),
    "Stalled": (TimeoutExceeded, "The server has stalled"),
    "Deadline": (TimeoutExceeded, "Out of time"),
    "ConnectTimeout": (TimeoutExceeded, "Can't connect"),
    "Unreachable": (BackendUnavailable, "Can't connect"),
    "Lost": (BackendUnavailable, "Connection lost"),
    "HostKey": (HostKeyMismatch, "Host key refused"),
    "Garbled": (UnexpectedResponse, "The server does not speak SFTP as it should"),
    "BadMessage": (UnexpectedResponse, "The server did not understand"),
    "EndOfFile": (UnexpectedResponse, "The file ended before its end"),
    "Failure": (BackendUnavailable, "The server failed and does not say why"),
}


def failure(fault: Fault, path: str | None, backend: str) -> RemoteStoreError:
    """Return our error for a fault."""
    cls, text = _BY_CODE.get(fault.code, (BackendUnavailable, f"The server answered {fault.code}"))
    if cls is NotFound:
        return missing(path or "", backend)
    tries = f" ({fault.attempts} attempts)" if fault.attempts > 1 else ""
    verb = f" to {fault.verb}" if fault.verb else ""
    return cls(f"{text}{verb}: {fault.text}{tries}", path=path, backend=backend)


def missing(path: str, backend: str, what: str = "File") -> NotFound:
    """Return the error for a path where nothing is."""
    return NotFound(f"{what} not found: {path}", path=path, backend=backend)


def not_a_file(path: str, backend: str) -> InvalidPath:
    """Return the error for a folder where a file is meant."""
    return InvalidPath(f"Not a file: {path}", path=path, backend=backend)


def not_a_folder(path: str, backend: str) -> InvalidPath:
    """Return the error for a file where a folder is meant."""
    return InvalidPath(f"Not a folder: {path}", path=path, backend=backend)


def exists(path: str, backend: str) -> AlreadyExists:
    """Return the error for a path that is taken."""
    return AlreadyExists(f"File already exists: {path}", path=path, backend=backend)


def exists_as_folder(path: str, backend: str) -> InvalidPath:
    """Return the error for a folder where a file is to be written."""
    return InvalidPath(f"Path exists as a directory: {path}", path=path, backend=backend)


def exists_as_file(above: str, path: str, backend: str) -> InvalidPath:
    """Return the error for a file where a folder would have to be."""
    return InvalidPath(f"Folder '{above}' exists as a file, so there can't be {path}", path=path, backend=backend)


def escapes(path: str, backend: str) -> InvalidPath:
    """Return the error for a path that a link leads out of the root."""
    return InvalidPath(f"Path escapes root: {path}", path=path, backend=backend)

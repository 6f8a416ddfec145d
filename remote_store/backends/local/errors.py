"""What an OSError means for a key: the one place where the operating system's errors become ours."""

from __future__ import annotations

import errno
import os

from ..._core.errors import (
    BackendUnavailable,
    CapabilityNotSupported,
    DirectoryNotEmpty,
    InvalidPath,
    NoSpace,
    NotFound,
    PermissionDenied,
    RemoteStoreError,
    ResourceLocked,
)

__all__ = ["escapes", "failure", "missing", "not_a_file", "not_a_folder"]

_BY_ERRNO: dict[int, tuple[type[RemoteStoreError], str]] = {
    errno.ENOENT: (NotFound, "File not found"),
    errno.ENOTDIR: (NotFound, "File not found"),
    errno.EACCES: (PermissionDenied, "Permission denied"),
    errno.EPERM: (PermissionDenied, "Permission denied"),
    errno.EROFS: (PermissionDenied, "Permission denied, the file system is read-only"),
    errno.EXDEV: (InvalidPath, "Path escapes root"),
    errno.ELOOP: (InvalidPath, "Path goes round in symbolic links, or one was put there during the call: escapes root"),
    errno.ENAMETOOLONG: (InvalidPath, "Path is too long for this file system"),
    errno.EILSEQ: (InvalidPath, "Path has characters that this file system refuses"),
    errno.EINVAL: (InvalidPath, "Path is not valid on this file system"),
    errno.EISDIR: (InvalidPath, "Not a file"),
    errno.ENXIO: (InvalidPath, "Not a file"),
    errno.ENOTEMPTY: (DirectoryNotEmpty, "Folder is not empty"),
    errno.ENOSPC: (NoSpace, "No space left on the disk"),
    errno.EDQUOT: (NoSpace, "The disk quota is used up"),
    errno.EBUSY: (ResourceLocked, "In use by the system"),
    errno.ETXTBSY: (ResourceLocked, "In use by the system"),
    errno.EOPNOTSUPP: (CapabilityNotSupported, "This file system can't do that"),
}


def failure(error: OSError, path: str, backend: str) -> RemoteStoreError:
    """Return our error for `error`, which an operation on the key `path` met; ours come back as they are."""
    if isinstance(error, RemoteStoreError):
        return error
    kind, text = _BY_ERRNO.get(error.errno or 0, (BackendUnavailable, os.strerror(error.errno or errno.EIO)))
    return kind(f"{text}: {path}", path=path, backend=backend)


def escapes(path: str, backend: str) -> InvalidPath:
    """Return the error for a key that leads out of the root."""
    return InvalidPath(f"Path escapes root: {path}", path=path, backend=backend)


def missing(path: str, backend: str, what: str = "File") -> NotFound:
    """Return the error for a key where nothing is."""
    return NotFound(f"{what} not found: {path}", path=path, backend=backend)


def not_a_file(path: str, backend: str) -> InvalidPath:
    """Return the error for a folder, a device or a pipe where a file is meant."""
    return InvalidPath(f"Not a file: {path}", path=path, backend=backend)


def not_a_folder(path: str, backend: str) -> InvalidPath:
    """Return the error for a file where a folder is meant."""
    return InvalidPath(f"Not a folder: {path}", path=path, backend=backend)

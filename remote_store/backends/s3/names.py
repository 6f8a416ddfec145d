"""Which keys the backend takes, and the errors for those that are the wrong thing."""

from __future__ import annotations

from ..._core.errors import InvalidPath, NotFound
from ..._core.keys import backend_key

__all__ = ["MAX_KEY_BYTES", "file_key", "folder_error", "node_key", "prefix_of", "root_refused", "target_key"]

MAX_KEY_BYTES = 1024
"""S3's limit, in UTF-8."""


def node_key(path: str, backend: str) -> str:
    """Return the key of what may be a file or a folder; `""` is the root (CONTRACT 28)."""
    key = backend_key(path, backend)
    try:
        size = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        # Such characters stand for bytes that are no text: names of local files alone have them (DECISIONS 10).
        raise InvalidPath("Path contains a surrogate, which is no text", path=path, backend=backend) from None
    if size > MAX_KEY_BYTES:
        raise InvalidPath(f"Path has {size} bytes; {MAX_KEY_BYTES} are the most on S3", path=path, backend=backend)
    return key


def file_key(path: str, backend: str) -> str:
    """Return the key of a file; every spelling of the root is refused (CONTRACT 29, 30)."""
    root_refused(path, backend)
    return node_key(path, backend)


target_key = file_key


def root_refused(path: str, backend: str) -> None:
    """Raise InvalidPath if `path` reduces to nothing."""
    if path.__class__ is str and all(segment in ("", ".") for segment in path.replace("\\", "/").split("/")):
        raise InvalidPath(f"Not a file: the path must not be empty ({path!r} is the root)", path=path, backend=backend)


def prefix_of(key: str) -> str:
    """Return what the keys below a folder start with."""
    return f"{key}/" if key else ""


def folder_error(path: str, backend: str) -> InvalidPath:
    """Return the error for a folder where a file is meant (CONTRACT 154)."""
    return InvalidPath(f"{path!r} is a folder, not a file", path=path, backend=backend)


def file_error(path: str, backend: str) -> InvalidPath:
    """Return the error for a file where a folder is meant (CONTRACT 154)."""
    return InvalidPath(f"{path!r} is a file, not a folder", path=path, backend=backend)


def missing_folder(path: str, backend: str) -> NotFound:
    """Return the error for a folder that is not there."""
    return NotFound(f"Folder not found: {path}", path=path, backend=backend)

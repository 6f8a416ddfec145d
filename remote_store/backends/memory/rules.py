"""The rules of a key: which the memory backend takes, and how it refuses the others."""

from __future__ import annotations

from ..._core.errors import InvalidPath, NotFound
from ..._core.keys import backend_key

__all__ = ["file_key", "no_file", "no_folder", "node_key", "root_refused"]


def node_key(path: str, backend: str) -> str:
    """Return the key of what may be a file or a folder; `""` is the root (CONTRACT 28, 31)."""
    key = backend_key(path, backend)
    if not key.isascii():
        try:
            key.encode("utf-8")
        except UnicodeEncodeError:
            # Such characters stand for bytes that are no text: names of local files alone have them (DECISIONS 10).
            raise InvalidPath("Path contains a surrogate, which is no text", path=path, backend=backend) from None
    return key


def file_key(path: str, backend: str) -> str:
    """Return the key of a file; every spelling of the root is refused (CONTRACT 29, 30)."""
    if _is_root(path):
        raise InvalidPath(f"Not a file: the path must not be empty ({path!r} is the root)", path=path, backend=backend)
    return node_key(path, backend)


def _is_root(path: str) -> bool:
    if path.__class__ is not str or (path and path[0] not in "./\\"):
        return False
    return all(segment in ("", ".") for segment in path.replace("\\", "/").split("/"))


def root_refused(path: str, backend: str) -> None:
    """Raise InvalidPath if `path` is the root, which is never deleted."""
    if _is_root(path):
        raise InvalidPath("Cannot delete the store root: the path must not be empty", path=path, backend=backend)


def no_file(path: str, backend: str, *, is_folder: bool) -> InvalidPath | NotFound:
    """Return the error for a path where no file is (CONTRACT 33, 69, 87)."""
    if is_folder:
        return InvalidPath(f"Not a file: {path}", path=path, backend=backend)
    return NotFound(f"File not found: {path}", path=path, backend=backend)


def no_folder(path: str, backend: str, *, is_file: bool) -> InvalidPath | NotFound:
    """Return the error for a path where no folder is (CONTRACT 53, 69, 87)."""
    if is_file:
        return InvalidPath(f"Not a folder: {path}", path=path, backend=backend)
    return NotFound(f"Folder not found: {path}", path=path, backend=backend)

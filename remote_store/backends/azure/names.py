"""Which keys the backend takes, and the errors for those that are the wrong thing."""

from __future__ import annotations

import re

from ..._core.errors import InvalidPath, NotFound
from ..._core.keys import backend_key

__all__ = ["file_error", "file_key", "folder_error", "missing_folder", "node_key", "prefix_of"]

_BEYOND_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What is no Char of XML 1.0 (https://www.w3.org/TR/xml/#charsets)."""
MAX_NAME = 1024
"""Characters of a blob's name: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata"""
MAX_SEGMENTS = 254
"""Of a blob's name, the same page."""


def node_key(path: str, backend: str) -> str:
    """Return the key of what may be a file or a folder; `""` is the root (CONTRACT 28)."""
    key = backend_key(path, backend)
    try:
        key.encode("utf-8")
    except UnicodeEncodeError:
        # Such characters stand for bytes that are no text: names of local files alone have them (DECISIONS 10).
        raise InvalidPath("Path contains a surrogate, which is no text", path=path, backend=backend) from None
    if _BEYOND_XML.search(key):
        # The service's listings are XML: one such name and nobody could list the folder again.
        raise InvalidPath("Path has a character that no listing can show", path=path, backend=backend)
    if len(key) > MAX_NAME:
        raise InvalidPath(
            f"Path has {len(key)} characters; {MAX_NAME} are the most on Azure", path=path, backend=backend
        )
    if key.count("/") >= MAX_SEGMENTS:
        raise InvalidPath(f"Path has more than {MAX_SEGMENTS} segments, the most on Azure", path=path, backend=backend)
    return key


def file_key(path: str, backend: str) -> str:
    """Return the key of a file; every spelling of the root is refused (CONTRACT 29, 30)."""
    if path.__class__ is str and all(segment in ("", ".") for segment in path.replace("\\", "/").split("/")):
        raise InvalidPath(f"Not a file: the path must not be empty ({path!r} is the root)", path=path, backend=backend)
    return node_key(path, backend)


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

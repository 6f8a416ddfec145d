"""Keys, the server's paths, and the names of files being written."""

from __future__ import annotations

import re
import secrets

from ..._core.errors import InvalidPath
from ..._core.keys import MAX_SEGMENT_BYTES, backend_key

__all__ = ["backup_name", "file_key", "is_hidden", "join", "key_name", "node_key", "temp_name", "within"]

_HIDDEN = re.compile(rb"\.~(?:tmp|bak)\.(?:.*\.)?[0-9a-f]{8}", re.DOTALL)


def node_key(path: str, backend: str) -> str:
    """Return the key of what may be a file or a folder; `""` is the root (CONTRACT 28)."""
    key = backend_key(path, backend)
    try:
        name = key.rpartition("/")[2].encode()
    except UnicodeEncodeError:
        # Such characters stand for bytes that are no text: names of local files alone have them (DECISIONS 10).
        raise InvalidPath("Path contains a surrogate, which is no text", path=path, backend=backend) from None
    if is_hidden(name):
        raise InvalidPath(f"Path is that of a file being written: {path}", path=path, backend=backend)
    return key


def file_key(path: str, backend: str) -> str:
    """Return the key of a file; every spelling of the root is refused (CONTRACT 29, 30)."""
    if path.__class__ is str and all(segment in ("", ".") for segment in path.replace("\\", "/").split("/")):
        raise InvalidPath(f"Not a file: the path must not be empty ({path!r} is the root)", path=path, backend=backend)
    return node_key(path, backend)


def is_hidden(name: bytes) -> bool:
    """Return whether a name is one that we give to files being written or replaced."""
    return name[:2] == b".~" and _HIDDEN.fullmatch(name) is not None


def temp_name(name: bytes) -> bytes:
    """Return a fresh name for a file until it is whole (CONTRACT 155); a long name is cut, so that 255 bytes work."""
    return _beside(b"tmp", name)


def backup_name(name: bytes) -> bytes:
    """Return a fresh name for a file that is being replaced where the server can't do that in one step."""
    return _beside(b"bak", name)


def _beside(kind: bytes, name: bytes) -> bytes:
    mark = secrets.token_hex(4).encode()
    room = MAX_SEGMENT_BYTES - len(kind) - len(mark) - 4
    kept = name[:room].decode("utf-8", "ignore").encode()  # never half a character
    return b".~%s.%s.%s" % (kind, kept, mark)


def join(folder: bytes, name: bytes) -> bytes:
    """Return the server's path of a name in a folder."""
    return folder + name if folder.endswith(b"/") else folder + b"/" + name


def within(path: bytes, root: bytes) -> bool:
    """Return whether a resolved path is the resolved root or lies below it."""
    return path == root or path.startswith(root if root.endswith(b"/") else root + b"/")


def key_name(name: bytes) -> str | None:
    """Return a name on the server as a segment of a key; None for one that can't be: no UTF-8, or with a backslash."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return None
    return None if "\\" in text or "/" in text or "\0" in text or text in ("", ".", "..") else text

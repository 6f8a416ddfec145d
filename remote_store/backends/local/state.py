"""What a file's state on disk means in our models."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Final

from ..._core.keys import RemotePath
from ..._core.models import UNKNOWN_TIME, Fields, FileInfo

__all__ = ["FIELDS", "etag_of", "file_info", "time_of"]


def etag_of(state: os.stat_result) -> str:
    """Return the etag: inode, modification time in ns, and size in bytes, in hex (DECISIONS 12)."""
    return f"{state.st_ino:x}-{state.st_mtime_ns:x}-{state.st_size:x}"


def time_of(state: os.stat_result) -> datetime:
    """Return the modification time in UTC; the mark for unknown where the disk has one beyond the calendar."""
    try:
        return datetime.fromtimestamp(state.st_mtime, UTC)
    except (OverflowError, ValueError, OSError):
        return UNKNOWN_TIME


FIELDS: Final[Fields] = {"etag": etag_of, "modified_at": time_of}
"""How a listed file's deferred fields come from its state."""


def file_info(key: str, state: os.stat_result) -> FileInfo:
    """Return what is known of the file `key`."""
    path = RemotePath._trusted(key)
    return FileInfo(path, path.name, state.st_size, time_of(state), etag=etag_of(state))

"""Wrappers around streams that count bytes or hash them on the way."""

from remote_store.ext._sync.streams import (
    ChecksumReader,
    ChecksumWriter,
    ProgressReader,
    ProgressWriter,
    read_with_progress,
)

__all__ = ["ChecksumReader", "ChecksumWriter", "ProgressReader", "ProgressWriter", "read_with_progress"]

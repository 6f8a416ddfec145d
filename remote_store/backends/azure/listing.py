"""Pages of a listing as entries: which keys are files, which are folders, which can't be shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ..._core.errors import InvalidPath
from ..._core.keys import RemotePath, normalize, split
from ..._core.models import UNKNOWN_TIME, FileInfo, FolderEntry
from .answers import moment_of
from .documents import Blob
from .precondition import plain_etag

__all__ = ["Entries", "file_entry", "modified_at", "size_of"]

log = logging.getLogger("remote_store.azure")


class Entries:
    """Makes entries of a listing below `prefix`; a key that would not come back the same is left out, with a warning."""

    def __init__(self, prefix: str, container: str) -> None:
        self._prefix = prefix
        self._container = container
        self._warned = False
        self._folders: set[str] = set()

    def files(self, blobs: Sequence[Blob], wanted: Callable[[str], bool] | None = None) -> list[FileInfo]:
        """Return the blobs that are files and wanted; markers ``name/`` are none (CONTRACT 154)."""
        found = []
        for blob in blobs:
            key = blob["Name"]
            if key.endswith("/") or not key.startswith(self._prefix):
                continue
            if (wanted is None or wanted(key)) and self._plain(key):
                found.append(file_entry(key, blob))
        return found

    def folders(self, prefixes: Sequence[str]) -> list[FolderEntry]:
        """Return the common prefixes as folders, each once."""
        found = []
        for prefix in prefixes:
            key = prefix.removesuffix("/")
            if key in self._folders or not prefix.startswith(self._prefix) or prefix == self._prefix:
                continue
            self._folders.add(key)
            if self._plain(key):
                found.append(FolderEntry(RemotePath._trusted(key), split(key)[1]))
        return found

    def _plain(self, key: str) -> bool:
        try:
            plain = normalize(key) == key
        except InvalidPath:
            plain = False
        if not plain and not self._warned:
            self._warned = True
            log.warning(
                "Container %r has keys that are no paths, such as %r; they are left out of listings",
                self._container,
                key,
            )
        return plain


def file_entry(key: str, blob: Blob) -> FileInfo:
    """Return the entry of a blob in a listing; time and etag are worked out when they are asked for."""
    folder, name = split(key)
    return FileInfo.deferred(folder, name, size_of(blob), blob, _COMPUTED)


def size_of(blob: Blob) -> int:
    """Return a blob's bytes."""
    return int(blob.get("Content-Length") or 0)


def modified_at(blob: Blob) -> datetime:
    """Return a blob's time, aware, or the mark for an unknown one."""
    return moment_of(blob.get("Last-Modified")) or UNKNOWN_TIME


_COMPUTED: dict[str, Callable[[Any], object]] = {
    "modified_at": modified_at,
    "etag": lambda blob: plain_etag(blob.get("Etag")),
}

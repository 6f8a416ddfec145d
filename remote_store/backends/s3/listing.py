"""Pages of a listing as entries: which keys are files, which are folders, which can't be shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..._core.errors import InvalidPath
from ..._core.keys import RemotePath, normalize, split
from ..._core.models import UNKNOWN_TIME, FileInfo, FolderEntry
from .precondition import plain_etag

__all__ = ["Entries", "file_entry", "modified_at"]

log = logging.getLogger("remote_store.s3")


class Entries:
    """Makes entries of a listing below `prefix`; a key that would not come back the same is left out, with a warning."""

    def __init__(self, prefix: str, bucket: str) -> None:
        self._prefix = prefix
        self._bucket = bucket
        self._warned = False
        self._folders: set[str] = set()

    def files(
        self, objects: Sequence[Mapping[str, Any]], wanted: Callable[[str], bool] | None = None
    ) -> list[FileInfo]:
        """Return the objects that are files and wanted; zero-byte markers ``name/`` are none (CONTRACT 154)."""
        found = []
        for raw in objects:
            key = raw["Key"]
            if key.endswith("/") or not key.startswith(self._prefix):
                continue
            if (wanted is None or wanted(key)) and self._plain(key):
                found.append(file_entry(key, raw))
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
                "Bucket %r has keys that are no paths, such as %r; they are left out of listings", self._bucket, key
            )
        return plain


def file_entry(key: str, raw: Mapping[str, Any]) -> FileInfo:
    """Return the entry of an object in a listing; time and etag are worked out when they are asked for."""
    folder, name = split(key)
    return FileInfo.deferred(folder, name, int(raw.get("Size", 0)), raw, _COMPUTED)


def modified_at(raw: Mapping[str, Any]) -> datetime:
    """Return an object's time, aware, or the mark for an unknown one."""
    moment = raw.get("LastModified")
    if not isinstance(moment, datetime):
        return UNKNOWN_TIME
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


_COMPUTED: dict[str, Callable[[Any], object]] = {
    "modified_at": modified_at,
    "etag": lambda raw: plain_etag(raw.get("ETag")),
}

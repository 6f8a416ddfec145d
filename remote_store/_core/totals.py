"""Totals of a folder, added up file by file."""

from __future__ import annotations

from datetime import datetime

from .keys import RemotePath
from .models import FileInfo, FolderInfo, known_time

__all__ = ["FolderTotals"]


class FolderTotals:
    """Adds files up to a `FolderInfo`."""

    def __init__(self) -> None:
        self._files = self._bytes = 0
        self._latest: datetime | None = None

    def add(self, info: FileInfo) -> None:
        """Count one file; an unknown time leaves the latest one as it is."""
        self._files += 1
        self._bytes += info.size
        moment = known_time(info.modified_at)
        if moment is not None and (self._latest is None or moment > self._latest):
            self._latest = moment

    def info(self, path: RemotePath) -> FolderInfo:
        """Return the totals as those of the folder `path`."""
        return FolderInfo(path, self._files, self._bytes, self._latest)

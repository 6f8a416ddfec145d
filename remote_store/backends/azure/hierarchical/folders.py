"""Operations on directories: listings that the service prunes, totals, and deletions with all that is in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from ...._contract.pages import AsyncPages
from ...._core.errors import DirectoryNotEmpty, InvalidPath
from ...._core.glob import literal_prefix, translate
from ...._core.keys import RemotePath
from ...._core.models import UNKNOWN_TIME, FileInfo, FolderEntry, FolderInfo
from ...._http.deadline import one_deadline
from ...._http.retrying import Fault
from ..core import Core
from ..documents import Blob, Page
from ..errors import MISSING, NO_CONTAINER, translated, unexpected
from ..folders import Folders
from ..listing import Entries, modified_at, size_of
from ..names import missing_folder, node_key, prefix_of
from .ordered import OrderedWalk
from .requests import PathWire
from .temporary import is_temporary
from .walk import Walk

__all__ = ["TreeFolders"]

T = TypeVar("T")


class TreeFolders(Folders):
    """The operations on directories of one backend whose account has a hierarchical namespace."""

    def __init__(self, core: Core, paths: PathWire) -> None:
        super().__init__(core)
        self._paths = paths

    @one_deadline
    async def is_folder(self, key: str, path: str) -> bool:
        """Return whether a directory is there."""
        if not key:
            return True
        with translated(self._core.place(path)):
            head = await self._core.head(key)
        return head is not None and head.is_folder

    # Listing

    def list_files(
        self, key: str, path: str, *, max_depth: int | None, start_after: str | None, limit: int | None
    ) -> AsyncPages[FileInfo]:
        """Iterate over files; None is every depth, 0 the folder alone.

        With `start_after` or `limit` they come in the order of keys, so that the last one tells where to go on.
        """
        after = None if start_after is None else node_key(start_after, self._core.label)
        entries = Entries(prefix_of(key), self._core.config.container)
        left = limit

        def make(page: Page) -> list[FileInfo]:
            nonlocal left
            found = entries.files(page.blobs, _shown)
            if left is not None:
                found = found[:left]
                left -= len(found)
            return found

        walk: Walk | OrderedWalk = Walk(self._core, self._paths, key, path, depth=max_depth)
        if after is not None or limit is not None:
            walk = OrderedWalk(self._core, self._paths, key, path, depth=max_depth, after=after)
        return self._pages(walk, make, lambda: left is not None and left < 1)

    def list_folders(self, key: str, path: str) -> AsyncPages[FolderEntry]:
        """Iterate over immediate subfolders."""
        entries = Entries(prefix_of(key), self._core.config.container)
        walk = Walk(self._core, self._paths, key, path, depth=0)
        return self._pages(walk, lambda page: entries.folders(page.prefixes))

    def iter_children(self, key: str, path: str) -> AsyncPages[FileInfo | FolderEntry]:
        """Iterate over files and subfolders, with one listing."""
        entries = Entries(prefix_of(key), self._core.config.container)

        def both(page: Page) -> list[FileInfo | FolderEntry]:
            return [*entries.files(page.blobs, _shown), *entries.folders(page.prefixes)]

        return self._pages(Walk(self._core, self._paths, key, path, depth=0), both)

    def glob(self, pattern: str) -> AsyncPages[FileInfo]:
        """Iterate over the files that match."""
        fits: Callable[[str], re.Match[str] | None] = translate(pattern).match
        folder = literal_prefix(pattern)
        rest = pattern.removeprefix(prefix_of(folder))
        entries = Entries(prefix_of(folder), self._core.config.container)
        depth = None if "**" in rest else rest.count("/")
        walk = Walk(self._core, self._paths, folder, folder, depth=depth)
        return self._pages(
            walk, lambda page: entries.files(page.blobs, lambda key: _shown(key) and fits(key) is not None)
        )

    def _pages(
        self, walk: Walk | OrderedWalk, make: Callable[[Page], list[T]], ended: Callable[[], bool] = lambda: False
    ) -> AsyncPages[T]:
        async def next_page() -> list[T] | None:
            page = None if ended() else await walk.next_page()
            return None if page is None else make(page)

        return AsyncPages(next_page)

    # Information

    async def get_folder_info(self, key: str, path: str) -> FolderInfo:
        """Return a folder's totals from one listing, with a HEAD only where it finds nothing."""
        count, size, found = 0, 0, not key
        latest: datetime | None = None
        walk = Walk(self._core, self._paths, key, path, depth=None, quiet=bool(key))
        while (page := await walk.next_page()) is not None:
            found = found or bool(page.blobs or page.prefixes)
            for blob in _files(page):
                count += 1
                size += size_of(blob)
                moment = modified_at(blob)
                if moment != UNKNOWN_TIME:
                    latest = moment if latest is None else max(latest, moment)
        if not found and not await self.is_folder(key, path):
            await self._no_folder(key, path)
        return FolderInfo(RemotePath._trusted(key), count, size, latest)

    # Deleting

    async def delete_folder(self, path: str, *, recursive: bool, missing_ok: bool) -> None:
        """Delete a directory: one request, and more where the service does it piece by piece."""
        core = self._core
        key = node_key(path, core.label)
        if not key:
            raise InvalidPath("Cannot delete the store root: the path must not be empty", path=path, backend=core.label)
        with translated(core.place(path), writes=True):
            head = await core.head(key)
            if head is not None and not head.is_folder:
                raise InvalidPath(f"Not a folder: {path} is a file", path=path, backend=core.label)
            if head is not None:
                await self._delete(key, path, recursive=recursive)
                return
        if not missing_ok:
            raise missing_folder(path, core.label)

    async def _delete(self, key: str, path: str, *, recursive: bool) -> None:
        core = self._core
        more: str | None = None
        seen: set[str] = set()
        while True:
            try:
                more = await core.run(
                    lambda at=more: self._paths.delete_directory(key, recursive=recursive, continuation=at)  # type: ignore[misc]
                )
            except Fault as fault:
                if fault.code in MISSING - NO_CONTAINER:
                    return  # gone: by a request whose answer was lost, or by somebody else
                if fault.code in ("DirectoryNotEmpty", "DirectoryIsNotEmpty"):
                    text = f"Folder is not empty: {path}"
                    raise DirectoryNotEmpty(text, path=path, backend=core.label) from fault.__cause__
                raise
            if more is None:
                return
            if more in seen:
                raise unexpected("the deletion goes round in a circle", "DeleteDirectory")
            seen.add(more)


def _shown(key: str) -> bool:
    return not is_temporary(key)


def _files(page: Page) -> list[Blob]:
    return [blob for blob in page.blobs if not is_temporary(blob["Name"])]

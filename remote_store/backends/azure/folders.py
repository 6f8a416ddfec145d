"""Operations on folders, which are beginnings of keys: listings, totals, deletes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Generic, TypeVar

from ..._contract.pages import AsyncPages
from ..._core.errors import DirectoryNotEmpty, InvalidPath
from ..._core.glob import literal_prefix, translate
from ..._core.keys import RemotePath
from ..._core.models import UNKNOWN_TIME, FileInfo, FolderEntry, FolderInfo
from ..._http.deadline import one_deadline
from ..._http.retrying import Fault
from ..._http.together import Job, together
from .core import Core
from .documents import Page
from .errors import MISSING, NO_CONTAINER, Place, failure, translated, unexpected
from .listing import Entries, modified_at, size_of
from .names import file_error, missing_folder, node_key, prefix_of

__all__ = ["Folders", "Pager"]

T = TypeVar("T")

PAGE = 5000
"""Blobs of one page: the service's limit."""
DELETES = 16
"""Deletes at a time. The service's own batch takes 256, but says so little of what it did that each is asked for
apart (DECISIONS 33)."""


class Folders:
    """The operations on folders of one backend."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @one_deadline
    async def is_folder(self, key: str, path: str) -> bool:
        """Return whether there are keys below `key`."""
        if not key:
            return True
        with translated(self._core.place(path)):
            return await self._core.is_prefix(key)

    # Listing

    def list_files(
        self, key: str, path: str, *, max_depth: int | None, start_after: str | None, limit: int | None
    ) -> AsyncPages[FileInfo]:
        """Iterate over files; None is every depth, 0 the folder alone.

        The service can't begin after a key, so keys up to `start_after` are skipped here.
        """
        prefix = prefix_of(key)
        entries = Entries(prefix, self._core.config.container)
        deep = _not_deeper(prefix, max_depth)
        after = None if start_after is None else node_key(start_after, self._core.label)
        if limit is not None and limit < 1:
            return AsyncPages(_nothing)

        def wanted(name: str) -> bool:
            return deep(name) and (after is None or name > after)

        pager = Pager(
            self._core,
            prefix,
            path,
            lambda page: entries.files(page.blobs, wanted),
            delimiter="/" if max_depth == 0 else "",
            limit=limit,
            page_size=min(limit + 1, PAGE) if limit is not None and after is None else None,
        )
        return AsyncPages(pager.next_page)

    def list_folders(self, key: str, path: str) -> AsyncPages[FolderEntry]:
        """Iterate over immediate subfolders."""
        entries = Entries(prefix_of(key), self._core.config.container)
        pager = Pager(self._core, prefix_of(key), path, lambda page: entries.folders(page.prefixes), delimiter="/")
        return AsyncPages(pager.next_page)

    def iter_children(self, key: str, path: str) -> AsyncPages[FileInfo | FolderEntry]:
        """Iterate over files and subfolders, with one listing."""
        entries = Entries(prefix_of(key), self._core.config.container)

        def both(page: Page) -> list[FileInfo | FolderEntry]:
            return [*entries.files(page.blobs), *entries.folders(page.prefixes)]

        return AsyncPages(Pager(self._core, prefix_of(key), path, both, delimiter="/").next_page)

    def glob(self, pattern: str) -> AsyncPages[FileInfo]:
        """Iterate over the files that match."""
        fits: Callable[[str], re.Match[str] | None] = translate(pattern).match
        folder = literal_prefix(pattern)
        prefix = prefix_of(folder)
        entries = Entries(prefix, self._core.config.container)
        rest = pattern.removeprefix(prefix)
        pager = Pager(
            self._core,
            prefix,
            folder,
            lambda page: entries.files(page.blobs, lambda key: fits(key) is not None),
            delimiter="" if "/" in rest or "**" in rest else "/",
        )
        return AsyncPages(pager.next_page)

    # Information

    async def get_folder_info(self, key: str, path: str) -> FolderInfo:
        """Return a folder's totals from one listing, with a HEAD only where it finds nothing."""
        count, size, found = 0, 0, not key
        latest: datetime | None = None
        pager = Pager(self._core, prefix_of(key), path, lambda page: [page], quiet=False)
        while (pages := await pager.next_page()) is not None:
            for blob in pages[0].blobs:
                found = True
                if blob["Name"].endswith("/"):
                    continue
                count += 1
                size += size_of(blob)
                moment = modified_at(blob)
                if moment != UNKNOWN_TIME:
                    latest = moment if latest is None else max(latest, moment)
        if not found:
            await self._no_folder(key, path)
        return FolderInfo(RemotePath._trusted(key), count, size, latest)

    async def _no_folder(self, key: str, path: str) -> None:
        with translated(self._core.place(path)):
            if await self._core.head(key) is not None:
                raise file_error(path, self._core.label)
        raise missing_folder(path, self._core.label)

    # Deleting

    async def delete_folder(self, path: str, *, recursive: bool, missing_ok: bool) -> None:
        """Delete what is below a folder: a listing, and a request for each blob, many at a time."""
        core = self._core
        key = node_key(path, core.label)
        if not key:
            raise InvalidPath("Cannot delete the store root: the path must not be empty", path=path, backend=core.label)
        prefix = prefix_of(key)
        with translated(core.place(path), writes=True):
            if await (self._empty(prefix, path) if recursive else self._remove_marker(prefix, path)):
                return
            if await core.head(key) is not None:
                raise file_error(path, core.label)
        if not missing_ok:
            raise missing_folder(path, core.label)

    async def _remove_marker(self, prefix: str, path: str) -> bool:
        """Delete a folder that is empty but for its marker; return whether there was one."""
        core = self._core
        pager = Pager(core, prefix, path, lambda page: [page], page_size=2)
        names: list[str] = []
        while len(names) < 2 and (pages := await pager.next_page()) is not None:
            names += [blob["Name"] for blob in pages[0].blobs]
        if not names:
            return False
        if names != [prefix]:
            raise DirectoryNotEmpty(f"Folder is not empty: {path}", path=path, backend=core.label)
        await core.run(lambda: core.wire.delete(prefix))
        return True

    async def _empty(self, prefix: str, path: str) -> bool:
        """Delete all keys below a prefix; return whether there were any. A fault tells how many were left."""
        found = False
        refused: list[tuple[str, Fault]] = []
        pager = Pager(self._core, prefix, path, lambda page: [page])
        while (pages := await pager.next_page()) is not None:
            names = [blob["Name"] for blob in pages[0].blobs]
            found = found or bool(names)
            await together(self._deletes(names, refused), DELETES)
        if refused:
            key, fault = refused[0]
            fault.text = f"{len(refused)} keys were not deleted, the first is {key!r}: {fault.text}"
            raise fault
        return found

    def _deletes(self, names: list[str], refused: list[tuple[str, Fault]]) -> Iterator[Job]:
        core = self._core

        async def delete(name: str) -> None:
            try:
                await core.run(lambda: core.wire.delete(name))
            except Fault as fault:
                if fault.code not in MISSING:
                    refused.append((name, fault))

        for name in names:
            yield lambda name=name: delete(name)  # type: ignore[misc]

    @one_deadline
    async def check_health(self) -> None:
        """Ask for the container itself."""
        core = self._core
        try:
            await core.run(core.wire.head_container)
        except Fault as fault:
            if fault.code in MISSING:
                fault.code = "ContainerNotFound"
            raise failure(fault, core.place("")) from fault.__cause__


class Pager(Generic[T]):
    """Fetches the pages of one listing. A container that is not there lists nothing (CONTRACT 88), unless not `quiet`."""

    def __init__(
        self,
        core: Core,
        prefix: str,
        path: str,
        make: Callable[[Page], list[T]],
        *,
        delimiter: str = "",
        limit: int | None = None,
        page_size: int | None = None,
        quiet: bool = True,
        include: str = "",
    ) -> None:
        self._core = core
        self._prefix = prefix
        self._place: Place = core.place(path)
        self._make = make
        self._delimiter = delimiter
        self._left = limit
        self._page_size = page_size
        self._quiet = quiet
        self._include = include
        self._marker: str | None = None
        self._seen: set[str] = set()
        self._ended = False

    async def next_page(self) -> list[T] | None:
        """Return the next page's entries, None at the end."""
        if self._ended:
            return None
        with translated(self._place):
            try:
                page = await self._core.run(self._fetch)
            except Fault as fault:
                if fault.code not in MISSING or not (self._quiet or fault.code not in NO_CONTAINER):
                    raise
                self._ended = True
                return None
            self._turn(page)
        entries = self._make(page)
        if self._left is not None:
            entries = entries[: self._left]
            self._left -= len(entries)
            self._ended |= self._left == 0
        return entries

    async def _fetch(self) -> Page:
        return await self._core.wire.list_page(
            self._prefix,
            delimiter=self._delimiter,
            marker=self._marker,
            limit=self._page_size,
            include=self._include,
        )

    def _turn(self, page: Page) -> None:
        self._marker = page.marker
        if page.marker is None:
            self._ended = True
        elif page.marker in self._seen:
            raise unexpected("the listing goes round in a circle", "ListBlobs")
        else:
            self._seen.add(page.marker)


def _not_deeper(prefix: str, max_depth: int | None) -> Callable[[str], bool]:
    if not max_depth:
        return lambda _: True
    slashes = prefix.count("/") + max_depth
    return lambda key: key.count("/") <= slashes


async def _nothing() -> None:
    return None

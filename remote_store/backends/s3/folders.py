"""Operations on folders, which are beginnings of keys: listings, totals, deletes in bulk."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeAlias, TypeVar

from ..._contract.pages import AsyncPages
from ..._core.errors import DirectoryNotEmpty, InvalidPath, RemoteStoreError
from ..._core.glob import literal_prefix, translate
from ..._core.keys import RemotePath
from ..._core.models import UNKNOWN_TIME, FileInfo, FolderEntry, FolderInfo
from ..._core.seconds import checked_seconds
from ..._http.deadline import one_deadline
from ..._http.retrying import Fault
from .core import Core
from .errors import MISSING, Place, failure, translated, unexpected
from .listing import Entries, modified_at
from .names import file_error, missing_folder, node_key, prefix_of
from .requests import Page, Upload

__all__ = ["Folders"]

T = TypeVar("T")

BULK = 1000
"""Keys of one bulk delete and of one page: S3's limits."""
BUSY = frozenset({"InternalError", "SlowDown", "ServiceUnavailable"})
"""What the service says of a key in a bulk delete that may pass."""
NAMED = 10
"""Keys that an error names; of more it tells how many there are."""

Refusal: TypeAlias = tuple[str, str, str]
"""A key that was not deleted, with the service's code and words."""


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
        """Iterate over files; None is every depth, 0 the folder alone."""
        prefix = prefix_of(key)
        entries = Entries(prefix, self._core.config.bucket)
        wanted = _not_deeper(prefix, max_depth) if max_depth else None
        after = None if start_after is None else node_key(start_after, self._core.label)
        if limit is not None and limit < 1:
            return AsyncPages(_nothing)
        pager = _Pager(
            self._core,
            prefix,
            path,
            lambda page: entries.files(page.objects, wanted),
            delimiter="/" if max_depth == 0 else "",
            start_after=after,
            limit=limit,
        )
        return AsyncPages(pager.next_page)

    def list_folders(self, key: str, path: str) -> AsyncPages[FolderEntry]:
        """Iterate over immediate subfolders."""
        entries = Entries(prefix_of(key), self._core.config.bucket)
        pager = _Pager(self._core, prefix_of(key), path, lambda page: entries.folders(page.prefixes), delimiter="/")
        return AsyncPages(pager.next_page)

    def iter_children(self, key: str, path: str) -> AsyncPages[FileInfo | FolderEntry]:
        """Iterate over files and subfolders, with one listing."""
        entries = Entries(prefix_of(key), self._core.config.bucket)

        def both(page: Page) -> list[FileInfo | FolderEntry]:
            return [*entries.files(page.objects), *entries.folders(page.prefixes)]

        return AsyncPages(_Pager(self._core, prefix_of(key), path, both, delimiter="/").next_page)

    def glob(self, pattern: str) -> AsyncPages[FileInfo]:
        """Iterate over the files that match."""
        fits: Callable[[str], re.Match[str] | None] = translate(pattern).match
        folder = literal_prefix(pattern)
        prefix = prefix_of(folder)
        entries = Entries(prefix, self._core.config.bucket)
        rest = pattern.removeprefix(prefix)
        delimiter = "" if "/" in rest or "**" in rest else "/"
        pager = _Pager(
            self._core,
            prefix,
            folder,
            lambda page: entries.files(page.objects, lambda key: fits(key) is not None),
            delimiter=delimiter,
        )
        return AsyncPages(pager.next_page)

    # Information

    async def get_folder_info(self, key: str, path: str) -> FolderInfo:
        """Return a folder's totals from one listing, with a HEAD only where it finds nothing."""
        count, size, found = 0, 0, not key
        latest: datetime | None = None
        pager = _Pager(self._core, prefix_of(key), path, lambda page: [page], quiet=False)
        while (pages := await pager.next_page()) is not None:
            for page in pages:
                found = found or bool(page.objects)
                for raw in page.objects:
                    if raw["Key"].endswith("/"):
                        continue
                    count += 1
                    size += int(raw.get("Size", 0))
                    moment = modified_at(raw)
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
        """Delete what is below a folder: a listing, and one request for a thousand keys."""
        core = self._core
        key = node_key(path, core.label)
        if not key:
            raise InvalidPath("Cannot delete the store root: the path must not be empty", path=path, backend=core.label)
        prefix = prefix_of(key)
        try:
            with translated(core.place(path), writes=True):
                found = await (self._empty(prefix, path) if recursive else self._remove_marker(prefix, path))
        except RemoteStoreError as error:
            if getattr(error, "path", None) == path and _bucket_missing(error):
                found = False
            else:
                raise
        if found:
            return
        with translated(core.place(path)):
            if await core.head(key) is not None:
                raise file_error(path, core.label)
        if not missing_ok:
            raise missing_folder(path, core.label)

    async def _remove_marker(self, prefix: str, path: str) -> bool:
        """Delete a folder that is empty but for its marker; return whether there was one."""
        core = self._core
        page = await core.run(lambda: core.wire.list_page(prefix, limit=2))
        if not page.objects and not page.prefixes:
            return False
        if [raw["Key"] for raw in page.objects] != [prefix] or page.prefixes:
            raise DirectoryNotEmpty(f"Folder is not empty: {path}", path=path, backend=core.label)
        await core.run(lambda: core.wire.delete(prefix))
        return True

    async def _empty(self, prefix: str, path: str) -> bool:
        """Delete all keys below a prefix; return whether there were any. A fault tells which were left."""
        pager = _Pager(self._core, prefix, path, lambda page: [str(raw["Key"]) for raw in page.objects], quiet=False)
        count = 0
        refused: list[Refusal] = []
        while (keys := await pager.next_page()) is not None:
            count += len(keys)
            if keys:
                refused += await self._delete_many(keys)
        if refused:
            raise Fault(refused[0][1], _left_behind(refused, count), verb="DeleteObjects")
        return count > 0

    async def _delete_many(self, keys: Sequence[str]) -> list[Refusal]:
        """Delete keys and return those that were not; a server may do half of it and be busy for the rest."""
        left = list(keys)
        refused: list[Refusal] = []
        busy: list[Refusal] = []

        async def attempt() -> None:
            nonlocal left, busy
            busy = []
            told = await self._core.wire.delete_many(left)
            refused.extend(entry for entry in told if entry[1] not in BUSY and entry[1] not in MISSING)
            busy = [entry for entry in told if entry[1] in BUSY]
            left = [key for key, _, _ in busy]
            if left:
                raise Fault(busy[0][1], busy[0][2], verb="DeleteObjects", may_retry=True)

        try:
            await self._core.run(attempt)
        except Fault:
            if not busy:
                raise
        return refused + busy

    # Uploads

    async def uploads(self, key: str, path: str) -> list[Upload]:
        """Return the multipart uploads below a folder."""
        core = self._core
        found: list[Upload] = []
        marker: dict[str, str] = {}
        with translated(core.place(path)):
            while True:
                page, marker = await core.run(lambda at=marker: core.wire.uploads_page(prefix_of(key), at))  # type: ignore[misc]
                found += page
                if not marker:
                    return found

    async def abort_uploads(self, older_than: float, key: str, path: str) -> int:
        """Abort the uploads that began before then; those that end meanwhile are no matter."""
        core = self._core
        limit = datetime.now(UTC) - timedelta(seconds=checked_seconds(older_than, "older_than"))
        aborted = 0
        for upload in await self.uploads(key, path):
            if upload.started is None or upload.started > limit:
                continue  # what may be young may be under way
            with translated(core.place(upload.key)):
                try:
                    await core.run(lambda it=upload: core.wire.abort_upload(it.key, it.upload_id))  # type: ignore[misc]
                except Fault as fault:
                    if fault.code not in ("NoSuchUpload", "404"):
                        raise
                    continue
            aborted += 1
        return aborted

    @one_deadline
    async def check_health(self) -> None:
        """Ask for the bucket itself."""
        core = self._core
        try:
            await core.run(core.wire.head_bucket)
        except Fault as fault:
            if fault.code == "404":
                fault.code = "NoSuchBucket"
            raise failure(fault, core.place("")) from fault.__cause__


class _Pager(Generic[T]):
    """Fetches the pages of one listing. A bucket that is not there lists nothing (CONTRACT 88), unless not `quiet`."""

    def __init__(
        self,
        core: Core,
        prefix: str,
        path: str,
        make: Callable[[Page], list[T]],
        *,
        delimiter: str = "",
        start_after: str | None = None,
        limit: int | None = None,
        quiet: bool = True,
    ) -> None:
        self._core = core
        self._prefix = prefix
        self._place: Place = core.place(path)
        self._make = make
        self._delimiter = delimiter
        self._start_after = start_after
        self._left = limit
        self._quiet = quiet
        self._token: str | None = None
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
                if fault.code not in MISSING or not self._quiet:
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
            token=self._token,
            start_after=self._start_after,
            limit=None if self._left is None else min(self._left + 1, BULK),
        )

    def _turn(self, page: Page) -> None:
        self._token = page.token
        if page.token is None:
            self._ended = True
        elif page.token in self._seen:
            raise unexpected("the listing goes round in a circle", "ListObjectsV2")
        else:
            self._seen.add(page.token)


def _left_behind(refused: Sequence[Refusal], count: int) -> str:
    named = ", ".join(f"{key!r} ({code})" for key, code, _ in refused[:NAMED])
    more = f" and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
    return f"{len(refused)} of {count} files were not deleted, the others are: {named}{more}. {refused[0][2]}".rstrip()


def _bucket_missing(error: RemoteStoreError) -> bool:
    return "no such bucket" in str(error)


def _not_deeper(prefix: str, max_depth: int) -> Callable[[str], bool]:
    slashes = prefix.count("/") + max_depth
    return lambda key: key.count("/") <= slashes


async def _nothing() -> None:
    return None

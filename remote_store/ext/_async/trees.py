"""Trees of files between stores and local folders; the hand-written async half of a pair."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from ..._contract.threads import in_thread
from ..._core.errors import NotFound
from ..._store._async.store import AsyncStore
from ...backends.local.backend import AsyncLocalBackend
from .._tree_report import OnEvent, Progress, TreeCheck, TreeReport
from .._tree_rules import refuse_overlap
from .._trees import AT_ONCE, Options, check, copy

__all__ = ["Place", "check_tree", "copy_tree", "download_tree", "sync_tree", "upload_tree"]

Place: TypeAlias = AsyncStore | str | os.PathLike[str]
"""A store, or the path of a local folder."""


async def copy_tree(
    src: Place,
    dst: Place,
    *,
    overwrite: bool = False,
    checksum: bool = False,
    dry_run: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    concurrency: int = AT_ONCE,
    fail_fast: bool = False,
    progress: Progress | None = None,
    on_event: OnEvent | None = None,
) -> TreeReport:
    """Copy all files of a store or local folder into another; each keeps its key.

    A file that is there already is skipped, so that a run that was interrupted goes on when it is repeated: one of
    the same size and the same digest, where both sides tell one, or else not older than its source; with `checksum`
    one of the same bytes, which are read. Another file at its place is replaced with `overwrite`, and else fails.

    `include` and `exclude` are patterns as in `glob_files`; one without ``/`` is matched against the name. With
    `dry_run` nothing is written. `concurrency` is how many files are under way at a time (16). `progress` is called
    with the bytes done, the bytes known of so far and the key; `on_event` with a `TreeEvent` for each file. What
    they raise ends the run.

    A file that fails does not stop the others, unless `fail_fast`: TreeError, an ExceptionGroup, has all errors at
    the end, and the counts. What is written is compared by size, and by digest where both sides tell one; a file
    that changes meanwhile fails. Memory grows with the number of files in `dst`, by about 300 bytes each.

    Raises NotFound for a local folder that is not there, InvalidPath if one place lies in the other, and what the
    listings raise.
    """
    options = Options(
        overwrite=overwrite,
        checksum=checksum,
        dry_run=dry_run,
        include=include,
        exclude=exclude,
        concurrency=concurrency,
        fail_fast=fail_fast,
        progress=progress,
        on_event=on_event,
    )
    return await _run(src, dst, options)


async def sync_tree(
    src: Place,
    dst: Place,
    *,
    delete: bool = False,
    checksum: bool = False,
    dry_run: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    concurrency: int = AT_ONCE,
    fail_fast: bool = False,
    progress: Progress | None = None,
    on_event: OnEvent | None = None,
) -> TreeReport:
    """Make `dst` have the files of `src`: as `copy_tree` with `overwrite`, and with `delete` no others.

    Files are deleted last, and none at all if the source's listing failed or had no files, or if any file failed.
    What `include` and `exclude` leave out is not deleted. Raises as `copy_tree`, and RemoteStoreError for `delete`
    with a source without files.
    """
    options = Options(
        overwrite=True,
        delete=delete,
        checksum=checksum,
        dry_run=dry_run,
        include=include,
        exclude=exclude,
        concurrency=concurrency,
        fail_fast=fail_fast,
        progress=progress,
        on_event=on_event,
    )
    return await _run(src, dst, options)


async def check_tree(
    src: Place,
    dst: Place,
    *,
    checksum: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    concurrency: int = AT_ONCE,
) -> TreeCheck:
    """Compare two trees and return how they differ; nothing is written.

    Files are compared by size, and by digest where both sides tell one; with `checksum` by their bytes, which are
    read. Raises NotFound for a local folder that is not there, TreeError for files that can't be read.
    """
    options = Options(checksum=checksum, include=include, exclude=exclude, concurrency=concurrency)
    return await check(await _opened(src), await _opened(dst), options)


async def upload_tree(
    store: AsyncStore,
    local_folder: str | os.PathLike[str],
    path: str = "",
    *,
    overwrite: bool = False,
    checksum: bool = False,
    dry_run: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    concurrency: int = AT_ONCE,
    fail_fast: bool = False,
    progress: Progress | None = None,
    on_event: OnEvent | None = None,
) -> TreeReport:
    """Copy a local folder into the folder `path` of a store; see `copy_tree`."""
    return await copy_tree(
        local_folder,
        store.child(path) if path else store,
        overwrite=overwrite,
        checksum=checksum,
        dry_run=dry_run,
        include=include,
        exclude=exclude,
        concurrency=concurrency,
        fail_fast=fail_fast,
        progress=progress,
        on_event=on_event,
    )


async def download_tree(
    store: AsyncStore,
    path: str,
    local_folder: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    checksum: bool = False,
    dry_run: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    concurrency: int = AT_ONCE,
    fail_fast: bool = False,
    progress: Progress | None = None,
    on_event: OnEvent | None = None,
) -> TreeReport:
    """Copy the folder `path` of a store into a local folder, which is made if missing; see `copy_tree`."""
    return await copy_tree(
        store.child(path) if path else store,
        local_folder,
        overwrite=overwrite,
        checksum=checksum,
        dry_run=dry_run,
        include=include,
        exclude=exclude,
        concurrency=concurrency,
        fail_fast=fail_fast,
        progress=progress,
        on_event=on_event,
    )


async def _run(src: Place, dst: Place, options: Options) -> TreeReport:
    source, target = await _opened(src), await _target(dst, options)
    if target is not None:
        refuse_overlap(source, target)
    return await copy(source, target, options)


async def _opened(place: Place) -> AsyncStore:
    """Return a store for a place that must be there."""
    if isinstance(place, AsyncStore):
        return place
    if not await in_thread(Path(place).is_dir):
        raise NotFound(f"Folder not found: {os.fspath(place)}", path=os.fspath(place), backend="local")
    return AsyncStore(await in_thread(AsyncLocalBackend, os.fspath(place)))


async def _target(place: Place, options: Options) -> AsyncStore | None:
    """Return a store for the target; None for a local folder that is not there and must not be made."""
    if isinstance(place, AsyncStore):
        return place
    if options.dry_run and not await in_thread(Path(place).is_dir):
        return None
    return AsyncStore(await in_thread(AsyncLocalBackend, os.fspath(place)))

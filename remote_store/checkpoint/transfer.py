"""Many files at once between a local folder and a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path, PurePath
from typing import TypeAlias, TypeVar

import anyio

from .._core.errors import InvalidPath
from .._core.keys import join
from .._core.models import FileInfo, cut
from .remote import Remote
from .tree import LocalFile

__all__ = ["CONCURRENCY", "Progress", "download", "each", "upload"]

CONCURRENCY = 8
"""Files on the way at a time: DESIGN's max_concurrency, so that a checkpoint holds at most that many pieces in memory."""

Progress: TypeAlias = Callable[[int, int, str], object]
"""Called after each file with the bytes done, the bytes in all and the file's key. It must not block."""

T = TypeVar("T")


async def upload(
    remote: Remote, folder: str, files: Sequence[LocalFile], *, concurrency: int, progress: Progress | None = None
) -> None:
    """Store local files below a folder, each as a whole; the first failure stops the rest and is raised."""
    tick = _Ticker(sum(file.size for file in files), progress)

    async def put(file: LocalFile) -> None:
        await remote.put_file(join(folder, file.key), file.path, file.size)
        tick(file.size, file.key)

    await each(files, put, concurrency)


async def download(
    remote: Remote, folder: str, files: Sequence[FileInfo], target: Path, *, concurrency: int,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """Write the files below a folder of a store into a new local folder; the first failure stops the rest."""
    tick = _Ticker(sum(info.size for info in files), progress)

    async def fetch(info: FileInfo) -> None:
        key = cut(str(info.path), folder)
        await remote.fetch(str(info.path), below(target, key), info.size)
        tick(info.size, key)

    await each(sorted(files, key=lambda info: -info.size), fetch, concurrency)


def below(target: Path, key: str) -> Path:
    """Return the local path of a key in the folder `target`; InvalidPath where the system would read it otherwise."""
    if PurePath(key).parts != tuple(key.split("/")):
        raise InvalidPath("the key can't be a local file name on this system", path=key)
    return target / key


async def each(items: Sequence[T], work: Callable[[T], Awaitable[None]], concurrency: int) -> None:
    """Do the work for every item, `concurrency` at a time; an error stops the rest.

    The first error is raised as it is, with a note for each other one: no exception group reaches the caller.
    """
    errors: list[Exception] = []
    waiting = iter(items)  # shared: a step of a loop's task is never interrupted, so no two get the same item

    async def worker() -> None:
        try:
            for item in waiting:
                await work(item)
        except Exception as error:  # noqa: BLE001  # raised below, when all have stopped
            errors.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for _ in range(min(concurrency, len(items))):
            group.start_soon(worker)
    if errors:
        first, *others = errors
        for other in others:
            first.add_note(f"also failed: {other!r}")
        raise first


class _Ticker:
    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def __call__(self, size: int, key: str) -> None:
        self._done += size
        if self._progress is not None:
            self._progress(self._done, self._total, key)

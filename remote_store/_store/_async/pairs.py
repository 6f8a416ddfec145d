"""What the two sides of a store do differently, async side."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeAlias, TypeVar

import anyio

from ..._bridge.to_async import SyncBackendAdapter
from ..._bridge.twins import original_of
from ..._contract._async.streams import AsyncReadStream
from ..._contract._sync.backend import Backend
from ..._contract.pages import AsyncPages
from ..._core.models import FolderEntry
from ..atomic import AsyncAtomicFile
from ..log import completed

__all__ = [
    "ProxyFace",
    "ReadStream",
    "StoreFace",
    "adopt",
    "atomic_block",
    "default",
    "mapped",
    "open_stream",
    "subfolders",
    "wrapped",
]

Old = TypeVar("Old")
New = TypeVar("New")

ReadStream: TypeAlias = AsyncReadStream
"""What `read` of a store returns."""


class StoreFace:
    """Methods of a store that only this side has, or has another way."""

    _backend: Any

    @asynccontextmanager
    async def _open_atomic(self, key: str, path: str, overwrite: bool) -> AsyncIterator[AsyncAtomicFile]:
        async with atomic_block(partial(self._backend.write_atomic, key, overwrite=overwrite)) as file:
            yield file
        completed("open_atomic", path, self._backend)


@asynccontextmanager
async def atomic_block(put: Callable[[Any], Awaitable[Any]]) -> AsyncIterator[AsyncAtomicFile]:
    """Feed what is written in the block to one atomic write, `put`, which ends with the block or not at all."""
    file = AsyncAtomicFile(put)
    failure: BaseException | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(file._run)
        try:
            yield file
        except BaseException as error:  # noqa: BLE001  # raised again below
            # Kept and raised outside: a task group would wrap it, and users catch what they raised.
            failure = error
            file._abandon()
        else:
            await file._finish()
    if failure is not None:
        raise failure
    file._check()


class ProxyFace:
    """Methods that only this side's proxy hands on: none."""


def adopt(backend: Any) -> Any:
    """Return a backend that async code can call.

    A sync backend is wrapped, unless it is an untouched twin, whose async original is taken out (DECISIONS 5).
    Anything that is no backend of either kind is taken as it is.
    """
    if isinstance(backend, Backend):
        return original_of(backend) or SyncBackendAdapter(backend)
    return backend


def wrapped(backend: Any) -> Any:
    """Return the backend that `adopt` was given, which is what makes two stores the same (CONTRACT 79)."""
    return backend._backend if type(backend) is SyncBackendAdapter else backend


def open_stream(backend: Any, key: str, **options: object) -> AsyncReadStream:
    """Return the content of an object as a stream."""
    return AsyncReadStream(backend.read(key, **options))


def default(backend: Any, method: str, base: Any) -> Callable[..., Any]:
    """Return a method that backends from before it don't have: the backend's own, or the default of `base`."""
    own: Callable[..., Any] | None = getattr(backend, method, None)
    return own or partial(getattr(base, method), backend)


# Classes, not async generators: those warn on trio when a loop over them is left early (CONTRACT 111)


def mapped(entries: AsyncIterator[Old], change: Callable[[Old], New | None] | None) -> AsyncIterator[Any]:
    """Iterate over the changed entries, without those for which `change` returns None."""
    if change is None:
        return entries
    if isinstance(entries, AsyncPages):
        return AsyncPages(partial(_next_mapped_page, entries, change))
    return _Mapped(entries, change)


async def _next_mapped_page(pages: AsyncPages[Old], change: Callable[[Old], New | None]) -> list[New] | None:
    page = await pages.page()
    return [new for entry in page if (new := change(entry)) is not None] if page else None


class _Mapped(AsyncIterator[New]):
    def __init__(self, entries: AsyncIterator[Old], change: Callable[[Old], New | None]) -> None:
        self._entries: AsyncIterator[Any] = entries
        self._change: Callable[[Any], New | None] = change

    async def __anext__(self) -> New:
        while True:
            new = self._change(await self._entries.__anext__())
            if new is not None:
                return new

    async def aclose(self) -> None:
        close = getattr(self._entries, "aclose", None)
        if close is not None:
            await close()


def subfolders(backend: Any, key: str, depth: int) -> AsyncIterator[FolderEntry]:
    """Iterate over the folders below `key`, breadth first, `depth` levels beyond the immediate ones."""
    if depth == 0:
        entries: AsyncIterator[FolderEntry] = backend.list_folders(key)
        return entries
    return AsyncPages(_Descent(backend, key, depth).next_folder)


class _Descent:
    def __init__(self, backend: Any, key: str, depth: int) -> None:
        self._backend = backend
        self._depth = depth
        self._waiting = deque([(key, 0)])

    async def next_folder(self) -> list[FolderEntry] | None:
        """Return the subfolders of the next folder in line, None when there is none."""
        if not self._waiting:
            return None
        folder, level = self._waiting.popleft()
        entries = [entry async for entry in self._backend.list_folders(folder)]
        if level < self._depth:
            self._waiting.extend((str(entry.path), level + 1) for entry in entries)
        return entries

"""What the two sides of a store do differently, async side."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeAlias, TypeVar

import anyio
from anyio.lowlevel import RunVar

from ..._bridge.to_async import SyncBackendAdapter
from ..._bridge.twins import original_of
from ..._contract._async.content import AsyncContent
from ..._contract._async.streams import AsyncByteSource, AsyncReadStream
from ..._contract._sync.backend import Backend
from ..._contract.pages import AsyncPages
from ..._core.models import FolderEntry
from ..atomic import AsyncAtomicFile
from ..log import completed

__all__ = [
    "Gate",
    "ProxyFace",
    "ReadStream",
    "SeamFace",
    "StoreFace",
    "adopt",
    "atomic_block",
    "charged_content",
    "charged_file",
    "default",
    "gated_entries",
    "gated_stream",
    "mapped",
    "open_stream",
    "pause",
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


# The seam (see seam.py): what passes it that is no plain call


class SeamFace:
    """Methods that only this side's seam has: none."""


def gated_entries(seam: Any, operation: str, entries: AsyncIterator[Old]) -> AsyncIterator[Old]:
    """Iterate over a listing whose beginning passes the seam."""
    seam._refuse(operation)
    return _GatedEntries(seam, operation, entries)


class _GatedEntries(AsyncIterator[Old]):
    def __init__(self, seam: Any, operation: str, entries: AsyncIterator[Old]) -> None:
        self._seam: Any = seam
        self._operation = operation
        self._entries: Any = entries

    async def __anext__(self) -> Old:
        seam, self._seam = self._seam, None
        if seam is None:
            following: Old = await self._entries.__anext__()
            return following
        async with seam._call(self._operation):
            first: Old = await self._entries.__anext__()
        return first

    async def aclose(self) -> None:
        close = getattr(self._entries, "aclose", None)
        if close is not None:
            await close()


def gated_stream(seam: Any, operation: str, start: Callable[[], AsyncReadStream]) -> AsyncReadStream:
    """Return a stream whose opening passes the seam, which is told of its bytes."""
    return AsyncReadStream(_GatedStream(seam, operation, start()))


class _GatedStream(AsyncByteSource):
    def __init__(self, seam: Any, operation: str, stream: AsyncReadStream) -> None:
        self._seam = seam
        self._operation = operation
        self._stream = stream
        self._opened = False

    async def open(self) -> None:
        if not self._opened:
            async with self._seam._call(self._operation):
                await self._stream.__aenter__()
            self._opened = True
            self.size, self.etag = self._stream.size, self._stream.etag

    async def __anext__(self) -> bytes:
        await self.open()
        chunk = await self._stream.__anext__()
        await self._seam._charge(len(chunk))
        return chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def charged_content(seam: Any, content: Any) -> Any:
    """Return content whose bytes the seam is told of before they go."""
    if not seam._counts_bytes:
        return content
    source = AsyncContent(content)
    if source.buffer is None:
        return _ChargedContent(seam, source)
    await seam._charge(len(source.buffer))
    return content


class _ChargedContent(AsyncIterator[bytes]):
    def __init__(self, seam: Any, source: AsyncContent) -> None:
        self._seam = seam
        self._source = source

    async def __anext__(self) -> bytes:
        piece = await self._source.__anext__()
        await self._seam._charge(len(piece))
        return piece


def charged_file(seam: Any, file: AsyncAtomicFile) -> Any:
    """Return an open file whose bytes the seam is told of before they go."""
    return _ChargedFile(seam, file)


class _ChargedFile:
    def __init__(self, seam: Any, file: AsyncAtomicFile) -> None:
        self._seam = seam
        self._file = file

    async def write(self, data: bytes | bytearray | memoryview) -> int:
        await self._seam._charge(len(data))
        return await self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


async def pause(seconds: float) -> None:
    """Wait, if there is anything to wait for."""
    if seconds > 0:
        await anyio.sleep(seconds)


_numbers = itertools.count()
_held: ContextVar[frozenset[int]] = ContextVar("remote_store_gates", default=frozenset())
"""The gates that this task has a place in: content that is read while it is written must not wait for itself."""


class Gate:
    """So many places on each event loop."""

    def __init__(self, places: int) -> None:
        self._number = next(_numbers)
        self._places = places
        self._semaphores: RunVar[anyio.Semaphore] = RunVar(f"remote_store_gate_{self._number}")

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place and hold it for the block; a task that has one needs no other."""
        held = _held.get()
        if self._number in held:
            yield
            return
        async with self._semaphore():
            _held.set(held | {self._number})
            try:
                yield
            finally:
                _held.set(held)

    def _semaphore(self) -> anyio.Semaphore:
        try:
            return self._semaphores.get()
        except LookupError:
            semaphore = anyio.Semaphore(self._places)
            self._semaphores.set(semaphore)
            return semaphore

"""What the two sides of the extensions do differently, async side."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from ..._contract._async.content import AsyncContent
from ..._contract._async.streams import AsyncByteSource, AsyncReadStream
from ..._contract._sync.content import PIECE, Buffer
from ..._contract.pages import AsyncPages
from ..._contract.threads import in_thread, to_the_end
from ..._store._async.pairs import atomic_block, mapped
from ..._store._async.store import AsyncStore
from .._at_once import calls_at_once as at_once
from .._local import LocalDraft, refuse_existing

__all__ = [
    "CachedFace",
    "Digest",
    "ObservedFace",
    "at_once",
    "counted",
    "deferred",
    "draft_with_metadata",
    "fed",
    "listed",
    "local_draft",
    "local_file",
    "mapped",
    "opened",
    "refuse_local",
]

T = TypeVar("T")

# Hashing that much takes about half a millisecond, many times what a thread hop costs.
_WORTH_A_HOP = 512 * 1024
DISCARD_SECONDS = 5.0
"""How long removing an unfinished local file may take before the loop goes on without it."""


class Digest(Protocol):
    """A hash object of `hashlib`, as far as it is used here."""

    def update(self, data: Buffer, /) -> None: ...

    def hexdigest(self) -> str: ...


async def fed(digest: Digest, piece: Buffer) -> None:
    """Add `piece` to a digest; a large one in a worker thread, so that the loop goes on."""
    if len(piece) < _WORTH_A_HOP:
        digest.update(piece)
    else:
        await in_thread(digest.update, piece)


class ObservedFace:
    """Methods that only this side's observed store has: none."""


class CachedFace:
    """Methods that only this side's cached store has: none."""


# Listings


def deferred(load: Callable[[], Awaitable[Iterable[T]]]) -> AsyncIterator[T]:
    """Iterate over what `load` returns; it runs when the first entry is asked for."""
    return AsyncPages(_Once(load).page)


class _Once:
    def __init__(self, load: Callable[[], Awaitable[Iterable[Any]]]) -> None:
        self._load: Callable[[], Awaitable[Iterable[Any]]] | None = load

    async def page(self) -> Iterable[Any] | None:
        load, self._load = self._load, None
        return await load() if load is not None else None


def listed(
    around: Callable[[], AbstractContextManager[Any]], start: Callable[[], AsyncIterator[T]]
) -> AsyncIterator[T]:
    """Iterate over a listing that is read to its end within `around` when the first entry is asked for.

    What `start` raises at once, for bad arguments, is raised at once, within `around` too.
    """
    try:
        entries = start()
    except Exception:
        with around():
            raise

    async def load() -> list[T]:
        with around():
            return [entry async for entry in entries]

    return deferred(load)


# Streams


def opened(around: Callable[[], AbstractContextManager[Any]], start: Callable[[], AsyncReadStream]) -> AsyncReadStream:
    """Return the stream of `start`, opened within `around`: by ``async with`` or by the first read.

    What `start` raises at once, for bad arguments, is raised at once, within `around` too.
    """
    try:
        stream = start()
    except Exception:
        with around():
            raise
    return AsyncReadStream(_Opened(around, stream))


class _Opened(AsyncByteSource):
    def __init__(self, around: Callable[[], AbstractContextManager[Any]], stream: AsyncReadStream) -> None:
        self._around: Callable[[], AbstractContextManager[Any]] | None = around
        self._stream = stream

    async def open(self) -> None:
        around, self._around = self._around, None
        if around is not None:
            with around():
                await self._stream.__aenter__()
            self.size, self.etag = self._stream.size, self._stream.etag

    async def __anext__(self) -> bytes:
        await self.open()
        return await self._stream.__anext__()

    async def aclose(self) -> None:
        await self._stream.aclose()


def counted(source: Any, on_progress: Callable[[int], None] | None) -> Any:
    """Return content for a write that tells `on_progress` the bytes of each piece that is taken from it."""
    return source if on_progress is None else _Counted(AsyncContent(source), on_progress)


class _Counted(AsyncIterator[bytes]):
    def __init__(self, source: AsyncContent, on_progress: Callable[[int], None]) -> None:
        self._source = source
        self._on_progress = on_progress

    async def __anext__(self) -> bytes:
        batch = await self._source.batch(PIECE)
        if not batch:
            raise StopAsyncIteration
        piece = b"".join(batch)
        self._on_progress(len(piece))
        return piece


def draft_with_metadata(
    store: AsyncStore, path: str, overwrite: bool, metadata: Mapping[str, str]
) -> AbstractAsyncContextManager[Any]:
    """Open a file for writing as `open_atomic` does, with metadata."""
    return atomic_block(partial(store.write_atomic, path, overwrite=overwrite, metadata=metadata))


# Local files


async def refuse_local(path: str | os.PathLike[str]) -> None:
    """Raise FileExistsError if something is at `path`."""
    await in_thread(refuse_existing, path)


@asynccontextmanager
async def local_file(path: str | os.PathLike[str]) -> AsyncIterator[Any]:
    """Open a local file for reading, as content for a write."""
    file = await in_thread(_open, path)
    try:
        yield file
    finally:
        file.close()  # it was only read, so that nothing is left to be flushed


def _open(path: str | os.PathLike[str]) -> Any:
    return open(path, "rb", buffering=0)


class _AsyncDraft:
    def __init__(self, draft: LocalDraft) -> None:
        self._draft = draft

    async def write(self, data: bytes) -> None:
        await in_thread(self._draft.write, data)


@asynccontextmanager
async def local_draft(path: str | os.PathLike[str], overwrite: bool) -> AsyncIterator[_AsyncDraft]:
    """Write a local file that appears when the block ends without an exception."""
    draft = await in_thread(LocalDraft, path, overwrite)
    try:
        yield _AsyncDraft(draft)
        await in_thread(draft.commit)
    except BaseException:
        await to_the_end(DISCARD_SECONDS, draft.discard)
        raise

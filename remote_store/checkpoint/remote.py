"""What a checkpoint asks of a store, whichever face the store has."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from .._contract.threads import in_thread
from .._core.capability import Capability
from .._core.models import FileInfo
from .._store._async.store import AsyncStore

__all__ = ["AsyncRemote", "BlockingRemote", "Remote", "remote_of"]

SMALL = 1 << 20
"""Bytes: a file up to this size is read in one hop to a worker thread; beyond, it is streamed."""
PIECE = 4 << 20
"""Bytes that a download holds in memory before they go to disk."""


class Remote(Protocol):
    """The few verbs. Every put replaces the object as a whole, and nobody sees half of it."""

    async def put(self, key: str, content: Any) -> None:
        """Store bytes, or what a reader still has."""

    async def put_file(self, key: str, path: Path, size: int) -> None:
        """Store a local file of about `size` bytes."""

    async def fetch(self, key: str, target: Path, size: int | None) -> None:
        """Write an object of about `size` bytes (None: unknown) into a new local file."""

    async def files(self, folder: str) -> list[FileInfo]:
        """Return all files below a folder."""

    async def folders(self, folder: str, depth: int) -> list[str]:
        """Return the keys of the folders below a folder, `depth` levels beyond the immediate ones."""

    async def is_file(self, key: str) -> bool:
        """Return whether an object is there."""

    async def is_folder(self, key: str) -> bool:
        """Return whether a folder is there."""


def remote_of(store: Any) -> Remote:
    """Return the verbs over a Store, an AsyncStore or whatever has the methods of one of them."""
    if isinstance(store, AsyncStore) or iscoroutinefunction(getattr(store, "read_bytes", None)):
        return AsyncRemote(store)
    return BlockingRemote(store)


class AsyncRemote:
    """The verbs over an AsyncStore."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store

    async def put(self, key: str, content: Any) -> None:
        """Store bytes, or what a reader still has."""
        write = self._store.write_atomic if self._store.supports(Capability.ATOMIC_WRITE) else self._store.write
        await write(key, content, overwrite=True)

    async def put_file(self, key: str, path: Path, size: int) -> None:
        """Store a local file of about `size` bytes."""
        if size <= SMALL:
            await self.put(key, await in_thread(path.read_bytes))
            return
        async with _opened(_open_to_read, path) as file:
            await self.put(key, file)

    async def fetch(self, key: str, target: Path, size: int | None) -> None:
        """Write an object of about `size` bytes (None: unknown) into a new local file."""
        if size is not None and size <= SMALL:
            await in_thread(_write_new, target, await self._store.read_bytes(key))
            return
        async with self._store.read(key) as stream, _opened(_open_new, target) as file:
            buffer = memoryview(bytearray(PIECE))
            while count := await stream.readinto(buffer):
                await in_thread(file.write, buffer[:count])

    async def files(self, folder: str) -> list[FileInfo]:
        """Return all files below a folder."""
        return [info async for info in self._store.list_files(folder, recursive=True)]

    async def folders(self, folder: str, depth: int) -> list[str]:
        """Return the keys of the folders below a folder, `depth` levels beyond the immediate ones."""
        return [str(entry.path) async for entry in self._store.list_folders(folder, max_depth=depth)]

    async def is_file(self, key: str) -> bool:
        """Return whether an object is there."""
        return await self._store.is_file(key)

    async def is_folder(self, key: str) -> bool:
        """Return whether a folder is there."""
        return await self._store.is_folder(key)


class BlockingRemote:
    """The verbs over a Store: each is one call in a worker thread."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def put(self, key: str, content: Any) -> None:
        """Store bytes, or what a blocking reader still has."""
        if iscoroutinefunction(getattr(content, "read", None)):
            raise TypeError("an async reader needs an AsyncStore; this checkpoint was given a Store")
        await in_thread(self._put, key, content)

    def _put(self, key: str, content: Any) -> None:
        write = self._store.write_atomic if self._store.supports(Capability.ATOMIC_WRITE) else self._store.write
        write(key, content, overwrite=True)

    async def put_file(self, key: str, path: Path, size: int) -> None:
        """Store a local file."""
        await in_thread(self._put_file, key, path)

    def _put_file(self, key: str, path: Path) -> None:
        with _open_to_read(path) as file:
            self._put(key, file)

    async def fetch(self, key: str, target: Path, size: int | None) -> None:
        """Write an object into a new local file."""
        await in_thread(self._fetch, key, target)

    def _fetch(self, key: str, target: Path) -> None:
        with self._store.read(key) as stream, _open_new(target) as file:
            shutil.copyfileobj(stream, file, PIECE)

    async def files(self, folder: str) -> list[FileInfo]:
        """Return all files below a folder."""
        return await in_thread(lambda: list(self._store.list_files(folder, recursive=True)))

    async def folders(self, folder: str, depth: int) -> list[str]:
        """Return the keys of the folders below a folder, `depth` levels beyond the immediate ones."""
        listing = partial(self._store.list_folders, folder, max_depth=depth)
        return await in_thread(lambda: [str(entry.path) for entry in listing()])

    async def is_file(self, key: str) -> bool:
        """Return whether an object is there."""
        return bool(await in_thread(self._store.is_file, key))

    async def is_folder(self, key: str) -> bool:
        """Return whether a folder is there."""
        return bool(await in_thread(self._store.is_folder, key))


@asynccontextmanager
async def _opened(how: Callable[[Path], BinaryIO], path: Path) -> AsyncIterator[BinaryIO]:
    """Open a local file in a worker thread; a caller cancelled meanwhile, who never gets it, closes it too."""
    with ExitStack() as held:
        yield await in_thread(lambda: held.enter_context(how(path)))


def _open_to_read(path: Path) -> BinaryIO:
    return path.open("rb")


def _open_new(target: Path) -> BinaryIO:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.open("xb")


def _write_new(target: Path, content: bytes) -> None:
    with _open_new(target) as file:
        file.write(content)

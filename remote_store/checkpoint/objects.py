"""What the checkpoint core asks of a store, whichever face the store has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction
from typing import Any, NamedTuple, Protocol

from .._bridge.twins import original_of
from .._contract.threads import in_thread
from .._core.capability import Capability
from .._core.errors import RemoteStoreError
from .._core.models import FileInfo
from .._core.options import WriteOptions
from .._store._async.store import AsyncStore
from .._store._sync.store import Store
from ..backends.local.backend import AsyncLocalBackend
from ..backends.memory.backend import AsyncMemoryBackend
from .digests import Buffer

__all__ = ["Found", "Objects", "objects_of"]

ONE_PUT = 5 * 1024**3
"""Bytes: what S3 takes in one request at most. A part is one request, so that it is one object with one checksum."""


class Found(NamedTuple):
    """An object's bytes with its etag, where the backend has one."""

    data: bytes
    etag: str | None


class Objects(Protocol):
    """The few verbs. A put is seen whole or not at all."""

    @property
    def conditional(self) -> bool:
        """Whether ``overwrite=False`` and `if_match` are declared to be decided by the service."""

    @property
    def at_hand(self) -> bool:
        """Whether a ranged read is one plain call, so that many of them cost nothing (local disk, memory)."""

    async def put(
        self, key: str, content: Buffer, *, overwrite: bool = False, if_match: str | None = None,
        crc64nvme: str | None = None,
    ) -> str | None:  # fmt: skip
        """Store one object and return its etag; AlreadyExists and PreconditionFailed as the service decides."""

    async def get(self, key: str, limit: int) -> Found:
        """Return an object, at most `limit` bytes and one more of it. Raises NotFound."""

    async def fill(self, key: str, pieces: Sequence[memoryview]) -> int:
        """Fill buffers with an object from its beginning by one request; return the bytes, one more if it is longer."""

    async def read_into(self, key: str, view: memoryview, start: int) -> int:
        """Fill a buffer with an object's bytes from `start` on and return how many there were."""

    async def files(self, folder: str) -> list[FileInfo]:
        """Return all files below a folder."""

    async def size(self, key: str) -> int:
        """Return an object's size in bytes. Raises NotFound."""

    async def delete(self, key: str) -> None:
        """Delete an object, if it is there."""

    async def delete_folder(self, key: str) -> None:
        """Delete a folder that is empty, where there are folders."""


def objects_of(store: Any) -> Objects:
    """Return the verbs over a Store, an AsyncStore or whatever has the methods of one of them.

    Of a plain Store over an untouched twin the async original is used: its transfers then run at the same time on
    one loop instead of one worker thread each (DECISIONS 5). Raises TypeError for what is no store.
    """
    if not callable(getattr(store, "read_bytes", None)) or not callable(getattr(store, "supports", None)):
        raise TypeError(f"store must be a Store, an AsyncStore, a URL or a path, not {type(store).__name__}")
    if type(store) is Store:
        original = original_of(store._backend)
        if original is not None:
            return AsyncObjects(AsyncStore(original, store._root))
    if isinstance(store, AsyncStore) or iscoroutinefunction(getattr(store, "read_bytes", None)):
        return AsyncObjects(store)
    return BlockingObjects(store)


def _options(store: Any, crc64nvme: str | None) -> dict[str, Any]:
    """Return the options of a write, for the backends that take any."""
    native: object = getattr(getattr(store, "_backend", None), "native_options", frozenset())
    if not isinstance(native, (frozenset, set)) or "options" not in native:
        return {}
    return {"options": WriteOptions(single_put_max=ONE_PUT, crc64nvme=crc64nvme)}


def _writer(store: Any) -> Any:
    return store.write_atomic if store.supports(Capability.ATOMIC_WRITE) else store.write


def _condition(overwrite: bool, if_match: str | None) -> dict[str, Any]:
    return {"overwrite": overwrite} if if_match is None else {"overwrite": True, "if_match": if_match}


class AsyncObjects:
    """The verbs over an AsyncStore."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store

    @property
    def conditional(self) -> bool:
        """Whether the store declares conditional writes."""
        return self._store.supports(Capability.CONDITIONAL_WRITE)

    @property
    def at_hand(self) -> bool:
        """Whether the store is on a local disk or in memory."""
        return isinstance(getattr(self._store, "_backend", None), (AsyncLocalBackend, AsyncMemoryBackend))

    async def put(
        self, key: str, content: Buffer, *, overwrite: bool = False, if_match: str | None = None,
        crc64nvme: str | None = None,
    ) -> str | None:  # fmt: skip
        """Store one object and return its etag."""
        options = {**_condition(overwrite, if_match), **_options(self._store, crc64nvme)}
        written = await _writer(self._store)(key, content, **options)
        etag: str | None = written.etag
        return etag

    async def get(self, key: str, limit: int) -> Found:
        """Return an object, at most `limit` bytes and one more of it."""
        async with self._store.read(key) as stream:
            if stream.etag is not None or not self.conditional:
                return Found(await stream.read(limit + 1), stream.etag)
        # Asked before the bytes are read: an etag that is older than they are only loses a swap, a newer one would win it.
        info = await self._store.get_file_info(key)
        async with self._store.read(key) as stream:
            return Found(await stream.read(limit + 1), info.etag)

    async def fill(self, key: str, pieces: Sequence[memoryview]) -> int:
        """Fill buffers with an object from its beginning."""
        async with self._store.read(key) as stream:
            return await _filled(stream, pieces)

    async def read_into(self, key: str, view: memoryview, start: int) -> int:
        """Fill a buffer with an object's bytes from `start` on."""
        return await self._store.read_into(key, view, start)

    async def files(self, folder: str) -> list[FileInfo]:
        """Return all files below a folder."""
        return [info async for info in self._store.list_files(folder, recursive=True)]

    async def size(self, key: str) -> int:
        """Return an object's size in bytes."""
        return int((await self._store.get_file_info(key)).size)

    async def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        await self._store.delete(key, missing_ok=True)

    async def delete_folder(self, key: str) -> None:
        """Delete a folder that is empty, where there are folders."""
        if self.at_hand:
            async with _maybe():
                await self._store.delete_folder(key, missing_ok=True)


async def _filled(stream: Any, pieces: Sequence[memoryview]) -> int:
    done = 0
    for piece in pieces:
        count: int = await stream.readinto(piece)
        done += count
        if count < len(piece):
            return done
    rest: bytes = await stream.read(1)
    return done + len(rest)


@asynccontextmanager
async def _maybe() -> AsyncIterator[None]:
    """Do what may fail without harm: tidying up that another process may have done, or still needs."""
    try:
        yield
    except RemoteStoreError:
        pass  # somebody has put something there, or took it away: both are fine


class BlockingObjects:
    """The verbs over a Store: each is one call in a worker thread."""

    at_hand = False

    def __init__(self, store: Any) -> None:
        self._store = store

    @property
    def conditional(self) -> bool:
        """Whether the store declares conditional writes."""
        return bool(self._store.supports(Capability.CONDITIONAL_WRITE))

    async def put(
        self, key: str, content: Buffer, *, overwrite: bool = False, if_match: str | None = None,
        crc64nvme: str | None = None,
    ) -> str | None:  # fmt: skip
        """Store one object and return its etag."""
        options = {**_condition(overwrite, if_match), **_options(self._store, crc64nvme)}
        written = await in_thread(lambda: _writer(self._store)(key, content, **options))
        etag: str | None = getattr(written, "etag", None)
        return etag

    async def get(self, key: str, limit: int) -> Found:
        """Return an object, at most `limit` bytes and one more of it."""
        return await in_thread(self._get, key, limit)

    def _get(self, key: str, limit: int) -> Found:
        with self._store.read(key) as stream:
            etag = getattr(stream, "etag", None)
            if etag is not None or not self.conditional:
                return Found(stream.read(limit + 1), etag)
        info = self._store.get_file_info(key)
        with self._store.read(key) as stream:
            return Found(stream.read(limit + 1), info.etag)

    async def fill(self, key: str, pieces: Sequence[memoryview]) -> int:
        """Fill buffers with an object from its beginning."""
        return await in_thread(self._fill, key, pieces)

    def _fill(self, key: str, pieces: Sequence[memoryview]) -> int:
        done = 0
        with self._store.read(key) as stream:
            for piece in pieces:
                filled = 0
                while filled < len(piece) and (count := stream.readinto(piece[filled:])):
                    filled += count
                done += filled
                if filled < len(piece):
                    return done
            return done + len(stream.read(1))

    async def read_into(self, key: str, view: memoryview, start: int) -> int:
        """Fill a buffer with an object's bytes from `start` on."""
        return int(await in_thread(self._store.read_into, key, view, start))

    async def files(self, folder: str) -> list[FileInfo]:
        """Return all files below a folder."""
        return await in_thread(lambda: list(self._store.list_files(folder, recursive=True)))

    async def size(self, key: str) -> int:
        """Return an object's size in bytes."""
        info: FileInfo = await in_thread(self._store.get_file_info, key)
        return info.size

    async def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        await in_thread(lambda: self._store.delete(key, missing_ok=True))

    async def delete_folder(self, key: str) -> None:
        """Do nothing: an empty folder does no harm, and a flat store has none."""

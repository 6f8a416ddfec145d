"""A backend whose n-th operation fails, is cancelled, or is done without its answer coming back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.lowlevel

from remote_store._contract._async.streams import AsyncByteSource
from remote_store._core.errors import BackendUnavailable, OutcomeUnknown
from remote_store._core.models import FileInfo
from remote_store.backends.memory.backend import AsyncMemoryBackend

__all__ = ["MODES", "Faulty"]

MODES = ["refused", "dead", "lost", "cancelled"]
"""One operation fails; it and all after it fail; it is done and the answer lost; its caller is cancelled there."""


class Faulty(AsyncMemoryBackend):
    """Memory, whose operation number `at` (from 1 on) goes wrong as `mode` says. `count` is how many there were."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.at = 0
        self.mode = ""
        self.scope: anyio.CancelScope | None = None
        self.log: list[str] = []

    def arm(self, at: int, mode: str) -> None:
        """Count from here."""
        self.count, self.at, self.mode, self.log = 0, at, mode, []

    @property
    def struck(self) -> bool:
        """Whether the operation has come."""
        return 0 < self.at <= self.count

    async def _before(self, what: str) -> bool:
        """Go wrong before the operation; true if it is to go wrong after it."""
        self.count += 1
        self.log.append(what)
        hit = self.at and (self.count == self.at or (self.mode == "dead" and self.count > self.at))
        if not hit:
            return False
        if self.mode == "cancelled":
            assert self.scope is not None
            self.scope.cancel()
            await anyio.lowlevel.checkpoint()
        if self.mode == "lost" and what.startswith(("write", "delete")):
            return True
        raise BackendUnavailable(f"operation {self.count}, {what}, failed")

    async def write(self, path: str, content: Any, **options: Any) -> Any:
        lost = await self._before(f"write {path}")
        result = await super().write(path, content, **options)
        if lost:
            raise OutcomeUnknown("the answer was lost", path=path)
        return result

    async def write_atomic(self, path: str, content: Any, **options: Any) -> Any:
        return await self.write(path, content, **options)

    async def delete(self, path: str, **options: Any) -> None:
        lost = await self._before(f"delete {path}")
        await super().delete(path, **options)
        if lost:
            raise OutcomeUnknown("the answer was lost", path=path)

    def read(self, path: str) -> AsyncByteSource:
        return _Source(self, super().read(path), path)

    async def read_into(self, path: str, buffer: Any, start: int = 0) -> int:
        await self._before(f"read_into {path}")
        return await super().read_into(path, buffer, start)

    async def get_file_info(self, path: str) -> FileInfo:
        await self._before(f"info {path}")
        return await super().get_file_info(path)

    def list_files(self, path: str, **options: Any) -> AsyncIterator[FileInfo]:
        return _Listing(self, super().list_files(path, **options), path)


class _Source(AsyncByteSource):
    def __init__(self, faulty: Faulty, inner: AsyncByteSource, path: str) -> None:
        self._faulty, self._inner, self._path = faulty, inner, path
        self._opened = False

    async def open(self) -> None:
        if not self._opened:
            self._opened = True
            await self._faulty._before(f"read {self._path}")
        await self._inner.open()
        self.size, self.etag = self._inner.size, self._inner.etag

    async def __anext__(self) -> bytes:
        await self.open()
        return await self._inner.__anext__()


class _Listing(AsyncIterator[FileInfo]):
    def __init__(self, faulty: Faulty, inner: AsyncIterator[FileInfo], path: str) -> None:
        self._faulty, self._inner, self._path = faulty, inner, path
        self._asked = False

    async def __anext__(self) -> FileInfo:
        if not self._asked:
            self._asked = True
            await self._faulty._before(f"list {self._path}")
        return await self._inner.__anext__()

"""Real async backends with one behaviour each that a test needs: slow, failing, counting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio

from remote_store._core.keys import RemotePath
from remote_store._core.models import UNKNOWN_TIME, FileInfo
from remote_store.backends.memory.backend import AsyncMemoryBackend


class Chunks(AsyncIterator[bytes]):
    """Chunks as given; an exception among them is raised; tells how many were taken and whether it was closed."""

    def __init__(self, *items: bytes | BaseException, on_close: BaseException | None = None) -> None:
        self.items = list(items)
        self.taken = 0
        self.closed = False
        self.on_close = on_close

    async def __anext__(self) -> bytes:
        await anyio.lowlevel.checkpoint()
        if not self.items:
            raise StopAsyncIteration
        self.taken += 1
        item = self.items.pop(0)
        if isinstance(item, BaseException):
            raise item
        return item

    async def aclose(self) -> None:
        self.closed = True
        if self.on_close is not None:
            raise self.on_close


class Arrived(Chunks):
    """The same, of which so many as are left are here already."""

    @property
    def at_hand(self) -> int:
        return len(self.items)


class Reading(AsyncMemoryBackend):
    """Every read gives the same iterator."""

    def __init__(self, chunks: Any) -> None:
        super().__init__()
        self.chunks = chunks

    def read(self, path: str) -> Any:
        return self.chunks


class Listing(AsyncMemoryBackend):
    """Every listing gives `count` files and then, if there is one, an error."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        super().__init__()
        self.entries = Entries(count, error)

    def list_files(self, path: str, *, recursive: bool = False, max_depth: int | None = None) -> Any:
        return self.entries


class Entries(AsyncIterator[FileInfo]):
    def __init__(self, count: int, error: Exception | None) -> None:
        self.left = count
        self.error = error
        self.closed = False

    async def __anext__(self) -> FileInfo:
        if self.left == 0:
            raise self.error or StopAsyncIteration
        self.left -= 1
        return FileInfo(RemotePath(f"f{self.left}"), f"f{self.left}", 1, UNKNOWN_TIME)

    async def aclose(self) -> None:
        self.closed = True


class Hooked(AsyncMemoryBackend):
    """`exists` and `aclose` do what the test says."""

    def __init__(self, exists: Callable[[], Any] | None = None, aclose: Callable[[], Any] | None = None) -> None:
        super().__init__()
        self.on_exists = exists
        self.on_aclose = aclose
        self.closings = 0

    async def exists(self, path: str) -> bool:
        return await self.on_exists() if self.on_exists else await super().exists(path)

    async def aclose(self) -> None:
        self.closings += 1
        if self.on_aclose:
            await self.on_aclose()

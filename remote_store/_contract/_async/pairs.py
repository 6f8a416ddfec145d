"""What the two sides of the contract do differently, async side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from ..._core.models import FileInfo, FolderEntry

if TYPE_CHECKING:
    from .backend import AsyncBackend

__all__ = ["BackendFace", "Readable", "children", "reading"]

Readable: TypeAlias = AsyncIterator[bytes]
"""What `read` of a backend returns."""


class BackendFace:
    """Methods of a backend that only this side has: none."""


@asynccontextmanager
async def reading(backend: AsyncBackend, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """Give the chunks of an object, and close its stream at the end of the block."""
    stream = backend.read(path)
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


class children(AsyncIterator[FileInfo | FolderEntry]):  # noqa: N801  # a function on the other side
    """Iterate over the files and then the folders of a folder.

    A class because an async generator that is dropped early makes trio warn (CONTRACT 111).
    """

    def __init__(self, backend: AsyncBackend, path: str) -> None:
        self._rest: list[AsyncIterator[FileInfo] | AsyncIterator[FolderEntry]]
        self._rest = [backend.list_folders(path), backend.list_files(path)]

    async def __anext__(self) -> FileInfo | FolderEntry:
        while self._rest:
            try:
                return await self._rest[-1].__anext__()
            except StopAsyncIteration:
                self._rest.pop()
        raise StopAsyncIteration

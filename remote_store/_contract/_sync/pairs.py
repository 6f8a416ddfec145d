"""What the two sides of the contract do differently, sync side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, cast

from ..._core.capability import Capability
from ..._core.models import FileInfo, FolderEntry
from ..._core.options import given
from .content import PIECE
from .streams import RangeReader, seekable

if TYPE_CHECKING:
    from .backend import Backend

__all__ = ["BackendFace", "Readable", "children", "reading"]

Readable: TypeAlias = BinaryIO
"""What `read` of a backend returns."""


class BackendFace(ABC):  # without ABC the abstract method would not bind Backend
    """Methods of a backend that only this side has."""

    def read_seekable(self, path: str, *, version_id: str | None = None) -> BinaryIO:
        """Open a file for random access and return a seekable stream at position 0.

        A stream of `read` that can seek is returned as it is. Else ranges are fetched as they are read, where the
        backend has RANGED_READ, or the content is copied to a temporary file (8 MiB in memory, the rest on disk).
        Raises NotFound, and InvalidPath for a folder.
        """
        backend = cast("Backend", self)
        chosen = given(version_id=version_id)
        stream = backend.read(path, **chosen)
        if Capability.RANGED_READ not in backend.capabilities:
            return seekable(stream, None)
        return seekable(stream, None if chosen else lambda: _ranged(backend, path))

    @abstractmethod
    def open_atomic(self, path: str, *, overwrite: bool = False) -> AbstractContextManager[BinaryIO]:
        """Open a file for writing that appears at `path` when the block ends without an exception.

        Raises AlreadyExists and InvalidPath as `write_atomic` does.
        """


def _ranged(backend: Backend, path: str) -> RangeReader:
    size = backend.get_file_info(path).size
    return RangeReader(lambda view, start: backend.read_into(path, view, start), size)


@contextmanager
def reading(backend: Backend, path: str) -> Iterator[Iterator[bytes]]:
    """Give the chunks of an object, and close its stream at the end of the block."""
    with closing(backend.read(path)) as stream:
        yield iter(lambda: stream.read(PIECE), b"")


def children(backend: Backend, path: str) -> Iterator[FileInfo | FolderEntry]:
    """Iterate over the files and then the folders of a folder."""
    yield from backend.list_files(path)
    yield from backend.list_folders(path)

"""The file that open_atomic hands out: buffered, seekable, with our errors."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, cast

from .errors import failure

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["open_draft"]


class _RawDraft(io.FileIO):
    """A raw file, open for writing, whose errors are ours; closing it leaves the descriptor open."""

    def __init__(self, fd: int, path: str, backend: str) -> None:
        super().__init__(fd, "wb", closefd=False)
        self._path = path
        self._backend = backend

    def write(self, data: ReadableBuffer, /) -> int:
        """Write what the system takes at once; NoSpace and the like."""
        try:
            return cast(int, super().write(data))
        except OSError as error:
            raise failure(error, self._path, self._backend) from error


def open_draft(fd: int, path: str, backend: str) -> BinaryIO:
    """Return a buffered file on `fd`, which it does not own."""
    return cast(BinaryIO, io.BufferedWriter(_RawDraft(fd, path, backend)))

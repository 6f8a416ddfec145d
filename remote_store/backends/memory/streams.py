"""The file objects of the memory backend's blocking half."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import NoReturn

__all__ = ["Draft", "Snapshot"]


class Snapshot(io.BytesIO):
    """A file's content, to read and seek in; it shares the file's bytes and is not writable."""

    def writable(self) -> bool:
        """Return False."""
        return False

    def write(self, data: object) -> NoReturn:
        """Refuse: what is written here would reach nobody."""
        raise io.UnsupportedOperation("the stream is open for reading")

    def writelines(self, lines: Iterable[object]) -> NoReturn:
        """Refuse, as `write` does."""
        raise io.UnsupportedOperation("the stream is open for reading")

    def truncate(self, size: int | None = None) -> NoReturn:
        """Refuse, as `write` does."""
        raise io.UnsupportedOperation("the stream is open for reading")


class Draft(io.BytesIO):
    """A file that is being written; `content` is what it had when it was closed.

    Closing keeps the content, because wrappers such as io.TextIOWrapper close what they wrap when they are dropped.
    """

    content: bytes = b""

    def close(self) -> None:
        """Close the file and keep its content."""
        if not self.closed:
            self.content = self.getvalue()
        super().close()

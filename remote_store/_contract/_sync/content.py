"""Content on its way in, sync side: every kind a caller may hand over becomes buffers (DESIGN 6).

The hand-written half of a pair; `_async/content.py` is the other.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Set as AbstractSet
from typing import Any, BinaryIO, Protocol, TypeAlias

__all__ = ["PIECE", "AnyContent", "Buffer", "Content", "WritableContent", "content_of", "flat", "portable_content"]

Buffer: TypeAlias = bytes | bytearray | memoryview

WritableContent: TypeAlias = BinaryIO | bytes
"""What the seed's API takes; stores take every kind that `Content` lists."""


class ReadableFile(Protocol):
    """A binary file, as far as a write needs one."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, `b""` at the end."""


AnyContent: TypeAlias = Buffer | ReadableFile | Iterable[Buffer]
"""What a store's writes take: a buffer, a binary file or an iterable of buffers."""

PIECE = 256 * 1024
"""Bytes asked of a source at a time where nobody asks for more: large enough to make the call's cost vanish."""


def flat(content: object) -> memoryview | None:
    """Return a buffer as a flat view of its bytes (copied only if it is not contiguous); None for no buffer."""
    try:
        view = memoryview(content)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        return None
    if not view.c_contiguous:
        return memoryview(view.tobytes())
    if view.format == "B" and view.ndim == 1:
        return view
    return view.cast("B") if view.nbytes else memoryview(b"")


def refuse_text(content: object) -> None:
    """Raise TypeError for text: a str, or a file opened in text mode."""
    if isinstance(content, str):
        raise TypeError("content must be bytes, not str; write_text() encodes text")
    if isinstance(content, io.TextIOBase):
        raise TypeError("content must be a binary file; this one is opened in text mode")


def refuse_spent(content: object) -> None:
    """Raise ValueError for a generator that has already ended: its content is lost, not empty."""
    for frame in ("gi_frame", "ag_frame"):
        if getattr(content, frame, content) is None:
            raise ValueError("content is a generator that has already been used up")


class Content:
    """Content as a stream of buffers, and as a readable file for backends that expect one.

    Made from any buffer, an iterable of buffers, or a readable binary file. The source is read from where it
    stands and is not closed. Raises TypeError for anything else: text, mappings, async iterators.

    `buffer` is the whole content where it came as one buffer, else None.
    """

    def __init__(self, content: object) -> None:
        self.buffer: memoryview | None = None
        self._left: memoryview = memoryview(b"")
        # A function, not a bound method: a cycle would keep the caller's buffer until the next garbage collection.
        self._pull = self._chooser(content)

    def _chooser(self, content: object) -> Any:
        refuse_text(content)
        view = flat(content)
        if view is not None:
            self.buffer = self._left = view
            return Content._nothing
        if hasattr(content, "__aiter__"):
            raise TypeError("content is an async iterator; the sync API takes bytes, iterators and files")
        read = getattr(content, "read", None)
        if callable(read):
            self._read = read
            return Content._pull_file
        if isinstance(content, (Mapping, AbstractSet)) or not hasattr(content, "__iter__"):
            raise TypeError(f"content must be bytes, an iterator of bytes or a file, not {type(content).__name__}")
        refuse_spent(content)
        self._items: Iterator[object] = iter(content)
        return Content._pull_items

    @staticmethod
    def piece(item: object, what: str = "the content iterator") -> Buffer:
        """Return what an iterator yielded or a file read as a buffer, or raise TypeError for what is none."""
        if item.__class__ is bytes:
            return item
        view = None if isinstance(item, str) else flat(item)
        if view is None:
            raise TypeError(f"{what} gave {type(item).__name__}, not bytes")
        return view

    def batch(self, want: int) -> list[Buffer]:
        """Return the next buffers, together about `want` bytes; an empty list at the end.

        A buffer that its owner may change comes last in its batch: use the batch up before asking for the next.
        """
        if self._left:
            piece, self._left = self._left[:want], self._left[want:]
            return [piece]
        batch: list[Buffer] = self._pull(self, want)
        return batch

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes (all that is left if negative), `b""` at the end."""
        if size == 0:
            return b""
        pieces: list[Buffer] = []
        while size < 0 or not pieces:
            batch = [bytes(piece) for piece in self.batch(PIECE if size < 0 else size)]
            if not batch:
                break
            pieces += batch
        joined = b"".join(pieces)
        if 0 <= size < len(joined):
            self._left = memoryview(joined)[size:]
            return joined[:size]
        return joined

    def _nothing(self, want: int) -> list[Buffer]:
        return []

    def _pull_file(self, want: int) -> list[Buffer]:
        piece = self.piece(self._read(want), "read()")
        return [piece] if piece else []

    def _pull_items(self, want: int) -> list[Buffer]:
        batch: list[Buffer] = []
        size = 0
        for item in self._items:
            piece = self.piece(item)
            if piece:
                batch.append(piece)
                size += len(piece)
                if size >= want or not isinstance(piece, bytes):
                    break
        return batch


def content_of(content: object) -> bytes | Content:
    """Return content as a backend of ours wants it: `bytes` as they are, all else as `Content`."""
    if isinstance(content, (bytes, Content)):
        return content
    return Content(content)


def portable_content(content: object) -> Any:
    """Return content as any backend takes it: `bytes` and binary files as they are, all else as `Content`."""
    if content.__class__ is bytes:
        return content
    if callable(getattr(content, "read", None)):
        refuse_text(content)
        return content
    return Content(content)

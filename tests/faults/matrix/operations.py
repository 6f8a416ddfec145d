"""The columns of the matrix: each operation, the requests it sends, and what must be so afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from remote_store.testing.faults import noise

__all__ = ["BIG", "LARGE", "NEW", "OLD", "OPERATIONS", "Bench", "Operation", "finish", "finish_sync"]

MIB = 1024 * 1024
OLD = noise(1, 300_000)
NEW = noise(2, 200_000)
LARGE = noise(3, 5 * MIB + 300_000)
"""Two parts of a stream."""
BIG = noise(4, 17 * MIB)
"""What is read by several requests at once."""
PIECE = 512 * 1024
RANGES = [(0, 10), (100_000, 150_000), (290_000, 400_000)]

Stored = dict[str, tuple[bytes | None, ...]]


@dataclass(frozen=True)
class Bench:
    """A backend of either face, the folder of this cell, and the etag of its object `old`."""

    backend: Any
    folder: str
    etag: str
    asynchronous: bool

    def at(self, name: str) -> str:
        """Return a key of this cell."""
        return f"{self.folder}/{name}"

    def pieces(self) -> Any:
        """Return content as a stream, of the kind that the face takes."""
        return _pieces() if self.asynchronous else _Reader()


@dataclass(frozen=True)
class Operation:
    """`call` returns an awaitable or a value, an iterator of bytes or of entries; `right` is what it comes to.

    `stored` has, for keys of the cell, what may lie there afterwards: the first is how it was, the last how it is
    after a success.
    """

    name: str
    call: Callable[[Bench], Any]
    verbs: tuple[str, ...]
    right: Callable[[Any], Any] = lambda value: None
    expected: Any = None
    stored: Stored = field(default_factory=dict)
    whole_bytes: bool = False
    """Whether it returns all bytes of an object, whose checksum is known."""
    ranged: bool = False
    sync_only: bool = False
    creates: bool = False


async def _pieces() -> AsyncIterator[bytes]:
    for start in range(0, len(LARGE), PIECE):
        yield LARGE[start : start + PIECE]


class _Reader:
    def __init__(self) -> None:
        self._left = memoryview(LARGE)

    def read(self, size: int = -1) -> bytes:
        piece, self._left = self._left[:size], self._left[size:]
        return bytes(piece)


# Values, whatever face they come from


async def finish(value: Any, handed: bytearray) -> Any:
    """Return what an async call comes to; bytes are noted in `handed` as they are handed out."""
    if hasattr(value, "__aiter__"):
        items: list[Any] = []
        try:
            async for item in value:
                if isinstance(item, bytes):
                    handed += item
                else:
                    items.append(item)
        finally:
            if hasattr(value, "aclose"):
                await value.aclose()
        return items or bytes(handed)
    return await value


def finish_sync(value: Any, handed: bytearray) -> Any:
    """Return what a blocking call comes to."""
    if hasattr(value, "readinto"):
        with value:
            while chunk := value.read(64 * 1024):
                handed += chunk
        return bytes(handed)
    return list(value) if isinstance(value, Iterator) else value


def _read_into(bench: Bench) -> Any:
    buffer = bytearray(200_000)
    key = bench.at("old")
    if not bench.asynchronous:
        count = bench.backend.read_into(key, buffer, 50_000)
        return bytes(buffer[:count])

    async def read() -> bytes:
        count = await bench.backend.read_into(key, buffer, 50_000)
        return bytes(buffer[:count])

    return read()


def _seek(bench: Bench) -> bytes:
    with bench.backend.read(bench.at("old")) as stream:
        stream.seek(-100_000, 2)
        tail: bytes = stream.read()
        stream.seek(5)
        return bytes(stream.read(1000)) + tail


def _paths(entries: list[Any]) -> list[str]:
    return sorted(str(entry.path).partition("/")[2] for entry in entries)


def _name(entry: Any) -> tuple[str, int]:
    return str(entry.path).partition("/")[2], entry.size


NAMES = ["folder/a", "folder/b", "old"]
FRESH: Stored = {"new": (None, NEW)}
OVER: Stored = {"old": (OLD, NEW)}

OPERATIONS: list[Operation] = [
    Operation("read_bytes", lambda b: b.backend.read_bytes(b.at("old")), ("GetObject",), bytes, OLD, whole_bytes=True),
    Operation("read_bytes big", lambda b: b.backend.read_bytes("shared/big"), ("GetObject",), bytes, BIG, whole_bytes=True),
    Operation("read", lambda b: b.backend.read(b.at("old")), ("GetObject",), bytes, OLD, whole_bytes=True),
    Operation("read_into", _read_into, ("GetObject",), bytes, OLD[50_000:250_000], ranged=True),
    Operation("read_ranges", lambda b: b.backend.read_ranges(b.at("old"), RANGES), ("GetObject",), list,
              [OLD[start:stop] for start, stop in RANGES], ranged=True),
    Operation("seek", _seek, ("GetObject",), bytes, OLD[5:1005] + OLD[-100_000:], ranged=True, sync_only=True),
    Operation("write over", lambda b: b.backend.write(b.at("old"), NEW, overwrite=True), ("PutObject",), stored=OVER),
    Operation("write new", lambda b: b.backend.write(b.at("new"), NEW), ("PutObject",), stored=FRESH, creates=True),
    Operation("write if_match", lambda b: b.backend.write(b.at("old"), NEW, overwrite=True, if_match=b.etag),
              ("PutObject",), stored=OVER, creates=True),
    Operation("write parts", lambda b: b.backend.write(b.at("new"), b.pieces()),
              ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"), stored={"new": (None, LARGE)}, creates=True),
    Operation("write parts over", lambda b: b.backend.write(b.at("old"), b.pieces(), overwrite=True),
              ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"), stored={"old": (OLD, LARGE)}),
    Operation("delete", lambda b: b.backend.delete(b.at("old")), ("DeleteObject",), stored={"old": (OLD, None)}),
    Operation("copy", lambda b: b.backend.copy(b.at("old"), b.at("new")), ("CopyObject",),
              stored={"old": (OLD,), "new": (None, OLD)}, creates=True),
    Operation("move", lambda b: b.backend.move(b.at("old"), b.at("new")), ("HeadObject", "CopyObject", "DeleteObject"),
              stored={"old": (OLD, None), "new": (None, OLD)}, creates=True),
    Operation("list_files", lambda b: b.backend.list_files(b.folder, recursive=True), ("ListObjectsV2",), _paths, NAMES),
    Operation("iter_children", lambda b: b.backend.iter_children(b.folder), ("ListObjectsV2",), _paths, ["folder", "old"]),
    Operation("get_folder_info", lambda b: b.backend.get_folder_info(b.at("folder")), ("ListObjectsV2",),
              lambda info: (info.file_count, info.total_size), (2, 2)),
    Operation("get_file_info", lambda b: b.backend.get_file_info(b.at("old")), ("HeadObject",), _name, ("old", len(OLD))),
    Operation("exists", lambda b: b.backend.exists(b.at("old")), ("HeadObject",), bool, True),
    Operation("exists not", lambda b: b.backend.exists(b.at("nothing")), ("ListObjectsV2",), bool, False),
    Operation("delete_folder", lambda b: b.backend.delete_folder(b.at("folder"), recursive=True),
              ("ListObjectsV2", "DeleteObjects"), stored={"folder/a": (b"a", None), "folder/b": (b"b", None)}),
    Operation("list_uploads", lambda b: b.backend.list_uploads(b.folder), ("ListMultipartUploads",), list, []),
]  # fmt: skip
"""In the order of the table."""

"""What the two sides of a store do differently, sync side."""

from __future__ import annotations

import io
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, TypeVar

from ..._contract._async.backend import AsyncBackend
from ..._contract._sync.backend import Backend
from ..._contract._sync.content import PIECE, Content
from ..._core.capability import Capability
from ..._core.models import FolderEntry
from ..._core.options import given
from ..log import completed
from ..rules import optional

if TYPE_CHECKING:
    from .store import Store

__all__ = [
    "Gate",
    "ProxyFace",
    "ReadStream",
    "SeamFace",
    "StoreFace",
    "adopt",
    "charged_content",
    "charged_file",
    "default",
    "gated_entries",
    "gated_stream",
    "mapped",
    "open_stream",
    "pause",
    "subfolders",
    "wrapped",
]

Old = TypeVar("Old")
New = TypeVar("New")

ReadStream: TypeAlias = BinaryIO
"""What `read` of a store returns."""


class StoreFace:
    """Methods of a store that only this side has, or has another way."""

    _backend: Any

    def read_seekable(self, path: str, *, version_id: str | None = None) -> BinaryIO:
        """Open a file for random access and return a seekable stream at position 0.

        Where the backend's own stream can't seek, ranges are fetched as they are read (RANGED_READ), or the content
        is copied to a temporary file. Raises NotFound, and InvalidPath for a folder.
        """
        key = self._file("read_seekable", path, Capability.READ)
        stream: BinaryIO = self._backend.read_seekable(key, **optional(self._backend, version_id=version_id))
        return stream

    def _file(self, op: str, path: str, capability: Capability) -> str:
        raise NotImplementedError(f"{type(self).__name__} must say which key {path!r} is")

    @contextmanager
    def _open_atomic(self, key: str, path: str, overwrite: bool) -> Iterator[BinaryIO]:
        with self._backend.open_atomic(key, overwrite=overwrite) as file:
            yield file
        completed("open_atomic", path, self._backend)


class ProxyFace:
    """Methods that only this side's proxy hands on."""

    _inner: Any

    def read_seekable(self, path: str, *, version_id: str | None = None) -> BinaryIO:
        """Open a file for random access and return a seekable stream at position 0."""
        stream: BinaryIO = self._inner.read_seekable(path, **given(version_id=version_id))
        return stream


def adopt(backend: Any) -> Any:
    """Return a backend that sync code can call: an async one is wrapped, anything else is taken as it is."""
    if isinstance(backend, AsyncBackend):
        from ..._bridge.to_sync import AsyncBackendSyncAdapter

        return AsyncBackendSyncAdapter(backend)
    return backend


def wrapped(backend: Any) -> Any:
    """Return the backend that `adopt` was given, which is what makes two stores the same (CONTRACT 79)."""
    from ..._bridge.to_sync import AsyncBackendSyncAdapter

    return backend._async_backend if type(backend) is AsyncBackendSyncAdapter else backend


def open_stream(backend: Any, key: str, **options: object) -> BinaryIO:
    """Return the content of an object as a stream."""
    stream: BinaryIO = backend.read(key, **options)
    return stream


def default(backend: Any, method: str, base: Any) -> Callable[..., Any]:
    """Return a method that backends from before it don't have: the backend's own, or the default of `base`."""
    own: Callable[..., Any] | None = getattr(backend, method, None)
    return own or partial(getattr(base, method), backend)


def mapped(entries: Iterator[Old], change: Callable[[Old], New | None] | None) -> Iterator[Any]:
    """Iterate over the changed entries, without those for which `change` returns None."""
    if change is None:
        return entries
    return (new for entry in entries if (new := change(entry)) is not None)


def subfolders(backend: Any, key: str, depth: int) -> Iterator[FolderEntry]:
    """Iterate over the folders below `key`, breadth first, `depth` levels beyond the immediate ones."""
    if depth == 0:
        entries: Iterator[FolderEntry] = backend.list_folders(key)
        return entries
    return _descend(backend, key, depth)


def _descend(backend: Any, key: str, depth: int) -> Iterator[FolderEntry]:
    waiting = deque([(key, 0)])
    while waiting:
        folder, level = waiting.popleft()
        for entry in backend.list_folders(folder):
            if level < depth:
                waiting.append((str(entry.path), level + 1))
            yield entry


# The seam (see seam.py): what passes it that is no plain call


class SeamFace:
    """Methods that only this side's seam has."""

    _inner: Store
    _refuse: Callable[[str], None]

    def read_seekable(self, path: str, *, version_id: str | None = None) -> BinaryIO:
        """Open a file for random access and return a seekable stream at position 0."""
        self._refuse("read_seekable")
        return gated_stream(
            self, "read_seekable", lambda: self._inner.read_seekable(path, **given(version_id=version_id))
        )


def gated_entries(seam: Any, operation: str, entries: Iterator[Old]) -> Iterator[Old]:
    """Iterate over a listing whose beginning passes the seam."""
    seam._refuse(operation)
    return _gated(seam, operation, entries)


def _gated(seam: Any, operation: str, entries: Iterator[Old]) -> Iterator[Old]:
    with seam._call(operation):
        first = list(islice(entries, 1))
    yield from first
    yield from entries


def gated_stream(seam: Any, operation: str, start: Callable[[], BinaryIO]) -> BinaryIO:
    """Return a stream whose opening passes the seam, which is told of its bytes."""
    with seam._call(operation):
        stream = start()
    if not seam._counts_bytes:
        return stream
    return io.BufferedReader(_ChargedStream(seam, stream))


class _ChargedStream(io.RawIOBase):
    def __init__(self, seam: Any, stream: BinaryIO) -> None:
        self._seam = seam
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self._seam._charge(len(data))
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
            super().close()


def charged_content(seam: Any, content: Any) -> Any:
    """Return content whose bytes the seam is told of before they go."""
    if not seam._counts_bytes:
        return content
    source = Content(content)
    if source.buffer is None:
        return _charged_pieces(seam, source)
    seam._charge(len(source.buffer))
    return content


def _charged_pieces(seam: Any, source: Content) -> Iterator[Any]:
    while batch := source.batch(PIECE):
        for piece in batch:
            seam._charge(len(piece))
            yield piece


def charged_file(seam: Any, file: BinaryIO) -> Any:
    """Return an open file whose bytes the seam is told of before they go."""
    return _ChargedFile(seam, file)


class _ChargedFile:
    def __init__(self, seam: Any, file: BinaryIO) -> None:
        self._seam = seam
        self._file = file

    def write(self, data: Any) -> int:
        self._seam._charge(len(data))
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def pause(seconds: float) -> None:
    """Wait, if there is anything to wait for."""
    if seconds > 0:
        time.sleep(seconds)


class Gate:
    """So many places; a thread that has one needs no other."""

    def __init__(self, places: int) -> None:
        self._semaphore = threading.BoundedSemaphore(places)
        self._holds = threading.local()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for a place and hold it for the block."""
        if getattr(self._holds, "one", False):
            yield
            return
        with self._semaphore:
            self._holds.one = True
            try:
                yield
            finally:
                self._holds.one = False

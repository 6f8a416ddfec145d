"""What the two sides of a store do differently, sync side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, TypeAlias, TypeVar

from ..._contract._async.backend import AsyncBackend
from ..._contract._sync.backend import Backend
from ..._core.capability import Capability
from ..._core.models import FolderEntry
from ..log import completed

__all__ = ["ProxyFace", "ReadStream", "StoreFace", "adopt", "default", "mapped", "open_stream", "subfolders", "wrapped"]

Old = TypeVar("Old")
New = TypeVar("New")

ReadStream: TypeAlias = BinaryIO
"""What `read` of a store returns."""


class StoreFace:
    """Methods of a store that only this side has, or has another way."""

    _backend: Any

    def read_seekable(self, path: str) -> BinaryIO:
        """Open a file for random access and return a seekable stream at position 0.

        Where the backend's own stream can't seek, ranges are fetched as they are read (RANGED_READ), or the content
        is copied to a temporary file. Raises NotFound, and InvalidPath for a folder.
        """
        stream: BinaryIO = self._backend.read_seekable(self._file("read_seekable", path, Capability.READ))
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

    def read_seekable(self, path: str) -> BinaryIO:
        """Open a file for random access and return a seekable stream at position 0."""
        stream: BinaryIO = self._inner.read_seekable(path)
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

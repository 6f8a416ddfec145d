"""What the two sides of the extensions do differently, sync side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Protocol, TypeVar, cast

from ..._contract._sync.content import Buffer
from ..._contract._sync.streams import SPOOL_BYTES
from ..._core.options import given
from ..._store._sync.pairs import mapped
from ..._store._sync.store import Store
from .._at_once import calls_at_once
from .._lifting import on_loop
from .._local import local_draft, refuse_existing as refuse_local

__all__ = [
    "CachedFace",
    "Digest",
    "ObservedFace",
    "at_once",
    "counted",
    "deferred",
    "draft_with_metadata",
    "fed",
    "listed",
    "local_draft",
    "local_file",
    "mapped",
    "opened",
    "refuse_local",
]

T = TypeVar("T")


class Digest(Protocol):
    """A hash object of `hashlib`, as far as it is used here."""

    def update(self, data: Buffer, /) -> None: ...

    def hexdigest(self) -> str: ...


def fed(digest: Digest, piece: Buffer) -> None:
    """Add `piece` to a digest."""
    digest.update(piece)


def at_once(store: Store, *args: Any) -> list[Any]:
    """Make many calls of one method at the same time; see `calls_at_once`."""
    return on_loop(calls_at_once, [store], *args)


class ObservedFace:
    """Methods that only this side's observed store has."""

    _inner: Store

    def read_seekable(self, path: str, *, version_id: str | None = None) -> BinaryIO:
        """Open a file for random access and return a seekable stream at position 0."""
        with self._observing("read_seekable", path):
            return self._inner.read_seekable(path, **given(version_id=version_id))

    def _observing(self, operation: str, path: str) -> AbstractContextManager[Any]:
        raise NotImplementedError(f"{type(self).__name__} must say who is told of {operation} {path!r}")


class CachedFace:
    """Methods that only this side's cached store has: none, for `read_seekable` is not cached."""


# Listings


def deferred(load: Callable[[], Iterable[T]]) -> Iterator[T]:
    """Iterate over what `load` returns, which runs at once."""
    return iter(load())


def listed(around: Callable[[], AbstractContextManager[Any]], start: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Iterate over a listing that is read to its end within `around`."""
    with around():
        return iter(list(start()))


# Streams


def opened(around: Callable[[], AbstractContextManager[Any]], start: Callable[[], BinaryIO]) -> BinaryIO:
    """Return the stream of `start`, which is opened within `around`."""
    with around():
        return start()


def counted(source: BinaryIO, on_progress: Callable[[int], None] | None) -> Any:
    """Return content for a write that tells `on_progress` the bytes of each piece that is taken from it."""
    from .streams import ProgressReader

    return source if on_progress is None else ProgressReader(source, on_progress)


@contextmanager
def draft_with_metadata(store: Store, path: str, overwrite: bool, metadata: Mapping[str, str]) -> Iterator[BinaryIO]:
    """Open a file for writing as `open_atomic` does, with metadata; what is written waits in a spool."""
    with SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
        yield cast(BinaryIO, spool)
        spool.seek(0)
        store.write_atomic(path, cast(BinaryIO, spool), overwrite=overwrite, metadata=metadata)


# Local files


def local_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a local file for reading."""
    return open(path, "rb")

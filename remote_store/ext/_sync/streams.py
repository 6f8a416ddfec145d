"""Wrappers around binary streams that count bytes or hash them on the way; the hand-written sync half of a pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, BinaryIO, Self

from ..._contract._sync.content import Buffer
from ..._store._sync.store import Store
from .._digest import new_digest

__all__ = ["ChecksumReader", "ChecksumWriter", "ProgressReader", "ProgressWriter", "read_with_progress"]


class _Wrapper:
    """A stream around another. What it doesn't have itself it asks of the inner one; closing closes that."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner

    def close(self) -> None:
        """Close the inner stream."""
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # an object that is being copied has none yet
            raise AttributeError(name)
        return getattr(self._inner, name)


class _Reader(_Wrapper):
    """A readable stream that tells `_seen` about all that is read, however it is read."""

    def _seen(self, data: Buffer) -> None:
        raise NotImplementedError

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, all that is left for -1."""
        return self._told(self._inner.read(size))

    def readline(self, size: int = -1) -> bytes:
        """Return the next line, at most `size` bytes of it."""
        return self._told(self._inner.readline(size))

    def readlines(self, hint: int = -1) -> list[bytes]:
        """Return the lines that are left, or about `hint` bytes of them."""
        return [self._told(line) for line in self._inner.readlines(hint)]

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` and return the number of bytes."""
        count: int = self._inner.readinto(buffer)  # type: ignore[attr-defined]
        if count:
            self._seen(memoryview(buffer)[:count])
        return count

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def _told(self, data: bytes) -> bytes:
        if data:
            self._seen(data)
        return data


class ProgressReader(_Reader):
    """A readable stream that calls `callback` with the number of bytes of each read that gave any."""

    def __init__(self, inner: BinaryIO, callback: Callable[[int], None]) -> None:
        super().__init__(inner)
        self._callback = callback

    def _seen(self, data: Buffer) -> None:
        self._callback(len(data))


class ProgressWriter(_Wrapper):
    """A writable stream that calls `callback` with the number of bytes of each write that had any."""

    def __init__(self, inner: BinaryIO, callback: Callable[[int], None]) -> None:
        super().__init__(inner)
        self._callback = callback

    def write(self, data: Buffer) -> int:
        """Write `data` and return what the inner stream returns."""
        written = self._inner.write(data)
        if data:
            self._callback(len(data))
        return written


class _Hashing(_Wrapper):
    """A stream with a digest of what went through it. Raises ValueError for an algorithm that `hashlib` lacks."""

    def __init__(self, inner: BinaryIO, algorithm: str = "sha256") -> None:
        super().__init__(inner)
        self._algorithm = algorithm.lower()
        self._hash = new_digest(algorithm)

    @property
    def algorithm(self) -> str:
        """The algorithm's name in lower case."""
        return self._algorithm

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far, in lower case."""
        digest: str = self._hash.hexdigest()
        return digest


class ChecksumReader(_Hashing, _Reader):
    """A readable stream that hashes what is read; `algorithm` is a name that `hashlib.new` knows."""

    def _seen(self, data: Buffer) -> None:
        self._hash.update(data)


class ChecksumWriter(_Hashing):
    """A writable stream that hashes what is written; `algorithm` is a name that `hashlib.new` knows."""

    def write(self, data: Buffer) -> int:
        """Write `data` and return what the inner stream returns."""
        written = self._inner.write(data)
        self._hash.update(data)
        return written


def read_with_progress(store: Store, path: str, callback: Callable[[int], None]) -> ProgressReader:
    """Open a file of a store and return its stream, which tells `callback` the bytes of each read; close it yourself.

    Raises what `store.read` raises.
    """
    return ProgressReader(store.read(path), callback)

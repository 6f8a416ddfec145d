"""Wrappers around async streams that count bytes or hash them on the way; the hand-written async half of a pair."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

from ..._contract._sync.content import Buffer
from ..._store._async.store import AsyncStore
from .._digest import new_digest
from .pairs import fed

__all__ = ["ChecksumReader", "ChecksumWriter", "ProgressReader", "ProgressWriter", "read_with_progress"]


class _Wrapper:
    """A stream around another. What it doesn't have itself it asks of the inner one; closing closes that."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def aclose(self) -> None:
        """Close the inner stream."""
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        enter = getattr(self._inner, "__aenter__", None)
        if enter is not None:
            await enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # an object that is being copied has none yet
            raise AttributeError(name)
        return getattr(self._inner, name)


class _Reader(_Wrapper, AsyncIterator[bytes]):
    """A readable stream that tells `_seen` about all that is read, however it is read."""

    async def _seen(self, data: Buffer) -> None:
        raise NotImplementedError

    async def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, all that is left for -1."""
        data: bytes = await self._inner.read(size)
        if data:
            await self._seen(data)
        return data

    async def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` and return the number of bytes."""
        count: int = await self._inner.readinto(buffer)
        if count:
            await self._seen(memoryview(buffer)[:count])
        return count

    async def __anext__(self) -> bytes:
        data: bytes = await self._inner.__anext__()
        if data:
            await self._seen(data)
        return data


class ProgressReader(_Reader):
    """A readable stream that calls `callback` with the number of bytes of each read that gave any."""

    def __init__(self, inner: Any, callback: Callable[[int], None]) -> None:
        super().__init__(inner)
        self._callback = callback

    async def _seen(self, data: Buffer) -> None:
        self._callback(len(data))


class ProgressWriter(_Wrapper):
    """A writable stream that calls `callback` with the number of bytes of each write that had any."""

    def __init__(self, inner: Any, callback: Callable[[int], None]) -> None:
        super().__init__(inner)
        self._callback = callback

    async def write(self, data: Buffer) -> int:
        """Write `data` and return what the inner stream returns."""
        written: int = await self._inner.write(data)
        if data:
            self._callback(len(data))
        return written


class _Hashing(_Wrapper):
    """A stream with a digest of what went through it. Raises ValueError for an algorithm that `hashlib` lacks."""

    def __init__(self, inner: Any, algorithm: str = "sha256") -> None:
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

    async def _seen(self, data: Buffer) -> None:
        await fed(self._hash, data)


class ChecksumWriter(_Hashing):
    """A writable stream that hashes what is written; `algorithm` is a name that `hashlib.new` knows."""

    async def write(self, data: Buffer) -> int:
        """Write `data` and return what the inner stream returns."""
        written: int = await self._inner.write(data)
        await fed(self._hash, data)
        return written


def read_with_progress(store: AsyncStore, path: str, callback: Callable[[int], None]) -> ProgressReader:
    """Open a file of a store and return its stream, which tells `callback` the bytes of each read.

    Raises what `store.read` raises.
    """
    return ProgressReader(store.read(path), callback)

"""What a check works on: a fresh, empty backend with the means to arrange it and to look behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from .._contract._async.backend import AsyncBackend
from .._contract._sync.backend import Backend
from .._core.capability import Capability
from .._core.errors import InvalidPath, NotFound
from .._store._async.store import AsyncStore
from .asserting import equal
from .inline_store import inline_store

__all__ = ["BackDoor", "Case", "CannotArrange", "Pieces", "drain", "listed"]


class BackDoor(Protocol):
    """A way to the stored bytes that does not lead through the backend, so that no write is judged by its own read.

    Both are blocking calls. `peek` returns a file's content, or None where there is none; `poke` puts a file there,
    making the folders above it.
    """

    def peek(self, key: str) -> bytes | None:
        """Return what is stored under `key`, or None."""

    def poke(self, key: str, data: bytes) -> None:
        """Store `data` under `key`."""


class CannotArrange(Exception):
    """The check needs a file, the backend does not write, and there is no back door: nothing can be said."""


@dataclass
class Case:
    """A backend under test. It is fresh: its root is empty.

    `backend` is always async; for a blocking backend, which then is also in `blocking`, it is a view that calls it
    inline. `flat` and `bare` are as in `checks_for`.
    """

    backend: AsyncBackend
    blocking: Backend | None = None
    flat: bool = False
    bare: bool = False
    door: BackDoor | None = None

    @property
    def subject(self) -> AsyncBackend | Backend:
        """The very object under test."""
        return self.blocking or self.backend

    def has(self, capability: Capability) -> bool:
        """Return whether the backend declares `capability`."""
        return capability in self.backend.capabilities

    async def put(self, key: str, data: bytes = b"content") -> bytes:
        """Put a file there, by the back door if there is one, and return its content."""
        if self.door is not None:
            self.door.poke(key, data)
        elif self.has(Capability.WRITE):
            await self.backend.write(key, data, overwrite=True)
        else:
            raise CannotArrange(f"{self.backend.name} does not write, and the suite has no back door")
        return data

    async def content(self, key: str) -> bytes | None:
        """Return a file's content, by the back door if there is one; None where there is no file."""
        if self.door is not None:
            return self.door.peek(key)
        try:
            return await self.backend.read_bytes(key)
        except (NotFound, InvalidPath):
            return None

    async def holds(self, wanted: dict[str, bytes], what: str = "the files in the store") -> None:
        """Fail unless the store has exactly these files with these contents."""
        for key, data in wanted.items():
            equal(await self.content(key), data, f"{what}: content of {key!r}")
        if self.has(Capability.LIST):
            found = await listed(self.backend.list_files("", recursive=True))
            equal(found, sorted(wanted), what)

    def store(self, root: str = "") -> AsyncStore:
        """Return a store over the backend: an `AsyncStore`, or for a blocking backend a `Store` seen as one."""
        if self.blocking is not None:
            return inline_store(self.blocking, root)
        return AsyncStore(self.backend, root)

    def writers(self) -> list[tuple[str, Callable[..., Any]]]:
        """Return the ways to write that the backend declares, each with its name."""
        ways: list[tuple[str, Callable[..., Any]]] = [("write", self.backend.write)]
        if self.has(Capability.ATOMIC_WRITE):
            ways.append(("write_atomic", self.backend.write_atomic))
        return ways


class Pieces(AsyncIterator[Any]):
    """Content as an async iterator: yields `pieces`, then raises `error` if there is one."""

    def __init__(self, *pieces: object, error: BaseException | None = None) -> None:
        self._pieces = iter(pieces)
        self._error = error

    async def __anext__(self) -> Any:
        for piece in self._pieces:
            return piece
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration


async def drain(chunks: AsyncIterator[bytes]) -> bytes:
    """Return all that is left of a read stream."""
    return b"".join([chunk async for chunk in chunks])


async def listed(entries: AsyncIterator[Any] | Iterable[Any]) -> list[str]:
    """Return the keys of a listing, sorted; an entry that comes twice is there twice."""
    if isinstance(entries, AsyncIterator):
        return sorted([str(entry.path) async for entry in entries])
    return sorted(str(entry.path) for entry in entries)

"""One store seen through three faces: sync, async on asyncio, async on trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio

from remote_store._core.errors import RemoteStoreError
from remote_store._store._async.store import AsyncStore
from remote_store._store._sync.store import Store
from remote_store.backends.local.backend import AsyncLocalBackend
from remote_store.backends.local.sync import LocalBackend
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.backends.memory.sync import MemoryBackend
from tests.backends.local.disk import open_below, snapshot

FACES = [f"{disk}-{face}" for disk in ("memory", "local") for face in ("sync", "asyncio", "trio")]


class Face:
    """A store that is asked by the name of a method; answers are awaited, iterators and streams read to the end."""

    def __init__(self, name: str, root: Path) -> None:
        self.disk, _, self.face = name.partition("-")
        self.root = root
        self.is_sync = self.face == "sync"
        backend: Any
        if self.is_sync:
            backend = LocalBackend(str(root)) if self.disk == "local" else MemoryBackend()
            self.store: Any = Store(backend)
        else:
            backend = AsyncLocalBackend(str(root)) if self.disk == "local" else AsyncMemoryBackend()
            self.store = AsyncStore(backend)
        self._blocking = backend._blocking if self.is_sync else backend.blocking

    def do(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method of the store and return all of its answer."""
        return self.run(lambda: getattr(self.store, method)(*args, **options))

    def run(self, act: Callable[[], Any]) -> Any:
        """Run `act` on this face's loop and return all of what it answers."""
        if self.is_sync:
            return _everything(act())

        async def main() -> Any:
            return await _all_of(act())

        return anyio.run(main, backend=self.face)

    def content(self) -> dict[str, object]:
        """Return all that is stored, seen from behind."""
        if self.disk == "local":
            assert open_below(self.root) == [], "a descriptor was left open"
            return snapshot(self.root)
        found: dict[str, object] = {
            str(info.path): self._blocking.read_bytes(str(info.path))
            for info in self._blocking.list_files("", recursive=True)
        }
        waiting = [""]
        while waiting:
            for entry in self._blocking.list_folders(waiting.pop()):
                found[str(entry.path)] = None
                waiting.append(str(entry.path))
        return found

    def source(self, pieces: Iterator[Any]) -> Any:
        """Return the pieces as this face's own kind of iterator."""
        return pieces if self.is_sync else as_async(pieces)


async def as_async(pieces: Iterator[Any]) -> AsyncIterator[Any]:
    """Yield pieces asynchronously."""
    for piece in pieces:
        await anyio.lowlevel.checkpoint()
        yield piece


def _everything(answer: Any) -> Any:
    if hasattr(answer, "read") and hasattr(answer, "close"):
        with answer as stream:
            return stream.read()
    return list(answer) if isinstance(answer, Iterator) else answer


async def _all_of(answer: Any) -> Any:
    if hasattr(answer, "__await__"):
        answer = await answer
    if hasattr(answer, "read") and hasattr(answer, "__aenter__"):
        async with answer as stream:
            return await stream.read()
    return [entry async for entry in answer] if hasattr(answer, "__aiter__") else answer


def refusal(act: Callable[[], Any]) -> BaseException | None:
    """Return how `act` is refused: an error of ours, a ValueError or a TypeError; None if it is not."""
    try:
        act()
    except (RemoteStoreError, ValueError, TypeError) as error:
        return error
    return None

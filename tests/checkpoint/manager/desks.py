"""A manager seen through three faces, over the stores that the tests have."""

from __future__ import annotations

from inspect import isawaitable
from pathlib import Path
from typing import Any

import anyio

from remote_store import Store
from remote_store.aio import AsyncStore
from remote_store.backends import LocalBackend, MemoryBackend
from remote_store.backends.local.backend import AsyncLocalBackend
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.checkpoint import AsyncCheckpointManager, CheckpointManager

__all__ = ["FACES", "PLACES", "Desk", "state"]

FACES = ["asyncio", "trio", "sync"]
PLACES = ["memory", "local", "seaweedfs"]


class Desk:
    """A store, and managers over it that are asked by the name of a method; answers are awaited on the face's loop."""

    def __init__(self, place: str, face: str, root: Path, s3: dict[str, Any] | None = None) -> None:
        self.place, self.face, self.root = place, face, root
        self.is_sync = face == "sync"
        self.backend = self._backend(s3)
        self.store: Any = Store(self.backend) if self.is_sync else AsyncStore(self.backend)
        self._managers: list[Any] = []

    def _backend(self, s3: dict[str, Any] | None) -> Any:
        if self.place == "memory":
            return MemoryBackend() if self.is_sync else AsyncMemoryBackend()
        if self.place == "local":
            return LocalBackend(str(self.root)) if self.is_sync else AsyncLocalBackend(str(self.root))
        from remote_store.backends.s3.backend import AsyncS3Backend
        from remote_store.backends.s3.sync import S3Backend

        assert s3 is not None
        return S3Backend(**s3) if self.is_sync else AsyncS3Backend(**s3)

    def manager(self, root: str = "run", *, store: Any = None, **options: Any) -> Any:
        """A new manager, as another process would have."""
        kind = CheckpointManager if self.is_sync else AsyncCheckpointManager
        made = kind(self.store if store is None else store, root, **options)
        self._managers.append(made)
        return made

    def do(self, act: Any) -> Any:
        """Run `act` on the face's loop, and return its answer."""
        if self.is_sync:
            return act()

        async def main() -> Any:
            answer = act()
            return await answer if isawaitable(answer) else answer

        return anyio.run(main, backend=self.face)

    # The back door: what is in the store, whatever a manager says

    def files(self) -> dict[str, bytes]:
        """All objects by key."""
        if self.is_sync:
            keys = [str(info.path) for info in self.store.list_files("", recursive=True)]
            return {key: self.store.read_bytes(key) for key in keys}

        async def read() -> dict[str, bytes]:
            keys = [str(info.path) async for info in self.store.list_files("", recursive=True)]
            return {key: await self.store.read_bytes(key) for key in keys}

        found: dict[str, bytes] = self.do(read)
        return found

    def put(self, key: str, data: bytes) -> None:
        """Replace an object."""
        self.do(lambda: self.store.write(key, data, overwrite=True))

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.do(lambda: self.store.delete(key))

    def close(self) -> None:
        """Close the managers and the store."""
        for manager in self._managers:
            self.do(manager.close if self.is_sync else manager.aclose)
        self.do(self.store.close if self.is_sync else self.store.aclose)


def state(seed: int, size: int = 3000) -> dict[str, Any]:
    """A small state with items of several kinds, another one for each seed."""
    pattern = bytes((seed * 31 + at * 7) % 251 for at in range(size))
    return {
        "weights": pattern * 3,
        "bias": bytearray(pattern[:77]),
        "empty": b"",
        "config": {"seed": seed, "layers": [1, 2, 3], "name": "ünï/code", "none": None},
        "step": seed,
        "name with / and \u00e9": memoryview(pattern)[5:500],
    }

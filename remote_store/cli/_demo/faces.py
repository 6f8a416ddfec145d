"""The ways of running the same steps: on asyncio, on trio, and with blocking calls."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import anyio

from ..._contract.threads import in_thread
from ..._core.capability import Capability
from ..._core.errors import InvalidConfig, NotFound
from ..._store.opening import open_async_store, open_store
from ...checkpoint.async_checkpoint import AsyncCheckpoint
from ...checkpoint.sync_checkpoint import SyncCheckpoint
from ...checkpoint.transfer import Progress
from .compare import differences, sync_differences
from .foreground import Blocked, training, training_while
from .source import Source

__all__ = ["LATEST", "Face", "faces", "remove", "url_of"]

LATEST = "LATEST"
"""The small object that names the newest step: it is replaced as a whole, after the step is complete."""

T = TypeVar("T")


class Face(Protocol):
    """What the story needs, in blocking form; each save and restore runs beside a foreground, whose delays it adds."""

    name: str

    def save(self, source: Source, url: str, blocked: Blocked, progress: Progress | None) -> None:
        """Save everything below `url`."""

    def restore(self, url: str, target: Path, blocked: Blocked, progress: Progress | None) -> None:
        """Restore a step into an existing folder."""

    def idle(self, seconds: float, late: Blocked) -> None:
        """Let the foreground run alone."""

    def set_latest(self, url: str, step: str) -> None:
        """Name the newest step, in place of what was named when this looked."""

    def latest(self, url: str) -> str | None:
        """Return the step that is named."""

    def landed(self, url: str, step: str) -> dict[str, int]:
        """Return the sizes of a step's files by key."""

    def differences(self, url: str, step: str, source: Source, keys: list[str], number: int) -> list[str]:
        """Return the keys of a step that don't hold every byte they must."""


def faces(name: str, concurrency: int) -> Face:
    """Return the face of that name. Raises InvalidConfig if its loop is not installed."""
    return SyncFace(concurrency) if name == "sync" else AsyncFace(name, concurrency)


def remove(url: str, folder: str) -> None:
    """Remove a folder and what is in it; by blocking calls, which work after whatever has broken off a loop."""
    with open_store(url) as store:
        store.delete_folder(folder, recursive=True, missing_ok=True)


def url_of(url: str, *names: str) -> str:
    """Return the URL of something below a URL, before its options."""
    place, question, options = url.partition("?") if "://" in url else (url, "", "")
    return "/".join([place.rstrip("/"), *names]) + question + options


class AsyncFace:
    """AsyncCheckpoint and AsyncStore on one of the loops."""

    def __init__(self, name: str, concurrency: int) -> None:
        self.name = name
        self._concurrency = concurrency
        try:
            # All of the loop is imported here: Ctrl-C in the middle of an import would leave half a module behind.
            self._run(in_thread, int)
        except (ImportError, LookupError):
            raise InvalidConfig(f"{name} is not installed; pip install 'remote-store-aio[{name}]'") from None

    def save(self, source: Source, url: str, blocked: Blocked, progress: Progress | None) -> None:
        """Save everything below `url`, file by file."""
        checkpoint = AsyncCheckpoint(url, layout="folder", concurrency=self._concurrency)
        save = partial(checkpoint.save, source.workspace, ignore=source.ignore(), progress=progress)
        self._run(_beside_training, save, blocked)

    def restore(self, url: str, target: Path, blocked: Blocked, progress: Progress | None) -> None:
        """Restore a step into an existing folder."""
        checkpoint = AsyncCheckpoint(url, url, layout="folder", concurrency=self._concurrency)
        self._run(_beside_training, partial(checkpoint.restore, target, progress=progress), blocked)

    def idle(self, seconds: float, late: Blocked) -> None:
        """Let the foreground run alone."""
        self._run(_beside_training, partial(anyio.sleep, seconds), late)

    def set_latest(self, url: str, step: str) -> None:
        """Name the newest step, on condition that nobody else has named one meanwhile, where the store can."""

        async def write() -> None:
            async with open_async_store(url) as store:
                now = await store.get_file_info(LATEST) if await store.is_file(LATEST) else None
                etag = now.etag if now is not None and store.supports(Capability.CONDITIONAL_WRITE) else None
                put = store.write_atomic if store.supports(Capability.ATOMIC_WRITE) else store.write
                await put(LATEST, step.encode(), overwrite=now is not None, if_match=etag)

        self._run(write)

    def latest(self, url: str) -> str | None:
        """Return the step that is named."""

        async def read() -> str | None:
            async with open_async_store(url) as store:
                try:
                    return await store.read_text(LATEST)
                except NotFound:
                    return None

        return self._run(read)

    def landed(self, url: str, step: str) -> dict[str, int]:
        """Return the sizes of a step's files by key."""

        async def listed() -> dict[str, int]:
            async with open_async_store(url_of(url, step)) as store:
                return {str(info.path): info.size async for info in store.list_files("", recursive=True)}

        return self._run(listed)

    def differences(self, url: str, step: str, source: Source, keys: list[str], number: int) -> list[str]:
        """Return the keys of a step that don't hold every byte they must."""

        async def compared() -> list[str]:
            async with open_async_store(url_of(url, step)) as store:
                return await differences(store, source, keys, number, self._concurrency)

        return self._run(compared)

    def _run(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        return anyio.run(function, *args, backend=self.name)


async def _beside_training(work: Callable[[], Awaitable[object]], blocked: Blocked) -> None:
    async with _training(blocked):
        await work()


@asynccontextmanager
async def _training(blocked: Blocked) -> AsyncIterator[None]:
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(training, blocked)
        try:
            yield
        except Exception as error:  # noqa: BLE001  # raised outside, where the group can't wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


class SyncFace:
    """SyncCheckpoint in a thread and Store, with the foreground in the main thread."""

    name = "sync"

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency

    def save(self, source: Source, url: str, blocked: Blocked, progress: Progress | None) -> None:
        """Save everything below `url`."""
        checkpoint = SyncCheckpoint(url, concurrency=self._concurrency)
        _beside(partial(checkpoint.save, source.workspace, ignore=source.ignore()), blocked, progress)

    def restore(self, url: str, target: Path, blocked: Blocked, progress: Progress | None) -> None:
        """Restore a step into an existing folder."""
        checkpoint = SyncCheckpoint(url, url, concurrency=self._concurrency)
        _beside(partial(checkpoint.restore, target), blocked, progress)

    def idle(self, seconds: float, late: Blocked) -> None:
        """Let the foreground run alone."""
        end = time.perf_counter() + seconds
        training_while(lambda: time.perf_counter() < end, late)

    def set_latest(self, url: str, step: str) -> None:
        """Name the newest step, on condition that nobody else has named one meanwhile, where the store can."""
        with open_store(url) as store:
            now = store.get_file_info(LATEST) if store.is_file(LATEST) else None
            etag = now.etag if now is not None and store.supports(Capability.CONDITIONAL_WRITE) else None
            put = store.write_atomic if store.supports(Capability.ATOMIC_WRITE) else store.write
            put(LATEST, step.encode(), overwrite=now is not None, if_match=etag)

    def latest(self, url: str) -> str | None:
        """Return the step that is named."""
        with open_store(url) as store:
            try:
                return store.read_text(LATEST)
            except NotFound:
                return None

    def landed(self, url: str, step: str) -> dict[str, int]:
        """Return the sizes of a step's files by key."""
        with open_store(url_of(url, step)) as store:
            return {str(info.path): info.size for info in store.list_files("", recursive=True)}

    def differences(self, url: str, step: str, source: Source, keys: list[str], number: int) -> list[str]:
        """Return the keys of a step that don't hold every byte they must."""
        with open_store(url_of(url, step)) as store:
            return sync_differences(store, source, keys, number)


class _StoppedError(Exception):
    """Ends a save in another thread, at its next file."""


def _beside(work: Callable[..., object], blocked: Blocked, progress: Progress | None) -> None:
    """Do the work in a thread while this one trains; Ctrl-C here ends it there."""
    stop = threading.Event()

    def landed(done: int, total: int, key: str) -> None:
        if stop.is_set():
            raise _StoppedError
        if progress is not None:
            progress(done, total, key)

    with ThreadPoolExecutor(1, thread_name_prefix="checkpoint") as pool:
        running = pool.submit(partial(work, progress=landed))
        try:
            training_while(lambda: not running.done(), blocked)
        finally:
            stop.set()
        running.result()

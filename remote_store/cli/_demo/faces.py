"""The ways of running the same steps: on asyncio, on trio, and with blocking calls."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio

from ..._contract.threads import in_thread
from ..._core.errors import InvalidConfig, RemoteStoreError
from ..._store.opening import open_store
from ...checkpoint import AsyncCheckpointManager, CheckpointManager
from ...checkpoint.transfer import Progress
from .foreground import Blocked, training, training_while
from .source import MIB, Source

__all__ = ["Face", "faces", "remove", "url_of"]

PART = 8 * MIB
"""Bytes of a part: small enough that a bar moves."""

T = TypeVar("T")


class Face(Protocol):
    """What the story needs, in blocking form; each save and restore runs beside a foreground, whose delays it adds."""

    name: str

    def save(self, source: Source, url: str, step: int, blocked: Blocked, progress: Progress | None) -> None:
        """Save everything as a step of the checkpoints below `url`."""

    def save_one_by_one(self, source: Source, url: str, step: int, written: Callable[[int], object]) -> None:
        """Save everything file by file, and call `written` after each with their number."""

    def restore(self, url: str, step: int, target: Path, blocked: Blocked, progress: Progress | None) -> None:
        """Restore a step into an existing folder."""

    def idle(self, seconds: float, late: Blocked) -> None:
        """Let the foreground run alone."""

    def latest(self, url: str) -> int | None:
        """Return the newest step."""

    def steps(self, url: str) -> list[int]:
        """Return all steps that can be loaded."""

    def names(self, url: str, step: int) -> list[str]:
        """Return the names of the items of a step."""

    def damage(self, url: str, step: int) -> list[str]:
        """Read every byte of a step and return what is wrong with it."""

    def collect(self, url: str) -> int:
        """Remove what interrupted saves have left, and return how many objects there were."""


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
    """AsyncCheckpointManager on one of the loops."""

    def __init__(self, name: str, concurrency: int) -> None:
        self.name = name
        self._concurrency = concurrency
        try:
            # All of the loop is imported here: Ctrl-C in the middle of an import would leave half a module behind.
            self._run(in_thread, int)
        except (ImportError, LookupError):
            raise InvalidConfig(f"{name} is not installed; pip install 'remote-store-aio[{name}]'") from None

    def save(self, source: Source, url: str, step: int, blocked: Blocked, progress: Progress | None) -> None:
        """Save everything as a step of the checkpoints below `url`."""

        async def save() -> None:
            async with self._manager(url) as manager:
                await manager.save(source.items(), step=step, progress=progress)

        self._run(_beside_training, save, blocked)

    def save_one_by_one(self, source: Source, url: str, step: int, written: Callable[[int], object]) -> None:
        """Save everything file by file, and call `written` after each with their number."""

        async def save() -> None:
            async with self._manager(url) as manager, await manager.begin(step) as save:
                for number, (name, path) in enumerate(source.items().items(), 1):
                    await save.write(name, path)
                    written(number)

        self._run(save)

    def restore(self, url: str, step: int, target: Path, blocked: Blocked, progress: Progress | None) -> None:
        """Restore a step into an existing folder."""

        async def restore() -> None:
            async with self._manager(url) as manager:
                names = [item.name for item in await manager.items(step)]
                await manager.load(step=step, into={name: target / name for name in names}, progress=progress)

        self._run(_beside_training, restore, blocked)

    def idle(self, seconds: float, late: Blocked) -> None:
        """Let the foreground run alone."""
        self._run(_beside_training, partial(anyio.sleep, seconds), late)

    def latest(self, url: str) -> int | None:
        """Return the newest step."""
        newest = self._ask(url, lambda manager: manager.latest())
        return None if newest is None else newest.step

    def steps(self, url: str) -> list[int]:
        """Return all steps that can be loaded."""
        return [found.step for found in self._ask(url, lambda manager: manager.list())]

    def names(self, url: str, step: int) -> list[str]:
        """Return the names of the items of a step."""
        return [item.name for item in self._ask(url, lambda manager: manager.items(step))]

    def damage(self, url: str, step: int) -> list[str]:
        """Read every byte of a step and return what is wrong with it."""
        try:
            self._ask(url, lambda manager: manager.verify(step, deep=True))
        except RemoteStoreError as error:
            return [str(error), *getattr(error, "__notes__", ())]
        return []

    def collect(self, url: str) -> int:
        """Remove what interrupted saves have left, and return how many objects there were."""
        return self._ask(url, lambda manager: manager.gc(min_age=0)).objects

    def _manager(self, url: str) -> AsyncCheckpointManager:
        return AsyncCheckpointManager(url, part_size=PART, byte_budget=PART * self._concurrency)

    def _ask(self, url: str, question: Callable[[AsyncCheckpointManager], Awaitable[T]]) -> T:
        async def ask() -> T:
            async with self._manager(url) as manager:
                return await question(manager)

        return self._run(ask)

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
    """CheckpointManager in a thread, with the foreground in the main thread."""

    name = "sync"

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency

    def save(self, source: Source, url: str, step: int, blocked: Blocked, progress: Progress | None) -> None:
        """Save everything as a step of the checkpoints below `url`."""
        with self._manager(url) as manager:
            _beside(partial(manager.save, source.items(), step=step), blocked, progress)

    def save_one_by_one(self, source: Source, url: str, step: int, written: Callable[[int], object]) -> None:
        """Save everything file by file, and call `written` after each with their number."""
        with self._manager(url) as manager, manager.begin(step) as save:
            for number, (name, path) in enumerate(source.items().items(), 1):
                save.write(name, path)
                written(number)

    def restore(self, url: str, step: int, target: Path, blocked: Blocked, progress: Progress | None) -> None:
        """Restore a step into an existing folder."""
        with self._manager(url) as manager:
            into: dict[str, Any] = {item.name: target / item.name for item in manager.items(step)}
            _beside(partial(manager.load, step=step, into=into), blocked, progress)

    def idle(self, seconds: float, late: Blocked) -> None:
        """Let the foreground run alone."""
        end = time.perf_counter() + seconds
        training_while(lambda: time.perf_counter() < end, late)

    def latest(self, url: str) -> int | None:
        """Return the newest step."""
        with self._manager(url) as manager:
            newest = manager.latest()
        return None if newest is None else newest.step

    def steps(self, url: str) -> list[int]:
        """Return all steps that can be loaded."""
        with self._manager(url) as manager:
            return [found.step for found in manager.list()]

    def names(self, url: str, step: int) -> list[str]:
        """Return the names of the items of a step."""
        with self._manager(url) as manager:
            return [item.name for item in manager.items(step)]

    def damage(self, url: str, step: int) -> list[str]:
        """Read every byte of a step and return what is wrong with it."""
        try:
            with self._manager(url) as manager:
                manager.verify(step, deep=True)
        except RemoteStoreError as error:
            return [str(error), *getattr(error, "__notes__", ())]
        return []

    def collect(self, url: str) -> int:
        """Remove what interrupted saves have left, and return how many objects there were."""
        with self._manager(url) as manager:
            return manager.gc(min_age=0).objects

    def _manager(self, url: str) -> CheckpointManager:
        return CheckpointManager(url, part_size=PART, byte_budget=PART * self._concurrency)


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

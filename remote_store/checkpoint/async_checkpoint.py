"""AsyncCheckpoint: checkpoints without blocking the loop, in flyte-sdk's shape or file by file."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import anyio

from .._contract.threads import in_thread, to_the_end
from .errors import CheckpointNotFound
from .place import Place, text_of
from .restoring import PAYLOAD, Restored, Restorer
from .running import run
from .saving import FolderSaver, ObjectSaver, path_of
from .staging import REMOVE_SECONDS
from .sync_checkpoint import checked_bytes, checked_concurrency, only_file, restore_target
from .transfer import CONCURRENCY, Progress
from .tree import Ignore
from .workspace import Workspace

__all__ = ["AsyncCheckpoint"]

BUSY_SECONDS = 0.005
"""How often a waiting task looks whether the lock is free: it may be held in another loop, which can't wake it."""


class AsyncCheckpoint:
    """A checkpoint for async code, on asyncio and trio; `load_sync` and `save_sync` serve blocking callers.

    `checkpoint_dest` and `checkpoint_src` are local paths or URLs as `open_store` takes them; with `store` (an
    AsyncStore or a Store, which stays open) they are keys in it. Blanks and double quotes around the source are
    stripped; None or nothing left means that there is no previous checkpoint.

    `layout` says what the destination is. ``"object"``: one object, as in flyte-sdk; a folder is stored as a gzip
    tar, replaced as a whole. ``"folder"``: a folder, as in `SyncCheckpoint`; files go below it one by one, up to
    `concurrency` at a time, uncompressed; each appears whole, the set does not, so give each step a destination of
    its own and name the newest in one small object, written last. The default is ``"object"``, unless the
    destination ends with a slash or is the root of a store, where no object can be.

    Loading and restoring take whatever lies at the source, a folder or an object. An object that is a folder's
    archive is unpacked, except in the layout ``"folder"``, whose objects are files.

    As an async context manager it removes its local folder at the end, without blocking the loop. Nothing else is
    held open, so there is nothing else to close.
    """

    def __init__(
        self,
        checkpoint_dest: str | os.PathLike[str],
        checkpoint_src: str | os.PathLike[str] | None = None,
        *,
        store: Any = None,
        layout: Literal["object", "folder"] | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        if layout not in (None, "object", "folder"):
            raise ValueError(f"layout must be 'object' or 'folder', not {layout!r}")
        self._checkpoint_dest = text_of(checkpoint_dest)
        source = "" if checkpoint_src is None else text_of(checkpoint_src).strip().strip('"')
        self._checkpoint_src = source or None
        self._store = store
        self._layout = layout
        self._concurrency = checked_concurrency(concurrency)
        self._lock = threading.Lock()
        self._td = Workspace()
        self._restored: tuple[Path, Restored] | None = None

    @property
    def path(self) -> Path:
        """The local folder that `load` fills; it goes with this object."""
        return self._td.path

    @property
    def remote_destination(self) -> str:
        """Where `save` puts the checkpoint, as it was given."""
        return self._checkpoint_dest

    @property
    def remote_source(self) -> str | None:
        """Where the previous checkpoint lies, as it was given, without blanks and quotes around it."""
        return self._checkpoint_src

    def prev_exists(self) -> bool:
        """Return whether a source was given; nobody looks whether it is there."""
        return self._checkpoint_src is not None

    # flyte-sdk's verbs

    async def load(self) -> Path | None:
        """Bring the previous checkpoint into `path`, and return where it is now.

        That is `path` for a folder, ``path / "payload"`` for an object, None if nothing is there or the object is
        empty. What `path` held before is removed. Only a success is remembered: then every later call returns the
        same without looking. Raises ArchiveRefused for a harmful archive.
        """
        if self._checkpoint_src is None:
            return None
        async with self._held():
            if self._restored is None:
                await self._load()
            if self._restored is None:
                return None
            folder, found = self._restored
        return folder / PAYLOAD if found == "payload" and self._unpacks else folder

    async def save(self, data: Any, *, ignore: Ignore | None = None, progress: Progress | None = None) -> None:
        """Save a file or folder by its path (str or Path), bytes, or what an open binary file still has.

        The file may be blocking or async (anyio's, aiofiles') and is not closed. `ignore` leaves names of a folder
        out as in `shutil.copytree`. `progress(done, total, key)` is called after each file, with bytes.
        Raises FileNotFoundError for a missing path, ValueError for anything else and for what is neither file nor
        folder, TypeError for a text file: all before anything is written.
        """
        if isinstance(data, (bytes, bytearray, memoryview)):
            await self._saver().content(data)
            return
        path = path_of(data)
        if path is None:
            await self._saver().content(data)
        else:
            await self._saver().path(path, ignore, progress)

    def load_sync(self) -> Path | None:
        """Do as `load`, blocking; also in a thread whose loop is running, which then stands still."""
        return run(self.load)

    def save_sync(self, data: Any) -> None:
        """Do as `save`, blocking; also in a thread whose loop is running, which then stands still."""
        run(self.save, data)

    # SyncCheckpoint's verbs

    async def restore(
        self, path: str | os.PathLike[str] | None = None, *, progress: Progress | None = None
    ) -> Path | None:  # fmt: skip
        """Bring the previous checkpoint into the existing folder `path` (default: `self.path`) and return that.

        An object that is no folder's archive comes as ``payload`` in it, or under its own name in the layout
        ``"folder"``. Without a source the answer is None. Once it has succeeded, every later call returns the same
        path, whatever its argument. Raises ValueError for a `path` that is no folder, CheckpointNotFound (a
        ValueError) if nothing is at the source, ArchiveRefused for a harmful archive.
        """
        if self._checkpoint_src is None:
            return None
        async with self._held():
            if self._restored is None:
                target = await in_thread(restore_target, path, self.path)
                self._restored = target, await self._restorer().restore(target, progress)
            return self._restored[0]

    async def read(self) -> bytes | None:
        """Return the bytes of the previous checkpoint, None if there is none or it is an empty folder.

        Restores it first, if need be. Raises ValueError unless it is exactly one entry, IsADirectoryError if that
        is a folder.
        """
        folder = await self.restore()
        return None if folder is None else await in_thread(only_file, folder)

    async def write(self, b: bytes | bytearray | memoryview) -> None:
        """Save bytes, replacing those written before. Raises TypeError for anything else."""
        await self._saver().content(checked_bytes(b))

    async def aclose(self) -> None:
        """Remove the local folder `path` now, in a worker thread; else it goes with the object, on the loop's time."""
        await to_the_end(REMOVE_SECONDS, self._td.cleanup)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # Inside

    async def _load(self) -> None:
        # Beside `path`, so that nothing in it changes before all has arrived.
        fresh = Workspace()
        try:
            found = await self._restorer().restore(fresh.path)
            if found != "empty":
                await in_thread(_replace_content, fresh.path, self.path)
                self._restored = self.path, found
        except CheckpointNotFound:
            return
        finally:
            await to_the_end(REMOVE_SECONDS, fresh.cleanup)

    @property
    def _is_folder(self) -> bool:
        if self._layout is None:
            return Place(self._checkpoint_dest, self._store).is_bare
        return self._layout == "folder"

    @property
    def _unpacks(self) -> bool:
        return not self._is_folder

    def _saver(self) -> FolderSaver | ObjectSaver:
        kind = FolderSaver if self._is_folder else ObjectSaver
        return kind(Place(self._checkpoint_dest, self._store), self._concurrency)

    def _restorer(self) -> Restorer:
        return Restorer(Place(self._checkpoint_src, self._store), self._concurrency, self._unpacks)

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """Hold the lock, which works across loops and threads, while waiting without blocking the loop."""
        while not self._lock.acquire(blocking=False):  # noqa: ASYNC110  # no event reaches into another loop
            await anyio.sleep(BUSY_SECONDS)
        try:
            yield
        finally:
            self._lock.release()


def _replace_content(source: Path, target: Path) -> None:
    for entry in os.scandir(target):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    for entry in os.scandir(source):
        # Both are temporary folders, so this is a rename.
        os.rename(entry.path, target / entry.name)

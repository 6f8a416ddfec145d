"""SyncCheckpoint: flytekit's checkpoint over any store (seeds/002)."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import IO, Any, ClassVar

from .base import Checkpoint
from .place import Place
from .restoring import Restorer
from .running import run
from .saving import CONTENT_KEY, FolderSaver, path_of
from .staging import entries
from .transfer import CONCURRENCY, Progress
from .tree import Ignore
from .workspace import Workspace

__all__ = ["SyncCheckpoint"]


class SyncCheckpoint(Checkpoint):
    """A checkpoint that is saved below `checkpoint_dest` and restored from `checkpoint_src`, file by file.

    Both are local paths or URLs as `open_store` takes them; with `store` (a Store or an AsyncStore, which stays
    open) they are keys in it. `checkpoint_src` is None or `""` when there is no previous checkpoint. Up to
    `concurrency` files move at a time.

    Each file, and whatever is written as bytes or from a reader, replaces the previous one as a whole; a folder's
    files appear one by one, so give each step a destination of its own and name the newest in one small object,
    written last. A restore changes its folder only when all has arrived. One lock makes an object usable from
    several threads, one at a time.
    """

    SRC_LOCAL_FOLDER: ClassVar[str] = "prev_cp"
    TMP_DST_PATH: ClassVar[str] = CONTENT_KEY

    def __init__(
        self,
        checkpoint_dest: str | os.PathLike[str],
        checkpoint_src: str | os.PathLike[str] | None = None,
        *,
        store: Any = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._checkpoint_dest = checkpoint_dest
        self._checkpoint_src = checkpoint_src if checkpoint_src is not None and str(checkpoint_src) != "" else None
        self._store = store
        self._concurrency = checked_concurrency(concurrency)
        self._lock = threading.RLock()
        self._td = Workspace()
        self._prev_download_path: Path | None = None

    def prev_exists(self) -> bool:
        """Return whether a source was given; nobody looks whether it is there."""
        return self._checkpoint_src is not None

    def restore(
        self, path: str | os.PathLike[str] | None = None, *, progress: Progress | None = None
    ) -> Path | None:  # fmt: skip
        """Download the previous checkpoint into the existing folder `path` and return that.

        The default is a temporary folder that goes with this object. Without a source the answer is None. Once it
        has succeeded, every later call returns the same path, whatever its argument. Raises ValueError for a `path`
        that is no folder, CheckpointNotFound (a ValueError) if nothing is at the source; a later call tries again.
        `progress(done, total, key)` is called in another thread after each file, with bytes.
        """
        if self._checkpoint_src is None:
            return None
        with self._lock:
            if self._prev_download_path is None:
                target = restore_target(path, self._td.path / self.SRC_LOCAL_FOLDER)
                source = Restorer(Place(self._checkpoint_src, self._store), self._concurrency, unpacks=False)
                run(source.restore, target, progress)
                self._prev_download_path = target
            return self._prev_download_path

    def save(
        self,
        cp: str | os.PathLike[str] | IO[bytes],
        *,
        ignore: Ignore | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Save a file under its name, a folder's content with its subfolders, or what an open binary file still has.

        A folder's symbolic links are followed; what an earlier save left at the destination stays there. `ignore`
        leaves names out as in `shutil.copytree`. A reader is not closed, and its bytes go where `write` puts its.
        Raises FileNotFoundError for a missing path, ValueError for anything else and for what is neither file nor
        folder, TypeError for a text file: all before anything is written.
        """
        path = path_of(cp)
        with self._lock:
            if path is None:
                run(self._saver().content, cp)
            else:
                run(self._saver().path, path, ignore, progress)

    def read(self) -> bytes | None:
        """Return the bytes of the previous checkpoint, None if there is none or it is an empty folder.

        Restores it first, if need be. Raises ValueError unless it is exactly one entry, IsADirectoryError if that
        is a folder.
        """
        folder = self.restore()
        return None if folder is None else only_file(folder)

    def write(self, b: bytes | bytearray | memoryview) -> None:
        """Save bytes, replacing those written before. Raises TypeError for anything else."""
        content = checked_bytes(b)
        with self._lock:
            run(self._saver().content, content)

    def _saver(self) -> FolderSaver:
        return FolderSaver(Place(self._checkpoint_dest, self._store), self._concurrency)


# Shared with AsyncCheckpoint


def restore_target(path: str | os.PathLike[str] | None, default: Path) -> Path:
    """Return the folder to restore into; the default one is made. Raises ValueError for what is no folder."""
    if path is None:
        default.mkdir(parents=True, exist_ok=True)
        return default
    target = Path(path)
    if not target.is_dir():
        raise ValueError("Checkpoints can be restored to a directory only.")
    return target


def only_file(folder: Path) -> bytes | None:
    """Return the bytes of the only file in a folder, None for an empty folder."""
    found = entries(folder)
    if not found:
        return None
    if len(found) > 1:
        raise ValueError(f"Expected exactly one checkpoint - found {len(found)}")
    return found[0].read_bytes()


def checked_bytes(b: object) -> bytes | bytearray | memoryview:
    """Return what may be written. Raises TypeError for anything but a buffer of bytes."""
    if not isinstance(b, (bytes, bytearray, memoryview)):
        raise TypeError(f"a checkpoint is written as bytes, not {type(b).__name__}")
    return b


def checked_concurrency(concurrency: int) -> int:
    """Return a number of files at a time. Raises TypeError or ValueError for what is none."""
    if isinstance(concurrency, bool) or not isinstance(concurrency, int):
        raise TypeError(f"concurrency must be an int, not {type(concurrency).__name__}")
    if concurrency < 1:
        raise ValueError(f"concurrency must be >= 1, not {concurrency}")
    return concurrency

"""How things are laid out at the destination: file by file in a folder, or as one object."""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._contract.threads import in_thread
from .._core.errors import InvalidPath
from .._core.keys import join, normalize
from . import archive
from .place import Place, Spot
from .transfer import Progress, upload
from .tree import Ignore, Tree, scan

__all__ = ["CONTENT_KEY", "FolderSaver", "ObjectSaver", "Saver", "path_of", "refuse_text"]

CONTENT_KEY = "_dst_cp"
"""The name, below a folder destination, of what came without a name: bytes and readers (flytekit's)."""


@dataclass(frozen=True, slots=True)
class Saver:
    """How to save: where to, and how many files at a time."""

    place: Place
    concurrency: int


class FolderSaver(Saver):
    """Everything below the destination: a file under its name, a folder's content file by file."""

    async def content(self, content: Any) -> None:
        """Save bytes, or what a reader still has."""
        async with self.place.folder() as spot:
            await spot.remote.put(join(spot.key, CONTENT_KEY), content)

    async def path(self, path: Path, ignore: Ignore | None, progress: Progress | None) -> None:
        """Save a file or a folder. Raises FileNotFoundError, and all that `scan` does, before anything is written."""
        if await in_thread(_is_folder, path):
            tree = await in_thread(scan, path, ignore)
            async with self.place.folder() as spot:
                await in_thread(_make_folders, spot, tree)
                await upload(spot.remote, spot.key, tree.files, concurrency=self.concurrency, progress=progress)
            return
        if normalize(path.name) != path.name:
            raise InvalidPath(f"{path.name!r} can't be part of a key; rename the file", path=str(path))
        async with self.place.folder() as spot:
            await _put_file(spot, join(spot.key, path.name), path, progress)


class ObjectSaver(Saver):
    """Everything as one object: a file as it is, a folder as a gzip tar."""

    async def content(self, content: Any) -> None:
        """Save bytes, or what a reader still has."""
        async with self.place.object() as spot:
            await spot.remote.put(spot.key, content)

    async def path(self, path: Path, ignore: Ignore | None, progress: Progress | None) -> None:
        """Save a file or a folder. Raises FileNotFoundError, and all that `scan` does, before anything is written."""
        if not await in_thread(_is_folder, path):
            async with self.place.object() as spot:
                await _put_file(spot, spot.key, path, progress)
            return
        tree = await in_thread(scan, path, ignore)
        with tempfile.TemporaryFile(prefix="remote-store-cp-") as file:
            await in_thread(archive.pack, tree, path, file)
            size = file.tell()
            file.seek(0)
            async with self.place.object() as spot:
                await spot.remote.put(spot.key, file)
        if progress is not None:
            progress(size, size, spot.key)


def path_of(data: object) -> Path | None:
    """Return the path that is to be saved, None for a reader. Raises ValueError for what is neither."""
    if isinstance(data, (str, os.PathLike)):
        return Path(data)
    if not isinstance(data, type) and (isinstance(data, io.IOBase) or callable(getattr(data, "read", None))):
        refuse_text(data)
        return None
    raise ValueError(f"Only a valid path or IOBase type (reader) should be provided, received {type(data)}")


def refuse_text(reader: object) -> None:
    """Raise TypeError for a file opened as text, before anything is read."""
    if isinstance(reader, io.TextIOBase) or isinstance(getattr(reader, "wrapped", None), io.TextIOBase):
        raise TypeError("a checkpoint is bytes; open the file in binary mode ('rb')")


async def _put_file(spot: Spot, key: str, path: Path, progress: Progress | None) -> None:
    size = (await in_thread(path.stat)).st_size
    await spot.remote.put_file(key, path, size)
    if progress is not None:
        progress(size, size, path.name)


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder, false for a file. Raises FileNotFoundError, ValueError for anything else."""
    if path.is_dir():
        return True
    path.stat()
    if not path.is_file():
        raise ValueError(f"{path} is neither a file nor a folder")
    return False


def _make_folders(spot: Spot, tree: Tree) -> None:
    """Make the folders on a local disk, where an empty one can be kept; object stores have none."""
    if spot.local is None:
        return
    for key in ("", *tree.folders):
        (spot.local / key).mkdir(parents=True, exist_ok=True)

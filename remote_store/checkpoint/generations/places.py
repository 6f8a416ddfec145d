"""Local files and folders that items are loaded into: out of sight until all has arrived, then put in place."""

from __future__ import annotations

import mmap
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ..._contract.threads import in_thread, to_the_end
from ..._core.errors import InvalidPath
from ..._core.keys import normalize
from ..errors import CheckpointFormatError
from ..staging import PREFIX, REMOVE_SECONDS, land
from ..transfer import below

__all__ = ["Destinations", "FileTarget", "FolderTarget"]


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A file to come: where it ends up, where it is gathered, its bytes."""

    path: Path
    staged: Path
    size: int


@dataclass(frozen=True, slots=True)
class FolderTarget:
    """A folder to fill: where it ends up, where it is gathered, its folders' keys."""

    path: Path
    staged: Path
    folders: list[str]


@dataclass
class Destinations:
    """All files that one load writes. Nothing of a load that failed or was cancelled is left behind."""

    _files: list[FileTarget] = field(default_factory=list)
    _folders: list[FolderTarget] = field(default_factory=list)
    _later: list[tuple[FileTarget, Callable[[memoryview], None]]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._files or self._folders:
            await to_the_end(REMOVE_SECONDS, self._remove)

    @staticmethod
    def is_path(into: object) -> bool:
        """Return whether a target is a path: a str or anything with `__fspath__`."""
        return isinstance(into, (str, os.PathLike))

    def file(self, into: str | os.PathLike[str], size: int) -> FileTarget:
        """Note a file to write, beside which it is gathered."""
        path = Path(into)
        target = FileTarget(path, path.with_name(f"{PREFIX}{secrets.token_hex(8)}"), size)
        self._files.append(target)
        return target

    def folder(self, into: object, folders: Iterable[str], name: str) -> FolderTarget:
        """Note a folder to fill, inside which it is gathered. Raises TypeError for what is no path."""
        if not self.is_path(into):
            raise TypeError(f"folder {name!r} can't be loaded into {type(into).__name__}; give a path")
        path = Path(into)  # type: ignore[arg-type]  # asked for above
        target = FolderTarget(path, path / f"{PREFIX}{secrets.token_hex(8)}", [_checked(key) for key in folders])
        self._folders.append(target)
        return target

    def file_in(self, folder: FolderTarget, key: str, size: int) -> FileTarget:
        """Return a file of a folder. Raises CheckpointFormatError for a key that leaves it."""
        staged = below(folder.staged, _checked(key))
        return FileTarget(folder.path / key, staged, size)

    def later(self, target: FileTarget, take: Callable[[memoryview], None]) -> None:
        """Have `take` called with a file's memory, once `prepare` has made the file."""
        self._later.append((target, take))

    async def prepare(self) -> None:
        """Make the files, with room for all their bytes: a full disk is told here, before anything is fetched."""
        if self._later or self._folders:
            views = await in_thread(self._made)
            for (_, take), view in zip(self._later, views, strict=True):
                take(view)

    def _made(self) -> list[memoryview]:
        for folder in self._folders:
            folder.staged.mkdir(mode=0o700, parents=True)
            for key in folder.folders:
                below(folder.staged, key).mkdir(parents=True, exist_ok=True)
        return [_file(target) for target, _ in self._later]

    async def land(self) -> None:
        """Put everything in place."""
        if self._files or self._folders:
            self._later.clear()
            await in_thread(self._land)

    def _land(self) -> None:
        for file in self._files:
            os.replace(file.staged, file.path)
        for folder in self._folders:
            land(folder.staged, folder.path)

    def _remove(self) -> None:
        for file in self._files:
            file.staged.unlink(missing_ok=True)
        for folder in self._folders:
            shutil.rmtree(folder.staged, ignore_errors=True)


def _file(target: FileTarget) -> memoryview:
    """Make a file of its full size and return its memory; its blocks are there, so that no write to it can fail."""
    target.staged.parent.mkdir(parents=True, exist_ok=True)
    with target.staged.open("xb+") as file:
        if not target.size:
            return memoryview(bytearray())
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, target.size)
        else:
            file.truncate(target.size)
        return memoryview(mmap.mmap(file.fileno(), target.size))


def _checked(key: Any) -> str:
    try:
        good = isinstance(key, str) and key != "" and normalize(key) == key
    except InvalidPath:
        good = False
    if not good:
        raise CheckpointFormatError(f"a folder's entry {str(key)[:200]!r} can't be a name below it")
    return str(key)

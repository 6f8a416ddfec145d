"""The files of a local folder that is to be saved."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from .._core.errors import InvalidPath
from .._core.keys import join, normalize

__all__ = ["Ignore", "LocalFile", "Tree", "scan"]

Ignore: TypeAlias = Callable[[str, list[str]], Iterable[str]]
"""What to leave out, as in `shutil.copytree`: given a folder and its names, it returns the names to skip."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to be saved: where it is, its key below the destination, its size in bytes when it was looked at."""

    path: Path
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Tree:
    """What was found: every file, and the keys of all folders."""

    files: list[LocalFile] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def scan(folder: Path, ignore: Ignore | None = None) -> Tree:
    """Return all that is to be saved of a folder, before anything of it is.

    Symbolic links are followed. Raises FileNotFoundError for a link to nothing, ValueError for a link that leads
    back into its own ancestors and for what is neither file nor folder, InvalidPath for a name that can't be a key.
    """
    tree = Tree()
    state = folder.stat()
    _descend(folder, "", tree, ignore, ((state.st_dev, state.st_ino),))
    # The longest first: a long file that starts last would be alone at the end.
    tree.files.sort(key=lambda file: (-file.size, file.key))
    return tree


def _descend(folder: Path, prefix: str, tree: Tree, ignore: Ignore | None, above: tuple[tuple[int, int], ...]) -> None:
    for name in _names(folder, ignore):
        path, key = folder / name, _key(prefix, name, folder)
        state = path.stat()
        if stat.S_ISREG(state.st_mode):
            tree.files.append(LocalFile(path, key, state.st_size))
        elif stat.S_ISDIR(state.st_mode):
            identity = (state.st_dev, state.st_ino)
            if identity in above:
                raise ValueError(f"{path} is a link to a folder that it lies in; leave it out with ignore=")
            tree.folders.append(key)
            _descend(path, key, tree, ignore, (*above, identity))
        else:
            raise ValueError(f"{path} is neither a file nor a folder; leave it out with ignore=")


def _names(folder: Path, ignore: Ignore | None) -> Iterator[str]:
    names = sorted(os.listdir(folder))
    skipped = set(ignore(str(folder), list(names))) if ignore is not None else ()
    return (name for name in names if name not in skipped)


def _key(prefix: str, name: str, folder: Path) -> str:
    key = join(prefix, name)
    if normalize(key) != key:
        raise InvalidPath(f"{name!r} in {folder} can't be part of a key; rename it or leave it out", path=key)
    return key

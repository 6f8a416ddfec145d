"""The nodes of the memory tree: immutable files in nested dicts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, TypeAlias

from ..._core.keys import join

__all__ = ["File", "Files", "Folder", "Node", "census", "files_in", "find", "folder_at", "locate"]


class File(NamedTuple):
    """A file as one write left it; the next write puts another in its place, so that readers keep what they have."""

    data: bytes
    modified_at: datetime
    etag: str
    metadata: Mapping[str, str] | None


class Folder(dict[str, "File | Folder"]):
    """A folder: its entries by name."""

    __slots__ = ()


Node: TypeAlias = File | Folder

Files: TypeAlias = tuple[str, list[tuple[str, File]]]
"""The files of one folder: its key, and each name with its file."""


def locate(root: Folder, key: str) -> tuple[Node | None, str | None]:
    """Return what is at `key`, and the key of the file that is in the way if one stands among its ancestors."""
    node: Node = root
    position = 0
    while position <= len(key) and key:
        if isinstance(node, File):
            return None, key[: position - 1]
        end = key.find("/", position)
        end = len(key) if end < 0 else end
        child = node.get(key[position:end])
        if child is None:
            return None, None
        node, position = child, end + 1
    return node, None


def find(root: Folder, key: str) -> Node | None:
    """Return what is at `key`; None for nothing, and for what would lie below a file."""
    return locate(root, key)[0]


def folder_at(root: Folder, key: str) -> Folder:
    """Return the folder at `key`, made with those above it where it is missing; no file may be among them."""
    folder = root
    for name in key.split("/") if key else ():
        child = folder.get(name)
        if child is None:
            child = folder[name] = type(root)()
        assert isinstance(child, Folder)
        folder = child
    return folder


def files_in(folder: Folder, key: str, levels: int | None) -> list[Files]:
    """Return the files of the folder at `key` and of those down to `levels` below it; None is all of them."""
    found: list[Files] = []
    pending = [(key, folder, 0)]
    while pending:
        prefix, folder, depth = pending.pop()
        files = [(name, node) for name, node in folder.items() if isinstance(node, File)]
        if files:
            found.append((prefix, files))
        if len(files) < len(folder) and (levels is None or depth < levels):
            pending += [
                (join(prefix, name), node, depth + 1) for name, node in folder.items() if isinstance(node, Folder)
            ]
    return found


def census(root: Folder) -> tuple[int, int]:
    """Return the numbers of files and of folders below `root`."""
    files = folders = 0
    pending = [root]
    while pending:
        folder = pending.pop()
        below = [node for node in folder.values() if isinstance(node, Folder)]
        files += len(folder) - len(below)
        folders += len(below)
        pending += below
    return files, folders

"""Listing folders: one is read whole at a time, so that no descriptor stays open between two pages."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections import deque
from collections.abc import Collection, Iterator

from ..._core.keys import RemotePath, join
from ..._core.models import FileInfo, FolderEntry
from .commit import is_hidden
from .places import READABLE_FOLDER, Root
from .state import FIELDS

__all__ = ["Listed", "folder_entries", "list_folder", "walk"]

log: logging.Logger = logging.getLogger("remote_store.local")

_warned: set[tuple[str, str]] = set()

LEADS_OUT = {errno.EXDEV, errno.ELOOP}
"""What opening says of a link out of the root, and of one put there during the call."""


class Listed(Collection[FileInfo]):
    """What is in a folder: its files, the names of its subfolders, and which of those are links.

    As a collection it is that of the files, whose models are made one by one: 10,000 held at once cost the garbage
    collector more than making them.
    """

    __slots__ = ("files", "folders", "key", "linked")

    def __init__(self, key: str) -> None:
        self.key: str = key
        self.files: list[tuple[str, os.stat_result]] = []
        self.folders: list[str] = []
        self.linked: set[str] = set()

    def __len__(self) -> int:
        return len(self.files)

    def __contains__(self, entry: object) -> bool:
        return any(entry == info for info in self)

    def __iter__(self) -> Iterator[FileInfo]:
        key, deferred = self.key, FileInfo.deferred
        for name, state in self.files:
            yield deferred(key, name, state.st_size, state, FIELDS)


def list_folder(root: Root, key: str) -> Listed:
    """Return what is in the folder `key`; nothing if it is no folder.

    Links count as what they lead to; those that lead nowhere or out of the root are left out, so are devices, pipes,
    files being written, and names that can't be keys.
    """
    listed = Listed(key)
    files = listed.files
    try:
        folder = root.open_folder(key, READABLE_FOLDER)
    except (FileNotFoundError, NotADirectoryError):
        return listed
    with folder, folder.scan() as entries:
        for entry in entries:
            name = entry.name
            if "\\" in name or (name[0] == "." and is_hidden(name)):
                _leave_out(name, root, key)
            elif entry.is_file(follow_symlinks=False):
                try:
                    state = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # deleted since the folder was read
                files.append((name, state))
            elif entry.is_dir(follow_symlinks=False):
                listed.folders.append(name)
            elif entry.is_symlink():
                _add_link(listed, root, key, name)
    return listed


def _add_link(listed: Listed, root: Root, key: str, name: str) -> None:
    try:
        state = root.stat(join(key, name))
    except OSError as error:
        if error.errno in {*LEADS_OUT, errno.EACCES}:
            return  # out of the root, in a circle, or not to be reached: not ours
        raise  # a listing that is short for want of descriptors would be taken for the whole
    if state is None:
        return
    if stat.S_ISREG(state.st_mode):
        listed.files.append((name, state))
    elif stat.S_ISDIR(state.st_mode):
        listed.folders.append(name)
        listed.linked.add(name)


def _leave_out(name: str, root: Root, key: str) -> None:
    """Say once a folder that it has names which can't be keys; files being written are nobody's business."""
    if not is_hidden(name) and (root.path, key) not in _warned:
        _warned.add((root.path, key))
        log.warning("Left out of listings: a name with a backslash, which can't be a key, in folder %r", key)


def walk(root: Root, key: str, max_depth: int | None, *, strict: bool = True) -> Iterator[Listed]:
    """Yield what is in a folder and in those below it, a folder at a time, `max_depth` levels down.

    A linked folder is not descended into: it may lead back up. If `key` itself leads out of the root that is an
    OSError, or, not `strict`, the end.
    """
    waiting = deque([(key, 0)])
    while waiting:
        folder, depth = waiting.popleft()
        try:
            listed = list_folder(root, folder)
        except OSError as error:
            # Below the top: a link that was put in the folder's place since it was listed.
            if error.errno in LEADS_OUT and (depth or not strict):
                continue
            raise
        if max_depth is None or depth < max_depth:
            waiting.extend((join(folder, name), depth + 1) for name in listed.folders if name not in listed.linked)
        yield listed


def folder_entries(key: str, names: list[str]) -> list[FolderEntry]:
    """Return entries for the subfolders of `key`."""
    return [FolderEntry(RemotePath._trusted(join(key, name)), name) for name in names]

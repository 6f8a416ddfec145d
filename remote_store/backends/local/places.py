"""The root, and folders below it held open: every other module reaches the disk through these.

The root is opened anew for each call, since it may be swapped or remade; descriptors of folders are not kept
(DECISIONS 11). Without descriptor-relative calls (Windows) a folder is its checked path, and a link swapped between
the check and the call is not noticed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Self

from ..._core.keys import ancestors, split
from .guard import FOLDER, HAS_DIR_FD, O_NOFOLLOW, inside, open_beneath, resolve

__all__ = ["Folder", "Root"]

MKDIR_ATTEMPTS = 10
"""How often folders are made again while somebody else deletes them."""


class Folder:
    """A folder held open. Its methods are the system calls of the same names, relative to it; close it."""

    __slots__ = ("fd", "prefix", "unlock")

    def __init__(self, fd: int | None, prefix: str = "") -> None:
        self.fd: int | None = fd
        self.prefix: str = prefix
        self.unlock: Callable[[int], None] | None = None  # set by whoever takes a lock on it

    def open(self, name: str, flags: int, mode: int = 0o666) -> int:
        """Open `name` without following a link; return a descriptor."""
        return os.open(self.prefix + name, flags | O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=self.fd)

    def stat(self, name: str) -> os.stat_result | None:
        """Return the state of `name` itself, not of what it links to; None if there is nothing."""
        try:
            return os.lstat(self.prefix + name, dir_fd=self.fd)
        except FileNotFoundError:
            return None

    def unlink(self, name: str) -> None:
        """Remove a file or link."""
        os.unlink(self.prefix + name, dir_fd=self.fd)

    def rmdir(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(self.prefix + name, dir_fd=self.fd)

    def mkdir(self, name: str) -> None:
        """Make a folder, unless something is there already."""
        try:
            os.mkdir(self.prefix + name, dir_fd=self.fd)
        except FileExistsError:
            pass  # another writer made it first; what it is shows when it is opened

    def replace(self, name: str, target: Folder, new: str) -> None:
        """Rename `name` to `new` in `target`, replacing a file there."""
        os.replace(self.prefix + name, target.prefix + new, src_dir_fd=self.fd, dst_dir_fd=target.fd)

    def link(self, name: str, target: Folder, new: str) -> None:
        """Give the file `name` a second name, `new` in `target`; raises FileExistsError if that is taken."""
        old_path, new_path = self.prefix + name, target.prefix + new
        if self.fd is None:
            os.link(old_path, new_path)
        else:
            os.link(old_path, new_path, src_dir_fd=self.fd, dst_dir_fd=target.fd, follow_symlinks=False)

    def scan(self) -> os._ScandirIterator[str]:
        """Iterate over what is in the folder; the folder must stay open meanwhile."""
        return os.scandir(self.prefix if self.fd is None else self.fd)

    def sync(self) -> None:
        """Make renames in the folder durable, where the system can: fsync(2) of the folder."""
        if self.fd is not None:
            os.fsync(self.fd)

    def close(self) -> None:
        """Close the folder, and give back its lock."""
        if self.fd is not None:
            try:
                if self.unlock is not None:
                    self.unlock(self.fd)
            finally:
                os.close(self.fd)

    def is_same(self, other: Folder) -> bool:
        """Return whether both are one folder."""
        return os.path.samestat(self._own(), other._own())

    def _own(self) -> os.stat_result:
        return os.stat(self.prefix if self.fd is None else self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


READABLE_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
"""Flags for a folder that is listed, locked or synced."""


class Root:
    """The folder that all keys are relative to; `path` is absolute and free of links."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path: str = path

    def make(self) -> None:
        """Make the folder and those above it."""
        os.makedirs(self.path, exist_ok=True)

    def open_file(self, key: str, flags: int) -> int:
        """Open what `key` names below the root, following links that stay inside; return a descriptor."""
        if not HAS_DIR_FD:
            return os.open(self._checked(key), flags | getattr(os, "O_BINARY", 0))
        top = self._open(FOLDER)
        try:
            return open_beneath(top, key, flags, self.path)
        finally:
            os.close(top)

    def stat(self, key: str) -> os.stat_result | None:
        """Return the state of what `key` names, following links that stay inside; None if there is nothing."""
        try:
            if not HAS_DIR_FD:
                return os.stat(self._checked(key))
            fd = self.open_file(key, FOLDER & ~getattr(os, "O_DIRECTORY", 0)) if key else self._open(FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def open_folder(self, key: str, flags: int = FOLDER) -> Folder:
        """Open the folder `key`; `""` is the root itself."""
        if not HAS_DIR_FD:
            path = os.path.join(self._checked(key), "")
            os.stat(path)  # missing, or a file: the separator at the end makes that an error, as opening would
            return Folder(None, path)
        if not key:
            return Folder(self._open(flags))
        return Folder(self.open_file(key, flags | os.O_DIRECTORY))

    def open_parent(self, key: str, flags: int = FOLDER) -> tuple[Folder, str]:
        """Open the folder that `key` is in; return it with the last part of the key."""
        folder, name = split(key)
        return self.open_folder(folder, flags), name

    def make_parent(self, key: str, flags: int = FOLDER) -> tuple[Folder, str]:
        """Open the folder that `key` is in, making it and those above it where they are missing."""
        folder, name = split(key)
        for _ in range(MKDIR_ATTEMPTS):
            try:
                return self.open_folder(folder, flags), name
            except FileNotFoundError:
                self.make()
                self._make_folders(folder)
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _make_folders(self, key: str) -> None:
        done = ""
        for part in key.split("/") if key else ():
            try:
                with self.open_folder(done) as parent:
                    parent.mkdir(part)
            except FileNotFoundError:
                return  # somebody deletes what we make: the caller tries again
            done = f"{done}/{part}" if done else part

    def real_key(self, key: str) -> str:
        """Return the key that `key` stands for once links are resolved; its last part need not exist."""
        if not HAS_DIR_FD:
            return os.path.relpath(self._checked(key), self.path).replace(os.sep, "/")
        top = self._open(FOLDER)
        try:
            return resolve(top, key, self.path)
        finally:
            os.close(top)

    def file_above(self, key: str) -> str | None:
        """Return the topmost folder in `key` that is a file in truth, None if there is none."""
        for folder in ancestors(key):
            state = self.stat(folder)
            if state is None:
                return None
            if not stat.S_ISDIR(state.st_mode):
                return folder
        return None

    def _open(self, flags: int) -> int:
        try:
            return os.open(self.path, flags | O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC)
        except NotADirectoryError:
            if os.path.islink(self.path):  # the root itself was replaced by a link
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV)) from None
            raise

    def _checked(self, key: str) -> str:
        """Return the real path of `key`, checked to be inside: what can be had without descriptors."""
        path = os.path.realpath(os.path.join(self.path, key) if key else self.path)
        if inside(path.replace(os.sep, "/"), self.path.replace(os.sep, "/")) is None:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        if os.path.islink(path):  # realpath gives up on a circle and leaves it in
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return path

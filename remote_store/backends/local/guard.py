"""Opening below a folder so that nothing leads out of it, not even a link swapped in during the call.

Linux has openat2(2) with RESOLVE_BENEATH, which decides in the kernel and costs 1.2 x an open; it refuses absolute
links also where they stay inside. Where the call is missing, and for such links, each component is opened from its
parent's descriptor without following links, after the links have been resolved by hand (DECISIONS 11).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from functools import lru_cache

__all__ = ["FOLDER", "HAS_DIR_FD", "inside", "open_beneath", "open_strict", "resolve"]

HAS_DIR_FD = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
"""Whether this system opens relative to a folder's descriptor; Windows does not."""

O_PATH = getattr(os, "O_PATH", os.O_RDONLY)
O_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
FOLDER = O_PATH | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
"""Flags for a folder that only serves to reach what is in it."""

MAX_LINKS = 40
"""Links followed for one key, as the kernel does (path_resolution(7))."""

MAX_PATH_BYTES = 4096
"""Linux's PATH_MAX. The walk could go deeper, but what it made there could be reached by no other program."""

SYS_OPENAT2 = 437
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 0x02, 0x04, 0x08
BENEATH = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS
STRICT = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@lru_cache(maxsize=32)
def _how(flags: int, resolve: int) -> tuple[ctypes.c_void_p, _OpenHow]:
    """Return the argument block for openat2, and what keeps it alive: it is never written to."""
    how = _OpenHow(flags, 0, resolve)
    return ctypes.cast(ctypes.pointer(how), ctypes.c_void_p), how


def _load_openat2() -> ctypes._CFuncPtr | None:  # type: ignore[name-defined]  # typeshed hides the base class
    if not sys.platform.startswith("linux"):
        return None
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
    function.restype = ctypes.c_long
    top = os.open("/", FOLDER)
    fd = function(SYS_OPENAT2, top, b".", _how(FOLDER, BENEATH)[0], ctypes.sizeof(_OpenHow))
    os.close(top)
    if fd < 0:  # ENOSYS before Linux 5.6, EPERM in a sandbox that does not know the call
        return None
    os.close(fd)
    return function


_openat2 = None


def open_beneath(root: int, key: str, flags: int, root_path: str) -> int:
    """Open `key` below the descriptor `root`, following links that stay below `root_path`; return a descriptor.

    Raises OSError: EXDEV where a link leads out, ELOOP for too many links or one put there during the call.
    """
    try:
        if _openat2 is not None:
            return _open_by_kernel(root, key, flags, BENEATH)
        return open_strict(root, key, flags)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.ELOOP, errno.ENOTDIR):
            raise
        real = resolve(root, key, root_path)
        if real == key:
            raise
        return open_strict(root, real, flags)


def open_strict(root: int, key: str, flags: int) -> int:
    """Open `key` below the descriptor `root` without following any link; raises OSError with ELOOP at one."""
    if not key:
        return os.open(".", flags, dir_fd=root)
    if _openat2 is not None:
        return _open_by_kernel(root, key, flags, STRICT)
    if len(os.fsencode(key)) >= MAX_PATH_BYTES:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    *folders, name = key.split("/")
    folder = root
    try:
        for part in folders:
            below = _open_component(folder, part, FOLDER)
            if folder != root:
                os.close(folder)
            folder = below
        return _open_component(folder, name, flags)
    finally:
        if folder != root:
            os.close(folder)


def _open_by_kernel(root: int, key: str, flags: int, how: int) -> int:
    path, (block, _) = os.fsencode(key), _how(flags | os.O_CLOEXEC, how)
    while True:
        fd = _openat2(SYS_OPENAT2, root, path, block, 24)  # type: ignore[misc]  # checked by the callers
        if fd >= 0:
            return int(fd)
        code = ctypes.get_errno()
        # EAGAIN: a rename elsewhere made the kernel unsure about a ".." in a link; EINTR: a signal.
        if code not in (errno.EAGAIN, errno.EINTR):
            raise OSError(code, os.strerror(code))


def _open_component(folder: int, name: str, flags: int) -> int:
    """Open one name; a link is ELOOP, also where the flags ask for a folder or would give the link itself."""
    try:
        fd = os.open(name, flags | O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except NotADirectoryError:
        if stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise
    if flags & O_PATH and stat.S_ISLNK(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return fd


def inside(target: str, root_path: str) -> str | None:
    """Return an absolute path relative to the root, None if it lies outside."""
    if target == root_path:
        return ""
    below = root_path.rstrip("/") + "/"
    return target[len(below) :] if target.startswith(below) else None


def resolve(root: int, key: str, root_path: str) -> str:
    """Return the key that `key` stands for once its links are resolved; its last part need not exist.

    Raises OSError: EXDEV where a link leads out of the root, ELOOP after 40 links, ENOENT for a missing folder.
    """
    walk = _Walk(root, root_path)
    try:
        return walk.run(key)
    finally:
        walk.close()


class _Walk:
    """Goes down a path by hand: what is open, what it is called, what is still to do."""

    def __init__(self, root: int, root_path: str) -> None:
        self._folders = [root]
        self._names: list[str] = []
        self._root_path = root_path
        self._links = 0

    def run(self, key: str) -> str:
        todo = key.split("/")[::-1]
        while todo:
            part = todo.pop()
            if part == "..":
                self._ascend()
            elif part not in ("", "."):
                todo += self._step(part, is_last=not todo)
        return "/".join(self._names)

    def _step(self, part: str, is_last: bool) -> list[str]:
        """Enter `part`; return what a link there adds to what is to do, last part first."""
        try:
            target = os.readlink(part, dir_fd=self._folders[-1])
        except OSError as error:
            if error.errno == errno.ENOENT and is_last:
                self._names.append(part)
                return []
            if error.errno != errno.EINVAL:  # EINVAL: no link
                raise
            self._names.append(part)
            if not is_last:
                self._folders.append(os.open(part, FOLDER | O_NOFOLLOW, dir_fd=self._folders[-1]))
            return []
        self._links += 1
        if self._links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return self._target(target)

    def _target(self, target: str) -> list[str]:
        if target.startswith("/"):
            relative = inside(target, self._root_path)
            if relative is None:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            self.close()
            target = relative
        return target.split("/")[::-1]

    def _ascend(self) -> None:
        if not self._names:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        self._names.pop()
        if len(self._folders) > len(self._names) + 1:
            os.close(self._folders.pop())

    def close(self) -> None:
        """Go back to the root and close what is open below it."""
        while len(self._folders) > 1:
            os.close(self._folders.pop())
        self._names.clear()


if HAS_DIR_FD:
    _openat2 = _load_openat2()

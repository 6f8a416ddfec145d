"""The least that could be done: the system calls of an operation, written out by hand.

`plain` is what a script without further care would call. `guarded` is the same work as ours, call for call: the
folder is opened below the root by openat2(2) with RESOLVE_BENEATH, a file is written under a hidden name, given a time
of its own and linked or renamed into place (docs/decisions: local guard, local commit).
"""

from __future__ import annotations

import ctypes
import os
import stat
import time
from random import getrandbits

FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
READABLE = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _how(flags: int) -> tuple[ctypes.c_void_p, _OpenHow]:
    how = _OpenHow(flags, 0, 0x08 | 0x02)  # RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS
    return ctypes.cast(ctypes.pointer(how), ctypes.c_void_p), how


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
_syscall.restype = ctypes.c_long
AS_FOLDER, AS_ANY, AS_FILE = (
    _how(flags) for flags in (READABLE, FOLDER & ~os.O_DIRECTORY, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
)


def open_beneath(top: int, key: str, how: tuple[ctypes.c_void_p, _OpenHow]) -> int:
    fd = _syscall(437, top, os.fsencode(key), how[0], 24)
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(fd)


def below(root: str, key: str, how: tuple[ctypes.c_void_p, _OpenHow]) -> int:
    top = os.open(root, FOLDER)
    try:
        return open_beneath(top, key, how)
    finally:
        os.close(top)


# 4 KiB


def write_plain(root: str, key: str, data: bytes) -> None:
    fd = os.open(f"{root}/{key}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def _staged(folder: int, data: bytes, like: os.stat_result | None) -> tuple[str, os.stat_result]:
    hidden = f".~tmp.{getrandbits(64):016x}"
    fd = os.open(hidden, NEW, 0o666, dir_fd=folder)
    try:
        os.write(fd, data)
        if like is not None:
            os.fchmod(fd, stat.S_IMODE(like.st_mode))
        now = time.time_ns()
        os.utime(fd, ns=(now, now))
        return hidden, os.fstat(fd)
    finally:
        os.close(fd)


def create_guarded(root: str, key: str, data: bytes) -> os.stat_result:
    """Write a file that must not exist: link(2) decides."""
    above, _, name = key.rpartition("/")
    folder = below(root, above, AS_FOLDER)
    try:
        hidden, state = _staged(folder, data, None)
        os.link(hidden, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        os.unlink(hidden, dir_fd=folder)
    finally:
        os.close(folder)
    return state


def replace_guarded(root: str, key: str, data: bytes) -> os.stat_result:
    """Write a file in place of the one that is there, whose mode is kept."""
    import fcntl

    above, _, name = key.rpartition("/")
    folder = below(root, above, AS_FOLDER)
    try:
        hidden, state = _staged(folder, data, os.lstat(name, dir_fd=folder))
        fcntl.flock(folder, fcntl.LOCK_SH)
        os.replace(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)
    return state


def replace_plain(root: str, key: str, data: bytes) -> None:
    fd = os.open(f"{root}/{key}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def _read_all(fd: int) -> bytes:
    try:
        return os.read(fd, os.fstat(fd).st_size + 1)
    finally:
        os.close(fd)


def read_plain(root: str, key: str) -> bytes:
    return _read_all(os.open(f"{root}/{key}", os.O_RDONLY))


def read_guarded(root: str, key: str) -> bytes:
    return _read_all(below(root, key, AS_FILE))


def exists_plain(root: str, key: str) -> bool:
    try:
        os.stat(f"{root}/{key}")
    except FileNotFoundError:
        return False
    return True


def exists_guarded(root: str, key: str) -> bool:
    try:
        fd = below(root, key, AS_ANY)
    except FileNotFoundError:
        return False
    try:
        return stat.S_ISREG(os.fstat(fd).st_mode)
    finally:
        os.close(fd)


def scan(path: str) -> int:
    """List a folder and use each file's name and size."""
    total = 0
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                total += len(entry.name) + entry.stat(follow_symlinks=False).st_size
    return total

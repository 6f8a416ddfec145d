"""A folder as one object: a gzip tar that is written plainly and unpacked with suspicion."""

from __future__ import annotations

import gzip
import lzma
import os
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .errors import ArchiveRefused
from .tree import Tree

__all__ = ["MAX_BYTES", "MAX_MEMBERS", "is_archive", "pack", "unpack"]

MAX_MEMBERS = 1_000_000
"""Files and folders that an archive may unpack to: ten times a large training job's, and it ends a bomb of names."""
MAX_BYTES = 256 << 30
"""Bytes that an archive may unpack to: at gzip's speed such a checkpoint takes hours, so nobody has a larger one."""

BROKEN = (tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, OverflowError)
"""What tarfile raises for bytes that are no archive, or not a whole one: some of it isn't its own."""


def pack(tree: Tree, root: Path, file: IO[bytes]) -> None:
    """Write a gzip tar of what `scan` found below `root`; links are stored as what they lead to."""
    with tarfile.open(fileobj=file, mode="w:gz", dereference=True, compresslevel=6) as archive:
        for key in sorted([*tree.folders, *(item.key for item in tree.files)]):
            archive.add(root / key, arcname=key, recursive=False)


def is_archive(path: Path) -> bool:
    """Return whether a downloaded object is a folder's archive."""
    try:
        with tarfile.open(path) as archive, path.open("rb") as file:
            # A file of zeros reads as a tar without members; only a compressed one can be an empty folder of ours.
            return archive.next() is not None or file.read(1) != b"\0"
    except BROKEN:
        return False


def unpack(path: Path, target: Path, *, max_members: int = MAX_MEMBERS, max_bytes: int = MAX_BYTES) -> None:
    """Unpack an archive from an untrusted place into the new folder `target`.

    Raises ArchiveRefused for absolute names, names with ``..``, links that leave the folder, names that go through
    a link, devices, more than `max_members` entries, more than `max_bytes` in all or than the disk has, and for a
    broken archive. What was unpacked until then is left for the caller to remove.
    """
    if not hasattr(tarfile, "data_filter"):
        raise ArchiveRefused("unpacking a checkpoint safely needs Python 3.11.4 or later")
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(path) as archive:
            limits = _Limits(max_members, min(max_bytes, _free(target)))
            for member in _checked(archive, target, limits):
                archive.extract(member, target, set_attrs=member.isreg(), filter="data")
    except BROKEN as error:
        raise ArchiveRefused(f"the checkpoint's archive is not fit to be unpacked: {error}") from error


def _checked(archive: tarfile.TarFile, target: Path, limits: _Limits) -> Iterator[tarfile.TarInfo]:
    links: set[str] = set()
    files: set[str] = set()
    for member in archive:
        limits.count(member)
        name = _checked_name(member)
        if any(above in links for above in _and_above(name)):
            raise ArchiveRefused(f"the archive's {member.name!r} goes through a link")
        if member.issym():
            _check_link(member, name)
            links.add(name)
        elif member.islnk():
            if posixpath.normpath(member.linkname) not in files:
                raise ArchiveRefused(f"the archive's {member.name!r} is a link to no file of the archive")
        elif member.isreg():
            files.add(name)
        elif not member.isdir():
            raise ArchiveRefused(f"the archive's {member.name!r} is a device or another special file")
        if member.isdir():
            # Made here: a folder's mode from elsewhere could keep its own files from being written.
            (target / name).mkdir(parents=True, exist_ok=True)
        else:
            yield member


class _Limits:
    def __init__(self, members: int, size: int) -> None:
        self._members = members
        self._size = size

    def count(self, member: tarfile.TarInfo) -> None:
        self._members -= 1
        self._size -= max(member.size, 0)
        if self._members < 0:
            raise ArchiveRefused("the archive has more entries than are allowed")
        if self._size < 0 or member.size < 0:
            raise ArchiveRefused("the archive unpacks to more bytes than are allowed, or than the disk has")


def _checked_name(member: tarfile.TarInfo) -> str:
    name = member.name
    local = name.replace(os.sep, "/")
    if local.startswith("/") or os.path.isabs(name) or os.path.splitdrive(name)[0]:
        raise ArchiveRefused(f"the archive's {name!r} is an absolute name")
    if ".." in local.split("/") or "\0" in name:
        raise ArchiveRefused(f"the archive's {name!r} leaves the folder")
    return posixpath.normpath(local)


def _check_link(member: tarfile.TarInfo, name: str) -> None:
    goal = member.linkname.replace(os.sep, "/").split("/")
    climbs = len(goal) - len(goal[next((at for at, part in enumerate(goal) if part != ".."), len(goal)) :])
    # Only leading "..": after another link, "x/.." may be anywhere, and that link may come later in the archive.
    if os.path.isabs(member.linkname) or goal[0] == "" or ".." in goal[climbs:] or climbs > name.count("/"):
        raise ArchiveRefused(f"the archive's {member.name!r} is a link that leaves the folder")


def _and_above(name: str) -> Iterator[str]:
    while name not in ("", "."):
        yield name
        name = posixpath.dirname(name)


def _free(folder: Path) -> int:
    state = os.statvfs(folder) if hasattr(os, "statvfs") else None
    return state.f_bavail * state.f_frsize if state is not None else MAX_BYTES

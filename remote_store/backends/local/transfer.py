"""Moving and copying files below one root."""

from __future__ import annotations

import errno
import os
import stat

from ..._core.condition import ALWAYS, IF_ABSENT
from ..._core.errors import AlreadyExists, InvalidPath
from .commit import NO_HARD_LINKS, Staged, lock_folder, rename_absent, sync_names
from .errors import missing
from .guard import HAS_DIR_FD
from .places import READABLE_FOLDER, Folder, Root

__all__ = ["copy_file", "move_file"]

COPY_STEP = 64 * 1024 * 1024
"""Bytes copied by one copy_file_range(2): the call can be interrupted only in between."""


def check_source(root: Root, src: str, backend: str) -> os.stat_result:
    """Return the state of the source, or raise for one that is missing or no file."""
    state = root.stat(src)
    if state is None:
        raise missing(src, backend, "Source")
    if stat.S_ISDIR(state.st_mode):
        raise InvalidPath(f"Source is a directory: {src}", path=src, backend=backend)
    if not stat.S_ISREG(state.st_mode):
        raise InvalidPath(f"Source is not a file: {src}", path=src, backend=backend)
    return state


def check_target(root: Root, dst: str, overwrite: bool, backend: str) -> os.stat_result | None:
    """Return the state of what is at the destination, or raise if it rules the transfer out."""
    state = root.stat(dst)
    if state is None:
        return None
    if not stat.S_ISREG(state.st_mode):
        raise InvalidPath(f"Destination exists as a directory: {dst}", path=dst, backend=backend)
    if not overwrite:
        raise AlreadyExists(f"File already exists: {dst}", path=dst, backend=backend)
    return state


def copy_file(root: Root, src: str, dst: str, overwrite: bool, fsync: bool, backend: str) -> None:
    """Copy a file with its times and mode; the copy comes into sight whole."""
    source = root.open_file(src, os.O_RDONLY | os.O_NONBLOCK)
    staged = Staged(root, dst, ALWAYS if overwrite else IF_ABSENT, fsync, backend)
    try:
        staged.begin(like=os.fstat(source))
        _copy_bytes(source, staged.fd)
        staged.commit()
    except BaseException:
        staged.abort()
        raise
    finally:
        os.close(source)


def _copy_bytes(source: int, target: int) -> None:
    try:
        while os.copy_file_range(source, target, COPY_STEP):
            pass
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        _copy_by_hand(source, target)
    except AttributeError:  # no Linux
        _copy_by_hand(source, target)


def _copy_by_hand(source: int, target: int) -> None:
    """Go on from where both descriptors stand: the kernel may have copied a part."""
    while piece := os.read(source, 1024 * 1024):
        view = memoryview(piece)
        while view:
            view = view[os.write(target, view) :]


def move_file(root: Root, src: str, dst: str, overwrite: bool, fsync: bool, backend: str) -> None:
    """Move a file by one rename; by a copy where it must cross to another file system or is a link."""
    state, old = check_source(root, src, backend), check_target(root, dst, overwrite, backend)
    source, name = root.open_parent(src, READABLE_FOLDER)
    with source:
        target = _target_folder(root, dst, backend)
        with target:
            new = dst.rpartition("/")[2]
            if name == new and source.is_same(target):
                return  # one place, reached by two ways
            is_same = old is not None and os.path.samestat(state, old)
            # Renaming a link would change what a relative one means; renaming onto one would lose where it leads,
            # unless it leads to the source.
            if not _is_link(source, name) and (is_same or not _is_link(target, new)):
                try:
                    _rename(source, name, target, new, overwrite)
                except FileExistsError:
                    raise AlreadyExists(f"File already exists: {dst}", path=dst, backend=backend) from None
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
                else:
                    if is_same and state.st_nlink > 1:
                        _drop_double(source, name)
                    if fsync and HAS_DIR_FD:
                        sync_names((target, source), dst, backend)
                    return
        copy_file(root, src, dst, overwrite, fsync, backend)
        source.unlink(name)


def _target_folder(root: Root, dst: str, backend: str) -> Folder:
    try:
        return root.make_parent(dst, READABLE_FOLDER)[0]
    except NotADirectoryError:
        text = f"Folder '{root.file_above(dst)}' exists as a file, so there can't be {dst}"
        raise InvalidPath(text, path=dst, backend=backend) from None


def _is_link(folder: Folder, name: str) -> bool:
    state = folder.stat(name)
    return state is not None and stat.S_ISLNK(state.st_mode)


def _rename(source: Folder, name: str, target: Folder, new: str, overwrite: bool) -> None:
    lock_folder(source, exclusive=False)
    lock_folder(target, exclusive=False)
    if overwrite:
        source.replace(name, target, new)
        return
    try:
        rename_absent(source, name, target, new)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        _relink(source, name, target, new)


def _relink(source: Folder, name: str, target: Folder, new: str) -> None:
    try:
        source.link(name, target, new)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        raise OSError(errno.EOPNOTSUPP, "neither hard links nor a rename that spares an existing file") from error
    source.unlink(name)


def _drop_double(source: Folder, name: str) -> None:
    """Take away the first of two names of one file: rename(2) leaves both and calls that done.

    Where names differ by case alone they may be one: then the first is not in the folder by that spelling.
    """
    with source.scan() as entries:
        is_left = any(entry.name == name for entry in entries)
    if is_left:
        source.unlink(name)

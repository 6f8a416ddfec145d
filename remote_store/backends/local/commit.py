"""How a file comes into sight: written under a hidden name in its folder, then renamed or linked in one step.

Readers see the old file or the whole new one. ``overwrite=False`` is decided by link(2), which fails if the name is
taken (100 racers, one winner); ``if_match`` by a look under a lock on the folder, which all writers of this library
take (DECISIONS 12). With `fsync` the file and its name are durable when the write returns; a failed fsync is final.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterable
from functools import cache
from random import getrandbits

from ..._contract._sync.content import Buffer
from ..._core.condition import IF_ABSENT, Condition, IfMatch
from ..._core.errors import AlreadyExists, InvalidPath, OutcomeUnknown, PreconditionFailed
from .ahead import Ahead
from .guard import HAS_DIR_FD
from .places import READABLE_FOLDER, Folder, Root
from .state import etag_of

try:
    import fcntl
except ImportError:  # Windows has no locks on folders: CONDITIONAL_WRITE is not declared there
    fcntl = None  # type: ignore[assignment]

__all__ = ["HAS_LOCKS", "Staged", "is_hidden", "lock_folder", "rename_absent", "sync_names"]

log: logging.Logger = logging.getLogger("remote_store.local")

HAS_LOCKS = fcntl is not None

HIDDEN = re.compile(r"(?:^|/)\.~tmp\.[0-9a-f]{16}(?:/|$)")
"""Names of files that are being written: refused as keys, left out of listings."""

RENAME_NOREPLACE = 1

UNSEEN_BYTES = 64 * 1024
"""Up to so many bytes are written before it is known whether the name is free: no more than that is done in vain."""


def is_hidden(key: str) -> bool:
    """Return whether a part of `key` is the name of a file that is being written."""
    return ".~tmp." in key and HIDDEN.search(key) is not None


class _LinkFound(Exception):
    """Where a new file should be there is a link: it has to be followed before anything can be said."""


class Staged:
    """A file being written. `begin`, then `write` what there is, then `commit` or `abort`.

    `abort` may come at any time, also after a failed `begin` or `commit`, and any number of times.
    """

    __slots__ = ("_ahead", "_backend", "_condition", "_folder", "_fsync", "_has_looked", "_like", "_name", "_old", "_root",
                 "_temporary", "fd", "key")  # fmt: skip

    def __init__(self, root: Root, key: str, condition: Condition, fsync: bool, backend: str) -> None:
        self._root = root
        self.key: str = key
        self._condition = condition
        self._fsync = fsync
        self._ahead = Ahead() if fsync else None
        self._backend = backend
        self._folder: Folder | None = None
        self._name = ""
        self._temporary = ""
        self._old: os.stat_result | None = None
        self._like: os.stat_result | None = None
        self._has_looked = False
        self.fd: int = -1

    def put(self, content: bytes) -> os.stat_result:
        """Write a file of which all the content is there, and commit it; return its state."""
        if self._condition is not IF_ABSENT or len(content) > UNSEEN_BYTES:
            self.begin()
        else:
            # link(2) looks by itself, and a look that finds nothing costs a tenth of such a write.
            self._open_temporary(self._open_folder(self.key))
            self.write((content,))
            try:
                return self.commit()
            except _LinkFound:
                self.abort()
                self.begin()
        self.write((content,))
        return self.commit()

    def begin(self, like: os.stat_result | None = None) -> None:
        """Open the hidden file, having refused what can be refused before any content is read.

        The file takes times and mode from `like`, if given, as a copy does.
        """
        self._like = like
        folder = self._look(self._open_folder(self.key))
        self._has_looked = True
        self._open_temporary(folder)

    def _open_temporary(self, folder: Folder) -> None:
        model = self._like or self._old
        mode = stat.S_IMODE(model.st_mode) & 0o777 if model else 0o666  # content is never open to more than it will be
        while True:
            self._temporary = f".~tmp.{getrandbits(64):016x}"
            try:
                self.fd = folder.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                return
            except FileExistsError:
                continue  # a forked child draws the same numbers
            except OSError:  # nothing else: an interrupt may come when the file is there already
                self._temporary = ""
                if not self._has_looked:
                    self._look(folder)  # what is there counts for more than why nothing can be made
                raise

    def _open_folder(self, key: str) -> Folder:
        self._close_folder()
        try:
            folder, self._name = self._root.make_parent(key, READABLE_FOLDER)
        except NotADirectoryError:
            raise self._blocked() from None
        self._folder = folder
        return folder

    def _blocked(self) -> InvalidPath:
        above = self._root.file_above(self.key)
        folder = f"Folder '{above}'" if above else "The root"
        text = f"{folder} exists as a file, so there can't be {self.key}"
        return InvalidPath(text, path=self.key, backend=self._backend)

    def _look(self, folder: Folder) -> Folder:
        """Look at what has the name now; a link inside the root is followed to the folder it leads to."""
        self._old = folder.stat(self._name)
        if self._old is not None and stat.S_ISLNK(self._old.st_mode):
            folder = self._open_folder(self._root.real_key(self.key))
            self._old = folder.stat(self._name)
        self._judge()
        return folder

    def _judge(self) -> None:
        """Raise if what is there now rules the write out."""
        old, key, backend = self._old, self.key, self._backend
        if old is None:
            if isinstance(self._condition, IfMatch):
                raise PreconditionFailed(f"No file is there to match: {key}", path=key, backend=backend)
            return
        if stat.S_ISDIR(old.st_mode):
            raise InvalidPath(f"Path exists as a directory: {key}", path=key, backend=backend)
        if self._condition is IF_ABSENT:
            raise AlreadyExists(f"File already exists: {key}", path=key, backend=backend)
        if not stat.S_ISREG(old.st_mode):
            raise InvalidPath(f"Not a file: {key}", path=key, backend=backend)
        if isinstance(self._condition, IfMatch) and etag_of(old) != self._condition.etag:
            raise PreconditionFailed(f"File has another etag by now: {key}", path=key, backend=backend)

    def write(self, pieces: Iterable[Buffer]) -> int:
        """Append buffers; return their size in bytes."""
        size = 0
        for piece in pieces:
            left = len(piece)
            size += left
            left -= os.write(self.fd, piece)
            while left:
                left -= os.write(self.fd, memoryview(piece)[-left:])
        if self._ahead is not None:
            self._ahead.wrote(self.fd, size)
        return size

    def commit(self) -> os.stat_result:
        """Give the file its name, under the condition asked for; return its state."""
        assert self._folder is not None
        if HAS_DIR_FD:
            self._stamp()
        if self._fsync:
            os.fsync(self.fd)
        state = os.fstat(self.fd)
        self._close_file()
        self._publish(self._folder)
        if self._fsync:
            sync_names((self._folder,), self.key, self._backend)
        self._close_folder()
        return state

    def _stamp(self) -> None:
        """Keep the old file's mode, and take a time of its own.

        The kernel's coarse clock stands still for milliseconds and inodes are used again at once: with the exact
        time no two files have one etag.
        """
        like, model = self._like, self._like or self._old
        if model is not None:
            os.fchmod(self.fd, stat.S_IMODE(model.st_mode))
        now = time.time_ns()
        os.utime(self.fd, ns=(like.st_atime_ns, like.st_mtime_ns) if like else (now, now))

    def _publish(self, folder: Folder) -> None:
        if self._condition is IF_ABSENT:
            self._link(folder)
            return
        is_conditional = isinstance(self._condition, IfMatch)
        lock_folder(folder, exclusive=is_conditional)
        if is_conditional:
            self._old = folder.stat(self._name)
            self._judge()
        try:
            folder.replace(self._temporary, folder, self._name)
        except (IsADirectoryError, PermissionError):
            self._old = folder.stat(self._name)
            self._judge()
            raise
        self._temporary = ""

    def _link(self, folder: Folder) -> None:
        while True:
            try:
                self._give_name(folder)
                return self._remove_temporary()
            except FileExistsError:
                self._old = folder.stat(self._name)
                if self._old is not None and stat.S_ISLNK(self._old.st_mode) and not self._has_looked:
                    raise _LinkFound from None
                self._judge()
                # deleted since: the name is free again

    def _give_name(self, folder: Folder) -> None:
        try:
            folder.link(self._temporary, folder, self._name)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            rename_absent(folder, self._temporary, folder, self._name)
            self._temporary = ""

    # Clean-up: each step can be repeated

    def abort(self) -> None:
        """Close what is open and remove the hidden file."""
        try:
            self._close_file()
        except OSError:
            pass  # what was written is thrown away
        self._remove_temporary()
        self._close_folder()

    def _close_file(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def _remove_temporary(self) -> None:
        if self._temporary and self._folder is not None:
            try:
                self._folder.unlink(self._temporary)
            except FileNotFoundError:
                pass  # its folder was deleted meanwhile
            except OSError as error:  # what the write came to is decided already; abort_uploads() takes it away
                log.warning("A hidden file of %r could not be removed: %s", self.key, error)
        self._temporary = ""

    def _close_folder(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.close()


NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What link(2) says on file systems without hard links (FAT, some network mounts)."""


def rename_absent(source: Folder, name: str, target: Folder, new: str) -> None:
    """Rename `name` unless `new` is taken, in one step: renameat2(2) with RENAME_NOREPLACE.

    Raises FileExistsError, and OSError with EOPNOTSUPP where system or file system don't have it.
    """
    function = _renameat2()
    if function is None or source.fd is None or target.fd is None:
        raise OSError(errno.EOPNOTSUPP, "no rename that spares an existing file")
    if function(source.fd, os.fsencode(name), target.fd, os.fsencode(new), RENAME_NOREPLACE) < 0:
        code = ctypes.get_errno()
        if code in (errno.EINVAL, errno.ENOSYS):  # the file system doesn't know the flag
            code = errno.EOPNOTSUPP
        raise OSError(code, os.strerror(code))


@cache
def _renameat2() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def sync_names(folders: Iterable[Folder], key: str, backend: str) -> None:
    """Make the names in folders durable. Everybody sees the file `key` by now, so a failure leaves it open."""
    try:
        for folder in folders:
            folder.sync()
    except OSError as error:
        text = f"File is there, but may not outlast a power failure: {key}: {error.strerror}"
        raise OutcomeUnknown(text, path=key, backend=backend) from error


def lock_folder(folder: Folder, *, exclusive: bool) -> None:
    """Take the lock under which this library changes names in a folder; `Folder.close` gives it back.

    A conditional write takes it exclusively between its look and its rename, everybody else shares it. Network file
    systems may have no locks: then the shared one is done without.
    """
    if not HAS_LOCKS or folder.fd is None:
        return
    try:
        fcntl.flock(folder.fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        folder.unlock = _unlock
    except OSError as error:
        if exclusive or error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF):
            raise


def _unlock(fd: int) -> None:
    """Give a lock back by name: a child forked meanwhile has the descriptor too, and would keep it locked."""
    try:
        fcntl.flock(fd, fcntl.LOCK_UN)
    except OSError:
        pass  # closing the descriptor gives it back as well

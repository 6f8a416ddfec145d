"""LocalFiles: the blocking half of the local backend, every operation on the caller's thread."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn, TypeVar, TypeVarTuple, Unpack

from ..._contract._sync.content import content_of
from ..._core.condition import condition_of
from ..._core.errors import CapabilityNotSupported, DirectoryNotEmpty, InvalidPath, NotFound, PermissionDenied
from ..._core.glob import literal_prefix, translate
from ..._core.keys import RemotePath, backend_key, join
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from ..._core.ranges import checked_offset, checked_ranges, writable
from ..._core.seconds import checked_seconds
from ..._core.totals import FolderTotals
from .commit import Staged, is_hidden, lock_folder
from .deleting import remove_tree
from .drafts import open_draft
from .errors import escapes, failure, missing, not_a_file, not_a_folder
from .listing import Listed, folder_entries, list_folder, walk
from .places import READABLE_FOLDER, Root
from .reading import fill, open_stream, read_all, read_range
from .state import etag_of, file_info, time_of
from .transfer import check_source, check_target, copy_file, move_file

__all__ = ["LocalFiles"]

T = TypeVar("T")
Args = TypeVarTuple("Args")

READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""A pipe must not hold up its opening; that it is no file shows right after."""

BATCH = 8 * 1024 * 1024
"""Bytes of a stream that are gathered for one write."""


class LocalFiles:
    """The files below `root`, an absolute path free of links. Has the methods of a sync backend."""

    def __init__(self, root: str, fsync: bool, name: str) -> None:
        self.root: Root = Root(root)
        self.fsync: bool = fsync
        self.name: str = name

    # Keys

    def key(self, path: str) -> str:
        """Return the key of any path argument; the root is `""`."""
        try:
            key = backend_key(path, self.name)
        except InvalidPath as error:
            if ".." in str(path) or str(path)[:1] in ("/", "\\"):
                raise escapes(path, self.name) from None
            raise InvalidPath(error._message, path=path, backend=self.name) from None
        if is_hidden(key):
            raise InvalidPath(f"Path is that of a file being written: {path}", path=path, backend=self.name)
        return key

    def file_key(self, path: str) -> str:
        """Return the key of a file to be read; the root is refused."""
        return self.key(path) or self._refuse_root(path, "Not a file")

    def target_key(self, path: str) -> str:
        """Return the key of a file to be written; the root is refused, however it is spelt."""
        if not str(path).strip("./\\") and ".." not in str(path):
            self._refuse_root(path, "Cannot write to the store root")
        return self.key(path) or self._refuse_root(path, "Cannot write to the store root")

    def _refuse_root(self, path: str, text: str) -> NoReturn:
        raise InvalidPath(f"{text}: {path!r}", path=path, backend=self.name)

    # Probes

    def state(self, path: str) -> os.stat_result | None:
        """Return the state of what is at `path`, None if there is nothing; the root counts as there."""
        key = self.key(path)
        try:
            return self.root.stat(key)
        except OSError as error:
            raise failure(error, path, self.name) from error

    def exists(self, path: str) -> bool:
        if not self.key(path):
            return True
        state = self.state(path)
        return state is not None and (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode))

    def is_file(self, path: str) -> bool:
        state = self.state(path)
        return state is not None and stat.S_ISREG(state.st_mode)

    def is_folder(self, path: str) -> bool:
        if not self.key(path):
            return True
        state = self.state(path)
        return state is not None and stat.S_ISDIR(state.st_mode)

    # Reading

    def opened(self, path: str) -> tuple[int, os.stat_result]:
        """Open a file and return its descriptor and state; raises our errors."""
        key = self.file_key(path)
        try:
            fd = self.root.open_file(key, READ_FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            raise missing(path, self.name) from None
        except PermissionError as error:  # that it is a folder counts for more (CONTRACT 150)
            raise (not_a_file(path, self.name) if self.is_folder(path) else failure(error, path, self.name)) from error
        except OSError as error:
            raise failure(error, path, self.name) from error
        try:
            state = os.fstat(fd)
        except OSError as error:
            os.close(fd)
            raise failure(error, path, self.name) from error
        if stat.S_ISREG(state.st_mode):
            return fd, state
        os.close(fd)
        raise not_a_file(path, self.name)

    def read(self, path: str) -> BinaryIO:
        fd, state = self.opened(path)
        return open_stream(fd, state, path, self.name)

    read_seekable = read

    def read_bytes(self, path: str) -> bytes:
        fd, state = self.opened(path)
        try:
            return read_all(fd, state.st_size)
        except OSError as error:
            raise failure(error, path, self.name) from error
        finally:
            os.close(fd)

    def read_into(self, path: str, buffer: bytearray | memoryview, start: int = 0) -> int:
        view, offset = writable(buffer), checked_offset(start)
        fd, state = self.opened(path)
        try:
            return fill(fd, view, offset) if offset < state.st_size else 0
        except OSError as error:
            raise failure(error, path, self.name) from error
        finally:
            os.close(fd)

    def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        wanted = checked_ranges(ranges)
        fd, state = self.opened(path)
        try:
            return [read_range(fd, item, state.st_size) for item in wanted]
        except OSError as error:
            raise failure(error, path, self.name) from error
        finally:
            os.close(fd)

    # Writing

    def write(
        self,
        path: str,
        content: object,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        source = content_of(content)
        staged = self.stage(path, overwrite, metadata, if_match)
        try:
            if isinstance(source, bytes):
                return _result(staged.key, len(source), self.step(path, staged.put, source))
            self.step(path, staged.begin)
            size = 0
            while batch := source.batch(BATCH):
                size += self.step(path, staged.write, batch)
                batch.clear()  # or two batches would be in memory while the next one is pulled
            return self.finish(staged, path, size)
        except BaseException:
            self.step(path, staged.abort)
            raise

    write_atomic = write

    def stage(self, path: str, overwrite: bool, metadata: Mapping[str, str] | None, if_match: str | None) -> Staged:
        """Return a file to be written, not begun yet: the arguments have been checked, the disk not touched."""
        condition = condition_of(overwrite, if_match)
        if metadata:
            raise CapabilityNotSupported(
                "Capability 'user_metadata' is not supported", path=path, backend=self.name, capability="user_metadata"
            )
        return Staged(self.root, self.target_key(path), condition, self.fsync, self.name)

    def step(self, path: str, function: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        """Run one step of a write with our errors; those of the content's source are left as they are."""
        try:
            return function(*args)
        except OSError as error:
            raise failure(error, path, self.name) from error

    def finish(self, staged: Staged, path: str, size: int) -> WriteResult:
        """Commit a staged file and return what is known of it."""
        return _result(staged.key, size, self.step(path, staged.commit))

    @contextmanager
    def open_atomic(self, path: str, *, overwrite: bool = False) -> Iterator[BinaryIO]:
        staged = self.stage(path, overwrite, None, None)
        try:
            self.step(path, staged.begin)
            with open_draft(staged.fd, path, self.name) as file:
                yield file
            self.step(path, staged.commit)
        except BaseException:
            self.step(path, staged.abort)
            raise

    # Deleting

    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        key = self.file_key(path)
        try:
            self._delete(key, path)
        except (FileNotFoundError, NotADirectoryError):
            if not missing_ok:
                raise missing(path, self.name) from None
        except OSError as error:
            raise failure(error, path, self.name) from error

    def _delete(self, key: str, path: str) -> None:
        folder, name = self.root.open_parent(key, READABLE_FOLDER)
        with folder:
            state = folder.stat(name)
            if state is not None and stat.S_ISLNK(state.st_mode):
                state = self.root.stat(key) or state  # a link that leads out is refused here
            if state is not None and not (stat.S_ISREG(state.st_mode) or stat.S_ISLNK(state.st_mode)):
                raise not_a_file(path, self.name)
            lock_folder(folder, exclusive=False)
            folder.unlink(name)

    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        key = self.key(path)
        if not key:
            raise InvalidPath("Cannot delete the store root", path=path, backend=self.name)
        try:
            self._delete_folder(key, path, recursive)
        except (FileNotFoundError, NotADirectoryError):
            if not missing_ok:
                raise missing(path, self.name, "Folder") from None
        except OSError as error:
            raise failure(error, path, self.name) from error

    def _delete_folder(self, key: str, path: str, recursive: bool) -> None:
        folder, name = self.root.open_parent(key, READABLE_FOLDER)
        with folder:
            state = self.root.stat(key)
            if state is not None and not stat.S_ISDIR(state.st_mode):
                raise not_a_folder(path, self.name)
            own = folder.stat(name)
            if own is not None and stat.S_ISLNK(own.st_mode):
                self._delete_link(key, path, recursive)
                folder.unlink(name)
            elif recursive:
                remove_tree(folder, name)
            else:
                folder.rmdir(name)

    def _delete_link(self, key: str, path: str, recursive: bool) -> None:
        """Check that a link to a folder may go: the link alone is deleted, never what it leads to."""
        listed = list_folder(self.root, key)
        if not recursive and (listed.files or listed.folders):
            raise DirectoryNotEmpty(f"Folder is not empty: {path}", path=path, backend=self.name)

    def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        limit, removed = time.time() - checked_seconds(older_than, "older_than"), 0
        waiting = [self.key(prefix)]
        while waiting:
            key = waiting.pop()
            removed += self._remove_hidden(key, limit)
            listed = self.listed(key, key)
            waiting += [join(key, name) for name in listed.folders if name not in listed.linked]
        return removed

    def _remove_hidden(self, key: str, limit: float) -> int:
        """Remove what was hidden in a folder before `limit` (seconds since the epoch); return how many."""
        removed = 0
        try:
            with self.root.open_folder(key, READABLE_FOLDER) as folder, folder.scan() as entries:
                for name in [entry.name for entry in entries if is_hidden(entry.name)]:
                    state = folder.stat(name)
                    if state is not None and state.st_mtime <= limit:
                        folder.unlink(name)
                        removed += 1
        except (FileNotFoundError, NotADirectoryError):
            pass  # its writer finished, or the folder went, meanwhile
        except OSError as error:
            raise failure(error, key, self.name) from error
        return removed

    # Listing

    def list_files(self, path: str, *, recursive: bool = False, max_depth: int | None = None) -> Iterator[FileInfo]:
        for page in self.file_pages(path, recursive, max_depth):
            yield from page

    def file_pages(self, path: str, recursive: bool, max_depth: int | None) -> Iterator[Listed]:
        """Yield the files of a folder and those below, a folder at a time."""
        return self.translated(walk(self.root, self.key(path), max_depth if recursive else 0), path)

    def list_folders(self, path: str) -> Iterator[FolderEntry]:
        key = self.key(path)
        return iter(folder_entries(key, self.listed(key, path).folders))

    def iter_children(self, path: str) -> Iterator[FileInfo | FolderEntry]:
        return iter(self.children(path))

    def children(self, path: str) -> list[FileInfo | FolderEntry]:
        """Return the files and subfolders of a folder."""
        key = self.key(path)
        listed = self.listed(key, path)
        return [*listed, *folder_entries(key, listed.folders)]

    def listed(self, key: str, path: str) -> Any:
        """Return what is in a folder, with our errors."""
        try:
            return list_folder(self.root, key)
        except OSError as error:
            raise failure(error, path, self.name) from error

    def glob(self, pattern: str) -> Iterator[FileInfo]:
        for page in self.glob_pages(pattern):
            yield from page

    def glob_pages(self, pattern: str) -> Iterator[list[FileInfo]]:
        """Yield the files that match `pattern`, a folder at a time."""
        matches = translate(pattern).match
        # Without "**" nothing deeper than the pattern can match.
        depth = None if "**" in pattern else pattern.count("/")
        prefix = self.key(literal_prefix(pattern))
        if depth is not None and prefix:
            depth -= prefix.count("/") + 1
        for listed in self.translated(walk(self.root, prefix, depth, strict=not prefix), pattern):
            yield [info for info in listed if matches(str(info.path))]

    def translated(self, pages: Iterator[T], path: str) -> Iterator[T]:
        """Yield pages, with our errors."""
        try:
            yield from pages
        except OSError as error:
            raise failure(error, path, self.name) from error

    # Information

    def get_file_info(self, path: str) -> FileInfo:
        key = self.file_key(path)
        state = self.state(path)
        if state is None:
            raise missing(path, self.name)
        if not stat.S_ISREG(state.st_mode):
            raise not_a_file(path, self.name)
        return file_info(key, state)

    def get_folder_info(self, path: str) -> FolderInfo:
        key = self.key(path)
        if key:
            state = self.state(path)
            if state is None:
                raise missing(path, self.name, "Folder")
            if not stat.S_ISDIR(state.st_mode):
                raise not_a_folder(path, self.name)
        totals = FolderTotals()
        for page in self.file_pages(path, True, None):
            for info in page:
                totals.add(info)
        return totals.info(RemotePath._trusted(key))

    # Moving

    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        self._transfer(move_file, src, dst, overwrite)

    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        self._transfer(copy_file, src, dst, overwrite)

    def _transfer(self, transfer: Any, src: str, dst: str, overwrite: bool) -> None:
        source, target = self.file_key(src), self.target_key(dst)
        asked = src
        try:
            check_source(self.root, source, self.name)
            if source == target:
                return
            asked = dst
            check_target(self.root, target, overwrite, self.name)
            transfer(self.root, source, target, overwrite, self.fsync, self.name)
        except OSError as error:
            raise failure(error, asked, self.name) from error

    # Names

    def native_path(self, path: str) -> str:
        key = self.key(path)
        root = self.root.path.replace(os.sep, "/")
        return f"{root.rstrip('/')}/{key}" if key else root

    def to_key(self, native_path: str) -> str:
        root = self.root.path.replace(os.sep, "/")
        path = str(native_path).replace(os.sep, "/")
        if path == root:
            return ""
        below = root.rstrip("/") + "/"
        return path[len(below) :] if path.startswith(below) else native_path

    def resolve(self, path: str) -> ResolutionPlan:
        native = self.native_path(path)
        details = {"root": self.root.path, "absolute_path": native}
        return ResolutionPlan(self.name, self.name, path, native, details)

    def unwrap(self, type_hint: type[T]) -> T:
        raise CapabilityNotSupported(
            f"Backend 'local' does not expose native handle of type {type_hint.__name__}",
            backend=self.name,
            capability="unwrap",
        )

    # Life cycle

    def check_health(self) -> None:
        path = self.root.path
        try:
            with self.root.open_folder("", READABLE_FOLDER) as folder, folder.scan() as entries:
                next(entries, None)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"Root directory not found: {path}", backend=self.name) from None
        except PermissionError:
            raise PermissionDenied(f"Root directory is not readable: {path}", backend=self.name) from None
        except OSError as error:
            raise failure(error, path, self.name) from error

    def close(self) -> None:
        """Nothing is held open."""


def _result(key: str, size: int, state: os.stat_result) -> WriteResult:
    return WriteResult.native(RemotePath._trusted(key), size, etag_of(state), time_of(state))

# Generated from remote_store/_contract/_async/backend.py by tools/gen_sync.py. Edit that file.
"""Backend: the methods that a storage backend has (CONTRACT A3, seeds 001 and 003)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Iterable, Mapping
from types import TracebackType
from typing import ClassVar, Self, TypeVar

from ..._core.capability import CapabilitySet
from ..._core.errors import CapabilityNotSupported
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from ..._core.ranges import checked_offset, checked_ranges, writable
from .content import WritableContent
from .pairs import BackendFace, Readable, children, reading

__all__ = ["Backend"]

T = TypeVar("T")


class Backend(BackendFace, ABC):
    """Abstract base of the storage backends.

    Implement the abstract methods and map every exception of the service or SDK to one of ours: none may leak.
    Keys are relative to the backend's root; `""` and `"."` are the root itself. A method that the declared
    `capabilities` don't cover raises CapabilityNotSupported; the store asks before it calls.
    """

    CAPABILITIES: ClassVar[CapabilitySet]
    """What the class can do at most; `capabilities` of an instance is a subset."""
    close_is_terminal: ClassVar[bool] = False
    """Whether `close` is for good, so that every later call raises BackendUnavailable."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Identifier of this kind of backend, such as ``"local"``."""

    @property
    @abstractmethod
    def capabilities(self) -> CapabilitySet:
        """What this backend can do."""

    @property
    def native_options(self) -> frozenset[str]:
        """Names of the optional keywords that the methods take here beyond those of this class.

        ``"options"`` (of writes, a WriteOptions), ``"version_id"`` (of reads), ``"start_after"`` and ``"limit"`` (of
        `list_files`). A store passes them on only to a backend that names them, and only when they are given.
        """
        return frozenset()

    # Probes: no capability needed, never NotFound

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`; false below a file."""

    @abstractmethod
    def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""

    @abstractmethod
    def is_folder(self, path: str) -> bool:
        """Return whether a folder is at `path`; true for the root."""

    # Reading: Capability.READ

    @abstractmethod
    def read(self, path: str) -> Readable:
        """Open a file and return its content as a stream, read as it is consumed where the backend has LAZY_READ.

        Raises NotFound, and InvalidPath for a folder: at the first read at the latest.
        """

    @abstractmethod
    def read_bytes(self, path: str) -> bytes:
        """Return the whole content of a file. Raises NotFound, and InvalidPath for a folder."""

    def read_into(self, path: str, buffer: bytearray | memoryview, start: int = 0) -> int:
        """Fill `buffer` with a file's content from offset `start` and return the number of bytes.

        Fewer than the buffer's bytes come only where the file ends. Raises NotFound, and InvalidPath for a folder;
        ValueError for a negative start; TypeError for a buffer that is read-only or not contiguous.
        The default reads from the beginning; backends with RANGED_READ fetch just the range.
        """
        view, skip, done = writable(buffer), checked_offset(start), 0
        with reading(self, path) as stream:
            for chunk in stream:
                piece = memoryview(chunk)[skip:][: len(view) - done]
                skip = max(0, skip - len(chunk))
                view[done : done + len(piece)] = piece
                done += len(piece)
                if done == len(view):
                    break
        return done

    def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return the bytes of each half-open range (start, stop), in the order given.

        A range that goes past the end comes out short. Raises NotFound, and InvalidPath for a folder; ValueError
        for a reversed or negative range.
        The default reads the file once; backends with RANGED_READ fetch just the ranges.
        """
        wanted = checked_ranges(ranges)
        found: list[list[memoryview]] = [[] for _ in wanted]
        last = max((stop for _, stop in wanted), default=0)
        position = 0
        with reading(self, path) as stream:
            for chunk in stream:
                view = memoryview(chunk)
                for pieces, (start, stop) in zip(found, wanted, strict=True):
                    if start < position + len(view) and stop > position:
                        pieces.append(view[max(0, start - position) : stop - position])
                position += len(view)
                if position >= last:
                    break
        return [b"".join(pieces) for pieces in found]

    # Writing: Capability.WRITE

    @abstractmethod
    def write(
        self,
        path: str,
        content: WritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        """Write a file, making the folders above it.

        `metadata` needs USER_METADATA. `if_match` needs CONDITIONAL_WRITE: the write then replaces the object that
        has this etag and nothing else, whatever `overwrite` says; it is passed on only when it is given, so that
        backends without the parameter go on working.

        Raises AlreadyExists if the file exists and `overwrite` is false, PreconditionFailed if `if_match` does not
        match, and InvalidPath for a folder at `path` or a file among its ancestors.
        """

    @abstractmethod
    def write_atomic(
        self,
        path: str,
        content: WritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        """Write a file so that readers see the old content or the whole new one (ATOMIC_WRITE); else as `write`."""

    def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Remove what interrupted writes below the folder `prefix` left behind, if it is older than so many seconds.

        Returns how many there were. Files that can be read are never touched. The default raises
        CapabilityNotSupported: the backend can't tell leftovers from files.
        """
        raise CapabilityNotSupported(
            f"Backend '{self.name}' does not support abort_uploads", backend=self.name, capability="abort_uploads"
        )

    def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        """Return the uploads in parts below the folder `prefix` that are neither complete nor aborted: (key, id) each.

        The default raises CapabilityNotSupported: the backend has none.
        """
        raise CapabilityNotSupported(
            f"Backend '{self.name}' does not support list_uploads", backend=self.name, capability="list_uploads"
        )

    def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        """Return a URL by which anybody may ``"GET"`` or ``"PUT"`` a file for `expires` seconds; nothing is sent.

        The default raises CapabilityNotSupported.
        """
        raise CapabilityNotSupported(
            f"Backend '{self.name}' does not support presign", backend=self.name, capability="presign"
        )

    # Deleting: Capability.DELETE

    @abstractmethod
    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file. Raises NotFound unless `missing_ok`, and InvalidPath for a folder in any case."""

    @abstractmethod
    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder, with its content if `recursive`.

        Raises NotFound unless `missing_ok`, InvalidPath for a file in any case, and DirectoryNotEmpty.
        """

    # Listing: Capability.LIST

    @abstractmethod
    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> Iterator[FileInfo]:
        """Iterate over the files in a folder, in no promised order.

        With `recursive` those of its subfolders too, down to `max_depth` levels (0: the folder alone) if given.
        What is no folder yields nothing.
        """

    @abstractmethod
    def list_folders(self, path: str) -> Iterator[FolderEntry]:
        """Iterate over the immediate subfolders of a folder."""

    def iter_children(self, path: str) -> Iterator[FileInfo | FolderEntry]:
        """Iterate over the files and subfolders in a folder. The default lists twice."""
        return children(self, path)

    def glob(self, pattern: str) -> Iterator[FileInfo]:
        """Iterate over the files whose whole key matches `pattern` (GLOB). The default raises.

        `*` and `?` don't cross `/`, `**` is any number of folders, `[abc]` and `[!abc]` are classes.
        """
        raise CapabilityNotSupported(
            f"Backend '{self.name}' does not support glob", backend=self.name, capability="glob"
        )

    # Information: Capability.METADATA

    @abstractmethod
    def get_file_info(self, path: str) -> FileInfo:
        """Return what is known of a file. Raises NotFound, and InvalidPath for a folder."""

    @abstractmethod
    def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder, at every depth. Raises NotFound, and InvalidPath for a file."""

    # Moving: Capability.MOVE, Capability.COPY

    @abstractmethod
    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Move a file, making the folders above `dst`; the same path is left as it is.

        Raises NotFound for a missing source, AlreadyExists if `dst` exists and `overwrite` is false, InvalidPath for
        a folder on either side or a file among the ancestors of `dst`.
        """

    @abstractmethod
    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file; else as `move`."""

    # Names

    def to_key(self, native_path: str) -> str:
        """Return the key of a native path: the inverse of `native_path`. The default is the identity."""
        return native_path

    def native_path(self, path: str) -> str:
        """Return the native path of a key, as the handle from `unwrap` wants it. The default is the identity."""
        return path

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives, without any I/O."""
        return ResolutionPlan(self.name, self.name, path, self.native_path(path), {})

    # Life cycle

    def check_health(self) -> None:
        """Raise one of our errors if the backend can't be reached or used. The default does nothing."""

    def close(self) -> None:
        """Release what the backend holds. Closing twice does nothing. The default does nothing."""

    def unwrap(self, type_hint: type[T]) -> T:
        """Return the native handle, if it has that type; else raise CapabilityNotSupported."""
        raise CapabilityNotSupported(
            f"Backend '{self.name}' does not expose native handle of type {type_hint.__name__}",
            backend=self.name,
            capability="unwrap",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

"""What the generated sync backends stand on: the adapter's other policies, and no adapter at all where none is needed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO, ClassVar, TypeVar

from .._contract._async.backend import AsyncBackend
from .._contract._sync.backend import Backend
from .._contract._sync.content import WritableContent
from .._core.capability import Capability, CapabilitySet
from .._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from .._core.options import WriteOptions, refuse_given
from .pulled import ChunkStream
from .refusal import refuse_target
from .seeking import SeekingStream
from .to_sync import AsyncBackendSyncAdapter

__all__ = ["BlockingTwin", "FlatTwin", "LoopTwin", "RangedTwin", "original_of"]

T = TypeVar("T")

READ_AHEAD = 256 * 1024
"""Bytes that a stream fetches at a time where its user asks for less: one request serves many small reads."""


class LoopTwin(AsyncBackendSyncAdapter):
    """Base of the sync twins whose originals need an event loop.

    It starts at the first call, works (and blocks) in a thread whose own event loop is running, opens at `read`,
    and declares what its class writes out. Unless `close_is_terminal` it can be used again after it was closed.
    """

    close_is_terminal = False
    _masked = frozenset()
    _strict_about_loops = False
    _starts_at_once = False
    _piece_bytes = None

    _seeks: ClassVar[bool] = False
    """True where streams seek by ranges although the backend can't promise RANGED_READ."""

    def __init__(self, async_backend: AsyncBackend) -> None:
        super().__init__(async_backend)
        _rename(async_backend)

    @property
    def _owner(self) -> str:
        return type(self).__name__

    @property
    def name(self) -> str:
        """Return the original's name, without "async-"."""
        return _name(self._async_backend)

    @property
    def _has_folders(self) -> bool:
        """False where a file may have keys below it (object stores)."""
        return True

    @property
    def capabilities(self) -> CapabilitySet:
        """Return what the original can do now, of what this class declares."""
        return CapabilitySet(set(self._async_backend.capabilities) & set(self.CAPABILITIES))

    def read(self, path: str, *, version_id: str | None = None) -> BinaryIO:
        """Open a file and return its content as a stream, which seeks where the backend has RANGED_READ.

        Raises NotFound, and InvalidPath for a folder.
        """
        stream = self._stream(path, version_id)
        stream.open_now()
        return io.BufferedReader(stream, READ_AHEAD)

    @contextmanager
    def open_atomic(self, path: str, *, overwrite: bool = False) -> Iterator[BinaryIO]:
        """Open a file for writing that appears when the block ends without an exception.

        Raises AlreadyExists and InvalidPath before the block where they are known by then. The write at its end
        decides: somebody else may have come first.
        """
        self._run(refuse_target, self._async_backend, path, overwrite=overwrite, has_folders=self._has_folders)
        with super().open_atomic(path, overwrite=overwrite) as draft:
            yield draft

    def _stream(self, path: str, version_id: str | None = None) -> ChunkStream:
        if not self._seeks and Capability.RANGED_READ not in self.capabilities:
            return super()._stream(path, version_id)
        source = self._source(path, version_id)

        def read_into(view: memoryview, start: int) -> int:
            if source.fill is not None:
                return self._run(source.fill, view, start)
            return self.read_into(path, view, start, version_id=version_id)

        return SeekingStream(
            self._portal,
            self._check_loop,
            source,
            path,
            read_into=read_into,
            find_size=lambda: self.get_file_info(path).size,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_arguments(self)

    def __repr__(self) -> str:
        return _repr(self)


class FlatTwin(LoopTwin):
    """Base of the sync twins of object stores, where a file may have keys below it; closing is for good (CONTRACT 90)."""

    close_is_terminal = True

    @property
    def _has_folders(self) -> bool:
        """True for an account that renames in one step: its namespace is hierarchical."""
        return Capability.ATOMIC_MOVE in self.capabilities


class RangedTwin(LoopTwin):
    """Base of sync twins whose servers may or may not know ranges: streams seek, at the cost of what is skipped."""

    _seeks = True


class BlockingTwin(AsyncBackendSyncAdapter):
    """Base of the sync twins whose originals offer their `blocking` half: its methods run on the caller's thread.

    There is no loop and no thread, and it can be used again after it was closed.
    """

    close_is_terminal = False
    _masked = frozenset()
    _strict_about_loops = False
    _starts_at_once = False

    def __init__(self, async_backend: AsyncBackend) -> None:
        super().__init__(async_backend)
        _rename(async_backend)
        self._blocking: Any = async_backend.blocking  # type: ignore[attr-defined]  # the private half of our own

    @property
    def name(self) -> str:
        """Return the original's name, without "async-"."""
        return _name(self._async_backend)

    @property
    def capabilities(self) -> CapabilitySet:
        """Return what this class can do."""
        return self.CAPABILITIES

    # Probes

    def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`; false below a file."""
        return self._blocking.exists(path)  # type: ignore[no-any-return]

    def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        return self._blocking.is_file(path)  # type: ignore[no-any-return]

    def is_folder(self, path: str) -> bool:
        """Return whether a folder is at `path`; true for the root."""
        return self._blocking.is_folder(path)  # type: ignore[no-any-return]

    # Reading

    def read(self, path: str, *, version_id: str | None = None) -> BinaryIO:
        """Open a file and return its content as a stream. Raises NotFound, and InvalidPath for a folder."""
        refuse_given(self.name, version_id=version_id)
        return self._blocking.read(path)  # type: ignore[no-any-return]

    def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        """Return the whole content of a file. Raises NotFound, and InvalidPath for a folder."""
        refuse_given(self.name, version_id=version_id)
        return self._blocking.read_bytes(path)  # type: ignore[no-any-return]

    def read_into(
        self, path: str, buffer: bytearray | memoryview, start: int = 0, *, version_id: str | None = None
    ) -> int:
        """Fill `buffer` with a file's content from offset `start` and return the number of bytes."""
        refuse_given(self.name, version_id=version_id)
        return self._blocking.read_into(path, buffer, start)  # type: ignore[no-any-return]

    def read_ranges(
        self, path: str, ranges: Iterable[tuple[int, int]], *, version_id: str | None = None
    ) -> list[bytes]:
        """Return the bytes of each half-open range (start, stop), in the order given."""
        refuse_given(self.name, version_id=version_id)
        return self._blocking.read_ranges(path, ranges)  # type: ignore[no-any-return]

    # Writing

    def write(
        self,
        path: str,
        content: WritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        """Write a file, making the folders above it."""
        refuse_given(self.name, options=options)
        return self._blocking.write(  # type: ignore[no-any-return]
            path, content, overwrite=overwrite, metadata=metadata, if_match=if_match
        )

    def write_atomic(
        self,
        path: str,
        content: WritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        """Write a file so that readers see the old content or the whole new one."""
        refuse_given(self.name, options=options)
        return self._blocking.write_atomic(  # type: ignore[no-any-return]
            path, content, overwrite=overwrite, metadata=metadata, if_match=if_match
        )

    def open_atomic(self, path: str, *, overwrite: bool = False) -> AbstractContextManager[BinaryIO]:
        """Open a file for writing that appears at `path` when the block ends without an exception."""
        return self._blocking.open_atomic(path, overwrite=overwrite)  # type: ignore[no-any-return]

    def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        """Raise CapabilityNotSupported, as the original does."""
        return Backend.presign(self, path, method, expires)

    def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        """Raise CapabilityNotSupported, as the original does."""
        return Backend.list_uploads(self, prefix)

    # Deleting

    def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Remove what interrupted writes left behind; return how many there were."""
        return self._blocking.abort_uploads(older_than, prefix)  # type: ignore[no-any-return]

    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file. Raises NotFound unless `missing_ok`, and InvalidPath for a folder in any case."""
        self._blocking.delete(path, missing_ok=missing_ok)

    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder, with its content if `recursive`."""
        self._blocking.delete_folder(path, recursive=recursive, missing_ok=missing_ok)

    # Listing

    def list_files(
        self,
        path: str,
        *,
        recursive: bool = False,
        max_depth: int | None = None,
        start_after: str | None = None,
        limit: int | None = None,
    ) -> Iterator[FileInfo]:
        """Iterate over the files in a folder."""
        refuse_given(self.name, start_after=start_after, limit=limit)
        return self._blocking.list_files(path, recursive=recursive, max_depth=max_depth)  # type: ignore[no-any-return]

    def list_folders(self, path: str) -> Iterator[FolderEntry]:
        """Iterate over the immediate subfolders of a folder."""
        return self._blocking.list_folders(path)  # type: ignore[no-any-return]

    def iter_children(self, path: str) -> Iterator[FileInfo | FolderEntry]:
        """Iterate over the files and subfolders in a folder."""
        return self._blocking.iter_children(path)  # type: ignore[no-any-return]

    def glob(self, pattern: str) -> Iterator[FileInfo]:
        """Iterate over the files whose whole key matches `pattern` (GLOB)."""
        if Capability.GLOB not in self.CAPABILITIES:
            return Backend.glob(self, pattern)
        return self._blocking.glob(pattern)  # type: ignore[no-any-return]

    # Information

    def get_file_info(self, path: str) -> FileInfo:
        """Return what is known of a file. Raises NotFound, and InvalidPath for a folder."""
        return self._blocking.get_file_info(path)  # type: ignore[no-any-return]

    def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder, at every depth. Raises NotFound, and InvalidPath for a file."""
        return self._blocking.get_folder_info(path)  # type: ignore[no-any-return]

    # Moving

    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Move a file, making the folders above `dst`."""
        self._blocking.move(src, dst, overwrite=overwrite)

    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file, making the folders above `dst`."""
        self._blocking.copy(src, dst, overwrite=overwrite)

    # Names and life cycle

    def to_key(self, native_path: str) -> str:
        """Return the key of a native path."""
        return self._blocking.to_key(native_path)  # type: ignore[no-any-return]

    def native_path(self, path: str) -> str:
        """Return the native path of a key."""
        return self._blocking.native_path(path)  # type: ignore[no-any-return]

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives, without any I/O."""
        return self._blocking.resolve(path)  # type: ignore[no-any-return]

    def unwrap(self, type_hint: type[T]) -> T:
        """Return the native handle, if it has that type; else raise CapabilityNotSupported."""
        return self._blocking.unwrap(type_hint)  # type: ignore[no-any-return]

    def check_health(self) -> None:
        """Raise one of our errors if the backend can't be used."""
        self._blocking.check_health()

    def close(self, timeout: float | None = 30.0) -> None:
        """Release what the backend holds; it can be used again. `timeout` has nothing to wait for here."""
        self._blocking.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_arguments(self)

    def __repr__(self) -> str:
        return _repr(self)


# What a twin takes over from its original, whose private half these names are

PREFIX = "async-"


def _rename(original: Any) -> None:
    """Make the original say the twin's name in its errors (DECISIONS 4)."""
    label = getattr(original, "_label", None)
    if isinstance(label, str) and label.startswith(PREFIX):
        original._label = label.removeprefix(PREFIX)


def _name(original: Any) -> str:
    return getattr(original, "_label", None) or original.name.removeprefix(PREFIX)  # type: ignore[no-any-return]


def _repr(twin: AsyncBackendSyncAdapter) -> str:
    """Return the original's text under the twin's name: the originals are called Async<twin>."""
    _, bracket, arguments = repr(twin._async_backend).partition("(")
    return f"{type(twin).__name__}{bracket}{arguments}"


def _by_arguments(twin: AsyncBackendSyncAdapter) -> tuple[Any, ...]:
    arguments: Callable[[], dict[str, object]] = twin._async_backend._constructor_arguments  # type: ignore[attr-defined]
    return (_rebuilt, (type(twin), arguments()))


def _rebuilt(cls: Callable[..., Backend], arguments: dict[str, object]) -> Backend:
    return cls(**arguments)


# Lifting

_OWN = frozenset({"_async_backend", "_portal", "_blocking"})
"""What an untouched twin has in its `__dict__`."""
_METHODS = frozenset(name for name in dir(Backend) if name[0] != "_" and name != "CAPABILITIES")


def original_of(backend: object) -> AsyncBackend | None:
    """Return the async original of a generated twin that nobody has touched, else None (DECISIONS 5).

    A subclass, a method replaced on the class or an attribute set on the instance may change what the twin does,
    and would be passed by.
    """
    cls = type(backend)
    if not isinstance(backend, (BlockingTwin, LoopTwin)) or not cls.__dict__.get("_generated_twin"):
        return None
    if not vars(backend).keys() <= _OWN or not _METHODS.isdisjoint(cls.__dict__):
        return None
    return backend._async_backend

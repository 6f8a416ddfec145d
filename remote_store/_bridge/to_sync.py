"""AsyncBackendSyncAdapter: an async backend as a blocking one."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Protocol, TypeVar, cast, runtime_checkable

from .._contract._async.backend import AsyncBackend
from .._contract._async.content import AsyncContent
from .._contract._sync.backend import Backend
from .._contract._sync.content import Buffer, Content, WritableContent, refuse_text
from .._contract._sync.streams import SPOOL_BYTES
from .._core.capability import Capability, CapabilitySet
from .._core.errors import BackendClosed, CapabilityNotSupported
from .._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from .._core.options import WriteOptions, given
from .portal import Portal
from .pulled import ChunkStream, Entries, Source
from .running import in_running_loop

__all__ = ["AsyncBackendSyncAdapter", "_SyncSafeHandleProvider"]

T = TypeVar("T")


@runtime_checkable
class _SyncSafeHandleProvider(Protocol):
    """An async backend that has a native handle for blocking callers; recognised by its method."""

    def sync_safe_unwrap(self, type_hint: type[T]) -> T:
        """Return a handle of that type that is bound to no event loop."""
        ...


class AsyncBackendSyncAdapter(Backend):
    """A blocking backend over an async one, which runs on an event loop of its own in a daemon thread.

    The loop is asyncio's and starts with the adapter. Any number of threads may call at once. The wrapped backend's
    ``__aenter__`` is never called. Raises TypeError for anything but an AsyncBackend.

    Every call raises RuntimeError in a thread whose event loop is running, and once the adapter is closed.
    A call that is interrupted (KeyboardInterrupt) cancels its coroutine and waits for that, up to 5 s.
    Streams are forward-only, and open at the first read.
    """

    CAPABILITIES = CapabilitySet(set(Capability) - {Capability.SEEKABLE_READ})
    close_is_terminal = True

    # What the generated twins decide otherwise (DECISIONS 3)
    _masked: ClassVar[frozenset[Capability]] = frozenset({Capability.SEEKABLE_READ})
    _strict_about_loops: ClassVar[bool] = True
    _starts_at_once: ClassVar[bool] = True
    _piece_bytes: ClassVar[int | None] = 64 * 1024
    """How much of a file is read at a time to be written; None leaves it to the backend (CONTRACT 105)."""

    def __init__(self, async_backend: AsyncBackend) -> None:
        if not isinstance(async_backend, AsyncBackend):
            raise TypeError(f"AsyncBackendSyncAdapter needs an AsyncBackend, not {type(async_backend).__name__}")
        self._async_backend = async_backend
        self._portal = Portal(self._owner)
        if self._starts_at_once:
            self._portal.loop_thread()

    @property
    def _owner(self) -> str:
        """Who is named in errors."""
        return "AsyncBackendSyncAdapter"

    @property
    def name(self) -> str:
        """Return the wrapped backend's name."""
        return self._async_backend.name

    @cached_property
    def capabilities(self) -> CapabilitySet:  # seeds/003 has it cached
        """Return what the wrapped backend can do, but SEEKABLE_READ: these streams only go forward."""
        return CapabilitySet(set(self._async_backend.capabilities) - self._masked)

    @property
    def native_options(self) -> frozenset[str]:
        """Return the optional keywords that the wrapped backend takes."""
        return self._async_backend.native_options

    # Crossing over

    def _admit(self) -> None:
        """Raise if this adapter must not be called from here or no more."""
        if self._portal.closed:
            raise BackendClosed(f"{self._owner} is closed", backend=self.name)
        self._check_loop()

    def _check_loop(self) -> None:
        if self._strict_about_loops and in_running_loop():
            raise RuntimeError(f"{self._owner} cannot be called from a running event loop; use AsyncStore there")

    def _run(self, function: Callable[..., Awaitable[T]], *args: object, **options: object) -> T:
        self._admit()
        return self._portal.loop_thread().call(function, *args, **options)

    # Probes

    def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`."""
        return self._run(self._async_backend.exists, path)

    def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        return self._run(self._async_backend.is_file, path)

    def is_folder(self, path: str) -> bool:
        """Return whether a folder is at `path`."""
        return self._run(self._async_backend.is_folder, path)

    # Reading

    def read(self, path: str, *, version_id: str | None = None) -> BinaryIO:
        """Return a raw, forward-only stream; NotFound and InvalidPath come with its first read."""
        self._admit()
        return cast(BinaryIO, self._stream(path, version_id))

    def _stream(self, path: str, version_id: str | None = None) -> ChunkStream:
        return ChunkStream(self._portal, self._check_loop, self._source(path, version_id), path)

    def _source(self, path: str, version_id: str | None) -> Source:
        read: Callable[..., Any] = self._async_backend.read
        return Source(lambda: read(path, **given(version_id=version_id)))

    def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        """Return the whole content of a file."""
        return self._run(self._async_backend.read_bytes, path, **given(version_id=version_id))

    def read_into(
        self, path: str, buffer: bytearray | memoryview, start: int = 0, *, version_id: str | None = None
    ) -> int:
        """Fill `buffer` with a file's content from offset `start` and return the number of bytes."""
        return self._run(self._async_backend.read_into, path, buffer, start, **given(version_id=version_id))

    def read_ranges(
        self, path: str, ranges: Iterable[tuple[int, int]], *, version_id: str | None = None
    ) -> list[bytes]:
        """Return the bytes of each half-open range (start, stop), in the order given."""
        # A list first: a lazy iterable may block, and then not on the loop's thread.
        return self._run(self._async_backend.read_ranges, path, list(ranges), **given(version_id=version_id))

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
        """Write a file; a file or iterator is read in a worker thread, piece by piece."""
        settings = _options(overwrite=overwrite, metadata=metadata, if_match=if_match, options=options)
        return self._run(self._async_backend.write, path, self._content(content), **settings)

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
        """Write a file whole or not at all; else as `write`."""
        settings = _options(overwrite=overwrite, metadata=metadata, if_match=if_match, options=options)
        return self._run(self._async_backend.write_atomic, path, self._content(content), **settings)

    def _content(self, content: object) -> Any:
        if isinstance(content, bytes):
            return content
        refuse_text(content)
        if isinstance(content, Content) and content.buffer is not None:
            content = content.buffer  # it came as one, and goes as one
        if hasattr(content, "__aiter__"):
            raise TypeError("content is an async iterator; the sync API takes bytes, iterators and files")
        return AsyncContent(content) if self._piece_bytes is None else _InPieces(content, self._piece_bytes)

    def open_atomic(self, path: str, *, overwrite: bool = False) -> AbstractContextManager[BinaryIO]:
        """Open a file for writing that appears when the block ends without an exception.

        It is collected first (8 MiB in memory, the rest in a temporary file) and written by `write_atomic` at the
        end of the block, from where AlreadyExists and InvalidPath come too.
        """
        self._admit()
        return _Draft(self, path, overwrite)

    def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        """Return a URL by which anybody may GET or PUT a file for `expires` seconds."""
        return self._run(self._async_backend.presign, path, method, expires)

    def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        """Return the uploads in parts below a folder that are neither complete nor aborted."""
        return self._run(self._async_backend.list_uploads, prefix)

    # Deleting

    def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Remove what interrupted writes left behind; return how many there were."""
        return self._run(self._async_backend.abort_uploads, older_than, prefix)

    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file."""
        self._run(self._async_backend.delete, path, missing_ok=missing_ok)

    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder, with its content if `recursive`."""
        self._run(self._async_backend.delete_folder, path, recursive=recursive, missing_ok=missing_ok)

    # Listing: errors come with the first entry

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
        self._admit()
        listed: Callable[..., Any] = self._async_backend.list_files
        others = given(start_after=start_after, limit=limit)
        return Entries(
            self._portal,
            self._check_loop,
            lambda: listed(path, recursive=recursive, max_depth=max_depth, **others),
        )

    def list_folders(self, path: str) -> Iterator[FolderEntry]:
        """Iterate over the immediate subfolders of a folder."""
        self._admit()
        backend = self._async_backend
        return Entries(self._portal, self._check_loop, lambda: backend.list_folders(path))

    def iter_children(self, path: str) -> Iterator[FileInfo | FolderEntry]:
        """Iterate over the files and subfolders in a folder."""
        self._admit()
        backend = self._async_backend
        return Entries(self._portal, self._check_loop, lambda: backend.iter_children(path))

    def glob(self, pattern: str) -> Iterator[FileInfo]:
        """Iterate over the files whose whole key matches `pattern`."""
        self._admit()
        backend = self._async_backend
        return Entries(self._portal, self._check_loop, lambda: backend.glob(pattern))

    # Information

    def get_file_info(self, path: str) -> FileInfo:
        """Return what is known of a file."""
        return self._run(self._async_backend.get_file_info, path)

    def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder."""
        return self._run(self._async_backend.get_folder_info, path)

    # Moving

    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Move a file."""
        self._run(self._async_backend.move, src, dst, overwrite=overwrite)

    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file."""
        self._run(self._async_backend.copy, src, dst, overwrite=overwrite)

    # Names: no crossing, since no I/O

    def to_key(self, native_path: str) -> str:
        """Return the key of a native path."""
        return self._async_backend.to_key(native_path)

    def native_path(self, path: str) -> str:
        """Return the native path of a key."""
        return self._async_backend.native_path(path)

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives."""
        return self._async_backend.resolve(path)

    def unwrap(self, type_hint: type[T]) -> T:
        """Return a native handle that is safe for blocking callers, if the wrapped backend has one.

        Other handles are bound to the private event loop: CapabilityNotSupported.
        """
        if isinstance(self._async_backend, _SyncSafeHandleProvider):
            try:
                return self._async_backend.sync_safe_unwrap(type_hint)
            except CapabilityNotSupported:
                pass  # it has another one; the error below names this adapter
        raise CapabilityNotSupported(
            f"{self._owner} of backend '{self.name}' does not expose native handle of type {type_hint.__name__}: "
            "it would be bound to a private event loop",
            backend=self.name,
            capability="unwrap",
        )

    # Life cycle

    def check_health(self) -> None:
        """Raise if the wrapped backend can't be reached or used."""
        self._run(self._async_backend.check_health)

    def close(self, timeout: float | None = 30.0) -> None:
        """Close the wrapped backend, let running calls end, stop the loop and join its thread.

        Errors of the wrapped backend are logged as warnings. After `timeout` seconds (None: never) one warning is
        logged and what still runs is cancelled. Closing twice does nothing. Unlike all else it is allowed in a thread
        whose event loop is running, and blocks it: to refuse would be to leak.
        """
        self._portal.close(self._async_backend.aclose, timeout, for_good=self.close_is_terminal)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._async_backend,))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._async_backend!r})"


def _options(*, overwrite: bool, metadata: Mapping[str, str] | None, **others: object) -> dict[str, object]:
    """Return the keywords of a write; the others are handed on only when they are given (DECISIONS 8)."""
    return {"overwrite": overwrite, "metadata": metadata, **given(**others)}


class _InPieces(AsyncContent):
    """Content whose source is never asked for more than some bytes at a time."""

    def __init__(self, content: object, piece_bytes: int) -> None:
        super().__init__(content)
        self._piece_bytes = piece_bytes

    async def batch(self, want: int) -> list[Buffer]:
        """Return the next buffers, as `AsyncContent` does."""
        return await super().batch(want if self.buffer is not None else min(want, self._piece_bytes))

    async def __anext__(self) -> bytes:
        batch = await self.batch(want=len(self.buffer) if self.buffer is not None else self._piece_bytes)
        if not batch:
            raise StopAsyncIteration
        return batch[0] if len(batch) == 1 and isinstance(batch[0], bytes) else b"".join(batch)


class _Draft(AbstractContextManager[BinaryIO]):
    """A file being written beside its place; leaving the block twice writes once (CONTRACT 106)."""

    def __init__(self, backend: Backend, path: str, overwrite: bool) -> None:
        self._backend = backend
        self._path = path
        self._overwrite = overwrite
        self._spool: _Spool | None = None

    def __enter__(self) -> BinaryIO:
        self._spool = _Spool(max_size=SPOOL_BYTES)
        return cast(BinaryIO, self._spool)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        spool, self._spool = self._spool, None
        if spool is None:
            return
        try:
            if kind is None:
                size = spool.seek(0, io.SEEK_END)
                spool.seek(0)
                content = spool.read() if size <= SPOOL_BYTES else spool
                self._backend.write_atomic(self._path, cast(BinaryIO, content), overwrite=self._overwrite)
        finally:
            spool.discard()


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """Outlives `close`: wrappers such as io.TextIOWrapper close what they wrap when they are dropped."""

    def close(self) -> None:
        """Do nothing."""

    def discard(self) -> None:
        """Let the content go."""
        super().close()

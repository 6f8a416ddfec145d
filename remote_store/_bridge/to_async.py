"""SyncBackendAdapter: a blocking backend as an async one."""

from __future__ import annotations

import io
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO, TypeVar

from anyio import CancelScope, CapacityLimiter, create_task_group
from anyio.lowlevel import RunVar

from .._contract._async.backend import AsyncBackend
from .._contract._async.content import AsyncContent, AsyncWritableContent
from .._contract._async.streams import AsyncByteSource
from .._contract._sync.backend import Backend
from .._contract._sync.content import Content
from .._contract.pages import AsyncPages
from .._contract.threads import in_thread, to_the_end
from .._core.capability import Capability, CapabilitySet
from .._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from .._core.options import WriteOptions, given
from .pipe import Pipe, PipeReader, Severed

__all__ = ["SyncBackendAdapter"]

T = TypeVar("T")

MAX_CALLS = 40
"""Blocking calls at a time for one adapter and loop: as many as anyio's own limiter has, which stays the user's."""
MAX_STREAMED_WRITES = 40
"""Under a limit of their own: they wait for content, which may come from calls that need a thread themselves."""
CLOSE_SECONDS = 30.0
"""How long closing a stream that was read may take before it is left to its thread."""
PIECE_BYTES = 64 * 1024
"""What `read` hands out at a time (CONTRACT 40, DECISIONS 13)."""
PAGE = 256
"""Entries of a listing that are fetched in one hop."""


class SyncBackendAdapter(AsyncBackend):
    """An async backend over a blocking one, whose calls run in worker threads; asyncio and trio.

    Errors arrive as they are. A cancelled call waits until its thread is done: none that holds a file is left
    behind. Content that is streamed in is handed on through a pipe of 1 MiB; if it fails or the call is cancelled,
    the blocking side's read raises, so that nothing is committed.
    """

    CAPABILITIES = CapabilitySet(Capability)

    def __init__(self, backend: Backend) -> None:
        if not isinstance(backend, Backend):
            raise TypeError(f"SyncBackendAdapter needs a Backend, not {type(backend).__name__}")
        self._backend = backend
        vars(self)["close_is_terminal"] = backend.close_is_terminal

    @property
    def name(self) -> str:
        """Return the wrapped backend's name."""
        return self._backend.name

    @property
    def capabilities(self) -> CapabilitySet:
        """Return what the wrapped backend can do."""
        return self._backend.capabilities

    @property
    def native_options(self) -> frozenset[str]:
        """Return the optional keywords that the wrapped backend takes."""
        return self._backend.native_options

    # Probes

    async def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`."""
        return await self._run(self._backend.exists, path)

    async def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        return await self._run(self._backend.is_file, path)

    async def is_folder(self, path: str) -> bool:
        """Return whether a folder is at `path`."""
        return await self._run(self._backend.is_folder, path)

    # Reading

    def read(self, path: str, *, version_id: str | None = None) -> AsyncByteSource:
        """Return a file's content in pieces of 64 KiB; NotFound and InvalidPath come with the first."""
        return _Pieces(self, path, given(version_id=version_id))

    async def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        """Return the whole content of a file."""
        return await self._run(partial(_untyped(self._backend.read_bytes), path, **given(version_id=version_id)))

    async def read_into(
        self, path: str, buffer: bytearray | memoryview, start: int = 0, *, version_id: str | None = None
    ) -> int:
        """Fill `buffer` with a file's content from offset `start` and return the number of bytes."""
        read = _untyped(self._backend.read_into)
        return await self._run(partial(read, path, buffer, start, **given(version_id=version_id)))

    async def read_ranges(
        self, path: str, ranges: Iterable[tuple[int, int]], *, version_id: str | None = None
    ) -> list[bytes]:
        """Return the bytes of each half-open range (start, stop), in the order given."""
        read = _untyped(self._backend.read_ranges)
        return await self._run(partial(read, path, list(ranges), **given(version_id=version_id)))

    # Writing

    async def write(
        self,
        path: str,
        content: AsyncWritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        """Write a file."""
        others = given(if_match=if_match, options=options)
        return await self._write(
            partial(_untyped(self._backend.write), path, overwrite=overwrite, metadata=metadata, **others), content
        )

    async def write_atomic(
        self,
        path: str,
        content: AsyncWritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        """Write a file whole or not at all."""
        others = given(if_match=if_match, options=options)
        return await self._write(
            partial(_untyped(self._backend.write_atomic), path, overwrite=overwrite, metadata=metadata, **others),
            content,
        )

    async def _write(self, write: Callable[[Any], WriteResult], content: object) -> WriteResult:
        if isinstance(content, bytes):
            return await self._run(write, content)
        source = content if isinstance(content, AsyncContent) else AsyncContent(content)
        if source.buffer is not None:
            return await self._run(write, Content(source.buffer))
        return await _piped(write, source, _limiter(self, _streamed_writes, MAX_STREAMED_WRITES))

    async def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        """Return a URL by which anybody may GET or PUT a file for `expires` seconds."""
        return await self._run(self._backend.presign, path, method, expires)

    async def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        """Return the uploads in parts below a folder that are neither complete nor aborted."""
        return await self._run(self._backend.list_uploads, prefix)

    # Deleting

    async def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Remove what interrupted writes left behind; return how many there were."""
        return await self._run(self._backend.abort_uploads, older_than, prefix)

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file."""
        await self._run(partial(self._backend.delete, path, missing_ok=missing_ok))

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder, with its content if `recursive`."""
        await self._run(partial(self._backend.delete_folder, path, recursive=recursive, missing_ok=missing_ok))

    # Listing

    def list_files(
        self,
        path: str,
        *,
        recursive: bool = False,
        max_depth: int | None = None,
        start_after: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[FileInfo]:
        """Iterate over the files in a folder."""
        listed = _untyped(self._backend.list_files)
        others = given(start_after=start_after, limit=limit)
        return self._paged(partial(listed, path, recursive=recursive, max_depth=max_depth, **others))

    def list_folders(self, path: str) -> AsyncIterator[FolderEntry]:
        """Iterate over the immediate subfolders of a folder."""
        return self._paged(partial(self._backend.list_folders, path))

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        """Iterate over the files and subfolders in a folder."""
        return self._paged(partial(self._backend.iter_children, path))

    def glob(self, pattern: str) -> AsyncIterator[FileInfo]:
        """Iterate over the files whose whole key matches `pattern`."""
        return self._paged(partial(self._backend.glob, pattern))

    def _paged(self, start: Callable[[], Iterator[T]]) -> AsyncPages[T]:
        listing = _Listing(start)

        async def next_page() -> Sequence[T] | None:
            return None if listing.ended else await self._run(listing.page)

        return AsyncPages(next_page)

    # Information

    async def get_file_info(self, path: str) -> FileInfo:
        """Return what is known of a file."""
        return await self._run(self._backend.get_file_info, path)

    async def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder."""
        return await self._run(self._backend.get_folder_info, path)

    # Moving

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Move a file."""
        await self._run(partial(self._backend.move, src, dst, overwrite=overwrite))

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file."""
        await self._run(partial(self._backend.copy, src, dst, overwrite=overwrite))

    # Names: no hop, since no I/O

    def to_key(self, native_path: str) -> str:
        """Return the key of a native path."""
        return self._backend.to_key(native_path)

    def native_path(self, path: str) -> str:
        """Return the native path of a key."""
        return self._backend.native_path(path)

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives."""
        return self._backend.resolve(path)

    def unwrap(self, type_hint: type[T]) -> T:
        """Return the wrapped backend's native handle."""
        return self._backend.unwrap(type_hint)

    # Life cycle

    async def check_health(self) -> None:
        """Raise if the wrapped backend can't be reached or used."""
        await self._run(self._backend.check_health)

    async def aclose(self) -> None:
        """Close the wrapped backend."""
        await self._run(self._backend.close)

    def __repr__(self) -> str:
        return f"SyncBackendAdapter({self._backend!r})"

    async def _run(self, function: Callable[..., T], *args: object) -> T:
        limiter = _limiter(self, _calls, MAX_CALLS)
        return await in_thread(function, *args, limiter=limiter)


def _untyped(method: Callable[..., T]) -> Callable[..., T]:
    """Return a method for a call with keywords that only some backends have (`native_options`)."""
    return method


# Limits: for each adapter and event loop its own, since a limiter belongs to the loop it was made in

Limiters = RunVar["weakref.WeakKeyDictionary[SyncBackendAdapter, CapacityLimiter]"]
_calls: Limiters = RunVar("remote_store_adapter_calls")
_streamed_writes: Limiters = RunVar("remote_store_adapter_streamed_writes")


def _limiter(adapter: SyncBackendAdapter, kind: Limiters, tokens: int) -> CapacityLimiter:
    try:
        limiters = kind.get()
    except LookupError:
        limiters = weakref.WeakKeyDictionary()
        kind.set(limiters)
    limiter = limiters.get(adapter)
    if limiter is None:
        limiter = limiters[adapter] = CapacityLimiter(tokens)
    return limiter


# Streams


class _Pieces(AsyncByteSource):
    """A blocking stream read piece by piece in worker threads; it is closed at the end, on an error and when dropped."""

    def __init__(self, adapter: SyncBackendAdapter, path: str, options: dict[str, object]) -> None:
        self._adapter = adapter
        self._path = path
        self._options = options
        self._stream: BinaryIO | None = None
        self._ended = False

    async def open(self) -> None:
        """Open the file, once."""
        if self._stream is None and not self._ended:
            await self._guarded(self._open)

    async def __anext__(self) -> bytes:
        piece = b"" if self._ended else await self._guarded(self._next)
        if not piece:
            raise StopAsyncIteration
        return piece

    async def _guarded(self, function: Callable[[], T]) -> T:
        try:
            return await self._adapter._run(function)
        except BaseException:
            await self.aclose()
            raise

    # In a worker thread; the stream is kept here at once, so that a cancelled caller loses none

    def _open(self) -> None:
        self._stream = _untyped(self._adapter._backend.read)(self._path, **self._options)

    def _next(self) -> bytes:
        if self._stream is None:
            self._open()
        assert self._stream is not None
        piece = self._stream.read(PIECE_BYTES)
        if not piece:
            self._ended = True
            self._close()
        return piece

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    async def aclose(self) -> None:
        """Close the file, also when the caller is being cancelled."""
        self._ended = True
        if self._stream is not None:
            await to_the_end(CLOSE_SECONDS, self._close)

    def __del__(self) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        if isinstance(getattr(stream, "raw", stream), (io.FileIO, io.BytesIO)):
            stream.close()  # a file open for reading closes without any waiting
            return
        try:
            threading.Thread(target=stream.close, name="remote_store close", daemon=True).start()
        except RuntimeError:
            pass  # the interpreter is going down, and the stream with it


class _Listing:
    """A blocking iterator of entries, taken page by page in worker threads."""

    def __init__(self, start: Callable[[], Iterator[Any]]) -> None:
        self._start = start
        self._entries: Iterator[Any] | None = None
        self._failure: BaseException | None = None
        self.ended = False

    def page(self) -> Sequence[Any] | None:
        """Return the next entries, None at the end; an error waits until the entries before it are handed out."""
        failure, self._failure = self._failure, None
        if failure is not None:
            self.ended = True
            raise failure
        found: list[Any] = []
        try:
            if self._entries is None:
                self._entries = iter(self._start())
            for entry in self._entries:
                found.append(entry)
                if len(found) == PAGE:
                    return found
        except Exception as error:
            if not found:
                self.ended = True
                raise
            self._failure = error
            return found
        self.ended = True
        return found or None


# Streamed writes


async def _piped(write: Callable[[Any], WriteResult], source: AsyncContent, limiter: CapacityLimiter) -> WriteResult:
    """Feed `source` to a blocking write that runs in a thread meanwhile, and return its result.

    Of two errors the content's own wins: the write's is then only its echo.
    """
    pipe = Pipe()
    feeding = CancelScope()
    outcome: list[WriteResult | Exception] = []

    def write_in_thread() -> None:
        try:
            outcome.append(write(PipeReader(pipe)))
        finally:
            pipe.leave()

    async def write_meanwhile() -> None:
        try:
            await in_thread(write_in_thread, limiter=limiter)
        except Exception as error:  # noqa: BLE001  # raised outside of the task group, which would wrap it
            outcome.append(error)
            feeding.cancel()  # the next piece may be long in coming, and nobody wants it

    failure: Exception | None = None
    async with create_task_group() as group:
        group.start_soon(write_meanwhile)
        try:
            with feeding:
                while batch := await source.batch(PIECE_BYTES):
                    if not all([await pipe.put(bytes(piece)) for piece in batch]):
                        break
        except Exception as error:  # noqa: BLE001  # as above
            failure = error
            pipe.end(error)
        except BaseException:
            pipe.end(Severed("the write was cancelled before its content had ended"))
            raise
        else:
            pipe.end(Severed("the write has failed") if feeding.cancel_called else None)
    result = failure or outcome[0]
    if isinstance(result, Exception):
        raise result
    return result

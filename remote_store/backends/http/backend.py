"""AsyncReadOnlyHttpBackend: files on any web server, for reading."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

from ..._contract._async.backend import AsyncBackend
from ..._contract._async.content import AsyncWritableContent
from ..._contract._async.streams import AsyncByteSource
from ..._core.capability import Capability, CapabilitySet
from ..._core.errors import BackendUnavailable, CapabilityNotSupported, InvalidPath, NotFound
from ..._core.keys import RemotePath, backend_key
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from ..._core.ranges import checked_offset, checked_ranges, writable
from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from ..._http.reading import Reader, Wanted
from ..._http.retrying import Fault, Retrier, budget_for
from .clients import Clients
from .config import HttpConfig
from .errors import MISSING, Place, failure
from .reading import HttpReading, HttpSource
from .requests import Wire

__all__ = ["AsyncReadOnlyHttpBackend"]


TWIN_CAPABILITIES = CapabilitySet({Capability.READ, Capability.METADATA, Capability.LAZY_READ})
PIECE = 8 * 1024 * 1024
"""Bytes of one request where ranges are read at the same time."""
AT_ONCE = 4
"""Requests for one call: a web server is shared with browsers, and is no object store."""


class AsyncReadOnlyHttpBackend(AsyncBackend):
    """Files below the address `base_url`, by GET and HEAD: no listing, no writing.

    `headers` go with every request to that server, and nowhere else: a redirect to another host is followed without
    them, up to `max_redirects` (5) of them, and never from https to http. `timeout` is in seconds, for connecting and
    for each wait for bytes. `retry` is the policy for failures that may pass (statuses 408, 429 and 5xx, lost
    connections); Retry-After is honoured. `verify_ssl` false turns the check of certificates off. `http_client` is
    None for httpx2 where it is installed and the standard library else, ``"httpx"``, or ``"urllib"`` and
    ``"requests"``, which both mean the standard library in worker threads. A user and password in the address become
    an Authorization header.

    Ranges are fetched where the server knows them, else cut out of the whole file. A stream that breaks goes on where
    it was, if the server tells a strong etag or Last-Modified; a file that was replaced meanwhile is PreconditionFailed.
    A server that refuses HEAD with 401, 403, 405 or 501 is asked for one byte by GET instead, from then on.

    Raises ValueError for an address that is not http(s), or has a query. It can be used again after `aclose`.
    """

    CAPABILITIES = TWIN_CAPABILITIES

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str | Secret] | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        http_client: str | None = None,
        verify_ssl: bool = True,
        max_redirects: int = 5,
    ) -> None:
        self._config = HttpConfig.checked(base_url, headers, timeout, retry, http_client, verify_ssl, max_redirects)
        if http_client == "httpx":
            self._config.httpx()  # ImportError now rather than at the first request
        self._label = "http"
        self._clients = Clients(self._config)
        self._wire = Wire(self._config, self._clients)
        self._retrier = Retrier(self._config.policy, budget_for(self._config.host))
        self._reader = Reader(HttpReading(self._wire), self._retrier, piece=PIECE, concurrency=AT_ONCE)

    @property
    def name(self) -> str:
        """Return ``"http"``."""
        return self._label

    @property
    def capabilities(self) -> CapabilitySet:
        """Return READ, METADATA and LAZY_READ."""
        return self.CAPABILITIES

    def _constructor_arguments(self) -> dict[str, object]:
        return self._config.arguments()

    def __reduce__(self) -> tuple[Callable[..., AsyncReadOnlyHttpBackend], tuple[dict[str, object]]]:
        return (_rebuilt, (self._config.arguments(),))

    def __repr__(self) -> str:
        masked = dict.fromkeys(self._config.headers, "***")
        return (
            f"AsyncReadOnlyHttpBackend(base_url={self._config.base_url!r}, headers={masked!r},"
            f" timeout={self._config.timeout})"
        )

    # Probes

    async def exists(self, path: str) -> bool:
        """Return whether the server has a file at `path`; true for the root."""
        return await self.is_file(path) or not self._key(path)

    async def is_file(self, path: str) -> bool:
        """Return whether the server has a file at `path`."""
        key = self._key(path)
        if not key:
            return False
        try:
            await self._retrier.run(lambda: self._wire.head(key))
        except Fault as fault:
            if fault.code in MISSING:
                return False
            raise failure(fault, self._place(path)) from fault.__cause__
        return True

    async def is_folder(self, path: str) -> bool:
        """Return false: web servers have no folders."""
        self._key(path)
        return False

    # Reading

    def read(self, path: str) -> AsyncByteSource:
        """Return a file's content as a stream."""
        return HttpSource(self._reader, lambda: self._wanted(path))

    async def read_bytes(self, path: str) -> bytes:
        """Return the whole content of a file."""
        source = HttpSource(self._reader, lambda: self._wanted(path))
        try:
            pieces = [chunk async for chunk in source]
        finally:
            await source.aclose()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def read_into(self, path: str, buffer: bytearray | memoryview, start: int = 0) -> int:
        """Fill `buffer` from offset `start` on, and return the number of bytes."""
        view, offset = writable(buffer), checked_offset(start)
        wanted = self._wanted(path)
        if not len(view):
            await self._reader.open_head(wanted)
            return 0
        return await self._reader.fill(wanted, view, offset)

    async def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return the bytes of each half-open range, in the order given."""
        asked = checked_ranges(ranges)
        return await self._reader.ranges(self._wanted(path), asked)

    # Information

    async def get_file_info(self, path: str) -> FileInfo:
        """Return what the server tells of a file: `extra` has its headers by lower-case name, `size` 0 if untold."""
        key = self._file(path)
        try:
            head = await self._retrier.run(lambda: self._wire.head(key))
        except Fault as fault:
            raise failure(fault, self._place(path)) from fault.__cause__
        return FileInfo(
            path=RemotePath(key),
            name=key.rpartition("/")[2],
            size=head.size or 0,
            modified_at=head.modified,
            etag=head.etag,
            content_type=head.content_type,
            extra={"headers": dict(head.headers)},
        )

    async def get_folder_info(self, path: str) -> FolderInfo:
        """Raise NotFound: web servers have no folders."""
        raise NotFound(f"Folder not found: {path}; a web server has none", path=path, backend=self.name)

    # What a web server does not do

    def _no(self, capability: Capability) -> NoReturn:
        raise CapabilityNotSupported(
            f"{capability.value} is not supported: this backend only reads",
            backend=self.name,
            capability=capability.value,
        )

    async def write(
        self,
        path: str,
        content: AsyncWritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        """Raise CapabilityNotSupported."""
        self._no(Capability.WRITE)

    async def write_atomic(
        self,
        path: str,
        content: AsyncWritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        """Raise CapabilityNotSupported."""
        self._no(Capability.ATOMIC_WRITE)

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Raise CapabilityNotSupported."""
        self._no(Capability.DELETE)

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Raise CapabilityNotSupported."""
        self._no(Capability.DELETE)

    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        """Raise CapabilityNotSupported."""
        self._no(Capability.LIST)

    def list_folders(self, path: str) -> AsyncIterator[FolderEntry]:
        """Raise CapabilityNotSupported."""
        self._no(Capability.LIST)

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        """Raise CapabilityNotSupported."""
        self._no(Capability.LIST)

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Raise CapabilityNotSupported."""
        self._no(Capability.MOVE)

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Raise CapabilityNotSupported."""
        self._no(Capability.COPY)

    # Names

    def to_key(self, native_path: str) -> str:
        """Return the key of an address below `base_url`; any other comes back as it is."""
        return self._config.key(native_path)

    def native_path(self, path: str) -> str:
        """Return the address of a key, quoted."""
        return self._config.url(self._key(path))

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives, without any I/O."""
        url = self.native_path(path)
        return ResolutionPlan(self.name, self.name, path, url, {"url": url, "method": "GET"})

    def _key(self, path: str) -> str:
        return backend_key(path, self.name)

    def _file(self, path: str) -> str:
        key = self._key(path)
        if not key:
            raise InvalidPath("Path must not be empty: the root is no file", path=path, backend=self.name)
        return key

    def _place(self, path: str) -> Place:
        return Place(path, self.name)

    def _wanted(self, path: str) -> Wanted[Place]:
        return Wanted(self._file(path), self._place(path))

    # Life cycle

    async def check_health(self) -> None:
        """Ask for `base_url` itself; BackendUnavailable unless the answer is one of success."""
        try:
            await self._retrier.run(lambda: self._wire.head(""))
        except Fault as fault:
            status = f"HTTP {fault.status}" if fault.status else fault.text
            host = urlsplit(self._config.base_url).netloc
            raise BackendUnavailable(f"Health check of {host} failed: {status}", backend=self.name) from fault.__cause__

    async def aclose(self) -> None:
        """Close this loop's connections."""
        await self._clients.aclose()


def _rebuilt(arguments: dict[str, Any]) -> AsyncReadOnlyHttpBackend:
    return AsyncReadOnlyHttpBackend(**arguments)

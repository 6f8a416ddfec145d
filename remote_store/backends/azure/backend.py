"""AsyncAzureBackend: files as blobs of a container, one request an operation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, TypeVar

from anyio.lowlevel import checkpoint

from ..._contract._async.backend import AsyncBackend
from ..._contract._async.content import AsyncWritableContent, async_content
from ..._contract._async.streams import AsyncByteSource
from ..._contract.pages import AsyncPages
from ..._core.capability import Capability, CapabilitySet
from ..._core.condition import condition_of
from ..._core.errors import BackendClosed, CapabilityNotSupported
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from ..._core.options import WriteOptions
from ..._core.ranges import checked_offset, checked_ranges, writable
from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from ..._http.reading import ObjectSource, Wanted
from .config import AzureConfig
from .core import Core
from .errors import Place
from .faces import Face, Faces
from .folders import Folders
from .names import file_key, node_key
from .native import native_client
from .presigning import presigned
from .requests import Wire

__all__ = ["AsyncAzureBackend"]

T = TypeVar("T")

FLAT_CAPABILITIES = CapabilitySet(set(Capability) - {Capability.ATOMIC_MOVE})
TWIN_CAPABILITIES = CapabilitySet(set(Capability))
"""What the class declares; ATOMIC_MOVE belongs to the accounts that are known to have a hierarchical namespace."""


class AsyncAzureBackend(AsyncBackend):
    """Files as blobs of the Azure container `container`, of any cloud, or of an Azurite.

    The account is `account_name`, or `account_url` (sovereign clouds, custom domains, ``http://host:port/account``),
    or what `connection_string` says. Credentials: `account_key`, `sas_token`, or `credential`, any credential object
    of azure-core or azure-identity, async or not, refreshed while running; with none of them DefaultAzureCredential;
    `anonymous` signs nothing. `client_options` are further settings by the SDK's names (``connection_timeout``,
    ``read_timeout``, ``connection_verify``, ``proxies``, ``max_block_size``, ...). `retry` is the one retry layer's
    policy. `hns` says whether the account has a hierarchical namespace (Data Lake Storage Gen2): real directories, and
    renames in one step. None asks the account at the first call.

    Content above `single_put_max` bytes (16 MiB), and streams above one block, go in blocks of `block_size` bytes
    (8 MiB), `max_concurrency` (1) at a time, as many as large reads have ranges at a time; streams hold at most
    `byte_budget` bytes (256 MiB) together. At most `max_pool_connections` (64) sockets are open on an event loop.
    `checksum` ``"auto"`` compares the MD5 of blobs that carry one, ``"md5"`` sends one with each write as well,
    ``"off"`` does neither.

    ``overwrite=False`` and `if_match` are decided by the service. `reject_write_under_file_ancestor` looks for files
    among the ancestors of a write.

    After `aclose` every call raises BackendClosed.
    """

    CAPABILITIES = TWIN_CAPABILITIES
    close_is_terminal = True

    def __init__(
        self,
        container: str,
        *,
        hns: bool | None = None,
        account_name: str | None = None,
        account_url: str | None = None,
        account_key: str | Secret | None = None,
        sas_token: str | Secret | None = None,
        connection_string: str | Secret | None = None,
        credential: Any | None = None,
        client_options: dict[str, Any] | None = None,
        retry: RetryPolicy | None = None,
        max_concurrency: int = 1,
        reject_write_under_file_ancestor: bool = False,
        anonymous: bool = False,
        block_size: int = 8 * 1024 * 1024,
        single_put_max: int = 16 * 1024 * 1024,
        byte_budget: int = 256 * 1024 * 1024,
        max_pool_connections: int = 64,
        checksum: str = "auto",
    ) -> None:
        self._config = AzureConfig.checked(
            container=container,
            hns=hns,
            account_name=account_name,
            account_url=account_url,
            account_key=account_key,
            sas_token=sas_token,
            connection_string=connection_string,
            credential=credential,
            client_options=client_options,
            retry=retry,
            max_concurrency=max_concurrency,
            reject_write_under_file_ancestor=reject_write_under_file_ancestor,
            anonymous=anonymous,
            block_size=block_size,
            single_put_max=single_put_max,
            byte_budget=byte_budget,
            max_pool_connections=max_pool_connections,
            checksum=checksum,
        )
        self._core = Core(self._config, "azure")
        self._faces = Faces(self._core)
        self._closed = False

    @property
    def name(self) -> str:
        """Return ``"azure"``."""
        return self._core.label

    @property
    def capabilities(self) -> CapabilitySet:
        """Return all capabilities; ATOMIC_MOVE only once the account is known to have a hierarchical namespace."""
        known = self._faces.known
        if known is not None and known.hierarchical:
            return self.CAPABILITIES
        return FLAT_CAPABILITIES

    @property
    def native_options(self) -> frozenset[str]:
        """Return the optional keywords that the methods take."""
        return frozenset({"options", "version_id", "start_after", "limit"})

    @property
    def wire(self) -> Wire:
        """The requests that are sent, with their counts in ``wire.sent``."""
        return self._core.wire

    def _constructor_arguments(self) -> dict[str, object]:
        return self._config.arguments()

    def __reduce__(self) -> tuple[Callable[..., AsyncAzureBackend], tuple[dict[str, object]]]:
        return (_rebuilt, (self._config.arguments(),))

    def __repr__(self) -> str:
        return f"AsyncAzureBackend({self._config!r})"

    async def _face(self) -> Face:
        self._admit()
        return self._faces.known or await self._faces.get()

    def _listed(self, make: Callable[[Folders], AsyncPages[T]]) -> AsyncIterator[T]:
        """Return a listing; where it is not known yet how, that is asked for with its first page."""
        self._admit()
        if self._faces.known is not None:
            return make(self._faces.known.folders)
        pages: AsyncPages[T] | None = None

        async def next_page() -> list[T] | None:
            nonlocal pages
            if pages is None:
                pages = make((await self._faces.get()).folders)
            return await pages.page() or None

        return AsyncPages(next_page)

    def _admit(self) -> None:
        if self._closed:
            raise BackendClosed(f"{type(self).__name__} is closed", backend=self.name)

    # Probes

    async def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`: one request for a file, two for anything else."""
        return await (await self._face()).files.exists(node_key(path, self.name), path)

    async def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        return await (await self._face()).files.is_file(node_key(path, self.name), path)

    async def is_folder(self, path: str) -> bool:
        """Return whether there are keys below `path`, or a real directory is there; true for the root."""
        return await (await self._face()).folders.is_folder(node_key(path, self.name), path)

    # Reading

    def read(self, path: str, *, version_id: str | None = None) -> AsyncByteSource:
        """Return a file's content in chunks as they arrive.

        A lost connection is resumed where it was cut, pinned to the etag; a file that was replaced meanwhile raises
        PreconditionFailed, one that carries another MD5 than arrived IntegrityError, at its end.
        """
        self._admit()
        return ObjectSource(self._core.reader, lambda: self._wanted(path, version_id))

    async def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        """Return the whole content of a file, a large one by several requests at a time."""
        self._admit()
        return await self._core.reader.read_bytes(self._wanted(path, version_id))

    async def read_into(
        self, path: str, buffer: bytearray | memoryview, start: int = 0, *, version_id: str | None = None
    ) -> int:
        """Fill `buffer` with a file's content from offset `start`, by several requests at a time."""
        self._admit()
        view, offset = writable(buffer), checked_offset(start)
        wanted = self._wanted(path, version_id)
        if not view:
            await self._core.reader.open_head(wanted)
            return 0
        return await self._core.reader.fill(wanted, view, offset)

    async def read_ranges(
        self, path: str, ranges: Iterable[tuple[int, int]], *, version_id: str | None = None
    ) -> list[bytes]:
        """Return the bytes of each half-open range (start, stop), all of the same version of the file."""
        self._admit()
        asked = checked_ranges(ranges)
        return await self._core.reader.ranges(self._wanted(path, version_id), asked)

    def _wanted(self, path: str, version_id: str | None) -> Wanted[Place]:
        return Wanted(file_key(path, self.name), self._core.place(path), version_id)

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
        """Write a file whole or not at all.

        Raises AlreadyExists and PreconditionFailed as the service decides, OutcomeUnknown where an answer was lost
        and nobody can say what became of the request.
        """
        self._admit()
        condition = condition_of(overwrite, if_match)
        files = (await self._face()).files
        return await files.write(path, async_content(content), condition, metadata, options)

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
        """Write a file as `write` does, which is atomic too; in a hierarchical namespace always by a rename."""
        self._admit()
        condition = condition_of(overwrite, if_match)
        files = (await self._face()).files
        return await files.write_atomic(path, async_content(content), condition, metadata, options)

    async def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        """Return the keys below the folder `prefix` that have nothing but uncommitted blocks, each with ``"blocks"``.

        Blocks of writes onto a blob that exists can't be listed; the service deletes all such blocks after a week.
        In a hierarchical namespace: temporary files, each with ``"temporary"``.
        """
        uploads = (await self._face()).uploads
        found = await uploads.found(node_key(prefix, self.name), prefix)
        return [(upload.key, uploads.kind) for upload in found]

    async def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Discard the blocks of such keys, if the last one came more than `older_than` seconds ago; return how many.

        Where the service does not tell when, ``older_than=0`` alone discards them. For a moment an empty file is at
        the key: the service forgets blocks only when a blob takes their place. A write that is under way there fails.
        """
        uploads = (await self._face()).uploads
        return await uploads.discard(older_than, node_key(prefix, self.name), prefix)

    async def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        """Return a URL with a SAS that lets anybody GET or PUT the file for `expires` seconds (1 to 604,800).

        Nothing is sent where an account key signs; a token credential asks the service for a key first. A PUT needs
        the header ``x-ms-blob-type: BlockBlob``.
        """
        self._admit()
        return await presigned(self._core, path, method, expires)

    # Deleting

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file. Raises NotFound unless `missing_ok`, and InvalidPath for a folder in any case."""
        await (await self._face()).files.delete(path, missing_ok=missing_ok)

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder: a listing, and one request for each file, 16 at a time; a directory with a request or few.

        Where files can't be deleted, the others are, and the error names how many were not.
        """
        await (await self._face()).folders.delete_folder(path, recursive=recursive, missing_ok=missing_ok)

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
        """Iterate over the files in a folder, a page of 5,000 keys a request.

        `start_after` is a key after which to begin, in the order of code points (the keys before it are listed and
        skipped, but for directories that are wholly before it); `limit` ends after so many files.
        """
        self._admit()
        key = node_key(path, self.name)
        depth = max_depth if recursive else 0
        return self._listed(
            lambda folders: folders.list_files(key, path, max_depth=depth, start_after=start_after, limit=limit)
        )

    def list_folders(self, path: str) -> AsyncIterator[FolderEntry]:
        """Iterate over the immediate subfolders of a folder."""
        self._admit()
        key = node_key(path, self.name)
        return self._listed(lambda folders: folders.list_folders(key, path))

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        """Iterate over the files and subfolders in a folder, with one listing."""
        self._admit()
        key = node_key(path, self.name)
        return self._listed(lambda folders: folders.iter_children(key, path))

    def glob(self, pattern: str) -> AsyncIterator[FileInfo]:
        """Iterate over the files whose whole key matches `pattern`, listing its literal beginning."""
        self._admit()
        return self._listed(lambda folders: folders.glob(pattern))

    # Information

    async def get_file_info(self, path: str) -> FileInfo:
        """Return what HEAD tells of a file. Raises NotFound, and InvalidPath for a folder."""
        return await (await self._face()).files.get_file_info(path)

    async def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder from one listing. Raises NotFound, and InvalidPath for a file."""
        return await (await self._face()).folders.get_folder_info(node_key(path, self.name), path)

    # Moving

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file inside the service and delete the source, if it is still what was copied.

        In a hierarchical namespace: rename it, in one step.
        """
        await (await self._face()).files.move(src, dst, overwrite=overwrite)

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file inside the service, with its metadata."""
        await (await self._face()).files.copy(src, dst, overwrite=overwrite)

    # Names

    def native_path(self, path: str) -> str:
        """Return ``<container>/<key>``."""
        key = node_key(path, self.name)
        return f"{self._config.container}/{key}" if key else self._config.container

    def to_key(self, native_path: str) -> str:
        """Return the key of ``<container>/<key>``; what is not in this container comes back as it is."""
        container = self._config.container
        if native_path.rstrip("/") == container:
            return ""
        return native_path.removeprefix(f"{container}/")

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives: container and account."""
        details = {"container": self._config.container, "account_url": self._config.account.url}
        return ResolutionPlan(self.name, self.name, path, self.native_path(path), details)

    # Life cycle

    async def check_health(self) -> None:
        """Raise NotFound if the container is missing, PermissionDenied or BackendUnavailable if it can't be used."""
        await (await self._face()).folders.check_health()

    async def aclose(self) -> None:
        """Close this loop's client, for good; the clients of other loops are closed with them."""
        self._closed = True
        await checkpoint()
        await self._core.clients.aclose()

    def unwrap(self, type_hint: type[T]) -> T:
        """Return the SDK's ``ContainerClient`` (of ``azure.storage.blob`` or its ``aio``), or ``FileSystemClient`` (of
        ``azure.storage.filedatalake`` or its ``aio``), with the same settings.

        It has connections of its own, which its user closes.
        """
        self._admit()
        client = native_client(self._config, type_hint)
        if client is None:
            raise CapabilityNotSupported(
                f"Backend '{self.name}' does not expose native handle of type {type_hint.__name__}",
                backend=self.name,
                capability="unwrap",
            )
        return client

    def sync_safe_unwrap(self, type_hint: type[T]) -> T:
        """Return one of the SDK's blocking clients; it has connections of its own."""
        return self.unwrap(type_hint)


def _rebuilt(arguments: dict[str, Any]) -> AsyncAzureBackend:
    return AsyncAzureBackend(**arguments)

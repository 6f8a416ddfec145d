"""AsyncS3Backend: files as objects of a bucket, one request an operation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, TypeVar

from anyio.lowlevel import checkpoint

from ..._contract._async.backend import AsyncBackend
from ..._contract._async.content import AsyncWritableContent, async_content
from ..._contract._async.streams import AsyncByteSource
from ..._core.capability import Capability, CapabilitySet
from ..._core.condition import condition_of
from ..._core.errors import BackendClosed, CapabilityNotSupported
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from ..._core.options import WriteOptions
from ..._core.ranges import checked_offset, checked_ranges, writable
from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from ..._http.deadline import one_deadline
from ..._http.reading import ObjectSource, Wanted
from .config import S3Config
from .core import Core
from .credentials import CredentialProvider
from .errors import Place
from .folders import Folders
from .names import file_key, node_key
from .objects import Objects
from .requests import Wire

__all__ = ["AsyncS3Backend"]

T = TypeVar("T")

TWIN_CAPABILITIES = CapabilitySet(set(Capability) - {Capability.ATOMIC_MOVE})
"""What the sync twin declares: the same, since its streams seek by ranges."""


class AsyncS3Backend(AsyncBackend):
    """Files as objects of the S3 bucket `bucket`, on AWS or on a server with `endpoint_url`.

    Credentials: `key`, `secret` and `token`, else those of `credential_provider`, else those of `profile`, else
    botocore's whole chain, renewed before they expire; `anonymous` signs nothing, and nothing else does so.
    `credential_provider` is a function, blocking or async, without parameters, that returns a mapping with
    ``access_key_id``, ``secret_access_key``, ``token`` and ``expires_at`` (a datetime with a time zone, None for no
    end). `addressing_style` is ``"auto"``, ``"path"`` or ``"virtual"``.
    `tls_ca_bundle` is a file of trusted certificates. `client_options` are further settings by s3fs's names
    (``client_kwargs``, ``config_kwargs``). `retry` is the one retry layer's policy.

    Content above `single_put_max` bytes (16 MiB), and streams above one part, go in parts of `part_size` bytes
    (8 MiB), `max_concurrency` (8) at a time; streams hold at most `byte_budget` bytes (256 MiB) together. At most
    `max_pool_connections` (64) sockets are open on an event loop. `checksum` is ``"auto"``, ``"required"`` or
    ``"off"`` (CRC64NVME).

    ``overwrite=False`` and `if_match` are decided by the service. A server with an endpoint of its own is asked once
    whether it honours conditions; if not, such writes raise CapabilityNotSupported, or with `look_before_create`
    look first, which loses races. `reject_write_under_file_ancestor` looks for files among the ancestors of a write.

    After `aclose` every call raises BackendClosed.
    """

    CAPABILITIES = TWIN_CAPABILITIES
    close_is_terminal = True

    def __init__(
        self,
        bucket: str,
        *,
        endpoint_url: str | None = None,
        key: str | Secret | None = None,
        secret: str | Secret | None = None,
        region_name: str | None = None,
        tls_ca_bundle: str | None = None,
        client_options: Mapping[str, Any] | None = None,
        retry: RetryPolicy | None = None,
        reject_write_under_file_ancestor: bool = False,
        token: str | Secret | None = None,
        profile: str | None = None,
        anonymous: bool = False,
        addressing_style: str = "auto",
        look_before_create: bool = False,
        part_size: int = 8 * 1024 * 1024,
        max_concurrency: int = 8,
        byte_budget: int = 256 * 1024 * 1024,
        single_put_max: int = 16 * 1024 * 1024,
        max_pool_connections: int = 64,
        checksum: str = "auto",
        credential_provider: CredentialProvider | None = None,
    ) -> None:
        self._config = S3Config.checked(
            bucket=bucket,
            endpoint_url=endpoint_url,
            key=key,
            secret=secret,
            region_name=region_name,
            tls_ca_bundle=tls_ca_bundle,
            client_options=client_options,
            retry=retry,
            reject_write_under_file_ancestor=reject_write_under_file_ancestor,
            token=token,
            profile=profile,
            anonymous=anonymous,
            addressing_style=addressing_style,
            look_before_create=look_before_create,
            part_size=part_size,
            max_concurrency=max_concurrency,
            byte_budget=byte_budget,
            single_put_max=single_put_max,
            max_pool_connections=max_pool_connections,
            checksum=checksum,
            credential_provider=credential_provider,
        )
        self._core = Core(self._config, "s3")
        self._objects = Objects(self._core)
        self._folders = Folders(self._core)
        self._closed = False

    @property
    def name(self) -> str:
        """Return ``"s3"``."""
        return self._core.label

    @property
    def capabilities(self) -> CapabilitySet:
        """Return all capabilities but ATOMIC_MOVE, and CONDITIONAL_WRITE unless the server is known to ignore conditions."""
        if self._core.probe.ignored:
            return CapabilitySet(set(self.CAPABILITIES) - {Capability.CONDITIONAL_WRITE})
        return self.CAPABILITIES

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

    def __reduce__(self) -> tuple[Callable[..., AsyncS3Backend], tuple[dict[str, object]]]:
        return (_rebuilt, (self._config.arguments(),))

    def __repr__(self) -> str:
        return f"AsyncS3Backend({self._config!r})"

    def _admit(self) -> None:
        if self._closed:
            raise BackendClosed(f"{type(self).__name__} is closed", backend=self.name)

    # Probes

    async def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`: one request for a file, two for anything else."""
        self._admit()
        return await self._objects.exists(node_key(path, self.name), path)

    async def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        self._admit()
        return await self._objects.is_file(node_key(path, self.name), path)

    async def is_folder(self, path: str) -> bool:
        """Return whether there are keys below `path`; true for the root."""
        self._admit()
        return await self._folders.is_folder(node_key(path, self.name), path)

    # Reading

    def read(self, path: str, *, version_id: str | None = None) -> AsyncByteSource:
        """Return a file's content in chunks as they arrive.

        A lost connection is resumed where it was cut, pinned to the etag; a file that was replaced meanwhile raises
        PreconditionFailed, one that arrives with a wrong checksum IntegrityError, at its end.
        """
        self._admit()
        return ObjectSource(self._core.reader, lambda: self._wanted(path, version_id))

    @one_deadline
    async def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        """Return the whole content of a file, a large one by several requests at a time."""
        self._admit()
        return await self._core.reader.read_bytes(self._wanted(path, version_id))

    @one_deadline
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

    @one_deadline
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
        return await self._objects.write(path, async_content(content), condition, metadata, options)

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
        """Write a file; the same as `write`, which is atomic here."""
        return await self.write(
            path, content, overwrite=overwrite, metadata=metadata, if_match=if_match, options=options
        )

    async def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        """Return what interrupted or running multipart writes below the folder `prefix` have sent: (key, upload id)."""
        self._admit()
        found = await self._folders.uploads(node_key(prefix, self.name), prefix)
        return [(upload.key, upload.upload_id) for upload in found]

    async def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Abort the multipart uploads below `prefix` that began more than `older_than` seconds ago; return how many."""
        self._admit()
        return await self._folders.abort_uploads(older_than, node_key(prefix, self.name), prefix)

    async def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        """Return a URL that lets anybody GET or PUT the file for `expires` seconds (1 to 604,800); nothing is sent."""
        self._admit()
        return await self._objects.presign(path, method, expires)

    # Deleting

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file. Raises NotFound unless `missing_ok`, and InvalidPath for a folder in any case."""
        self._admit()
        await self._objects.delete(path, missing_ok=missing_ok)

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder: a listing, and one request for 1,000 files.

        Where files can't be deleted, the others are, and the error names how many were not.
        """
        self._admit()
        await self._folders.delete_folder(path, recursive=recursive, missing_ok=missing_ok)

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
        """Iterate over the files in a folder, a page of 1,000 keys a request.

        `start_after` is a key after which to begin, in the service's order; `limit` ends after so many files.
        """
        self._admit()
        key = node_key(path, self.name)
        return self._folders.list_files(
            key, path, max_depth=max_depth if recursive else 0, start_after=start_after, limit=limit
        )

    def list_folders(self, path: str) -> AsyncIterator[FolderEntry]:
        """Iterate over the immediate subfolders of a folder."""
        self._admit()
        return self._folders.list_folders(node_key(path, self.name), path)

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        """Iterate over the files and subfolders in a folder, with one listing."""
        self._admit()
        return self._folders.iter_children(node_key(path, self.name), path)

    def glob(self, pattern: str) -> AsyncIterator[FileInfo]:
        """Iterate over the files whose whole key matches `pattern`, listing its literal beginning."""
        self._admit()
        return self._folders.glob(pattern)

    # Information

    async def get_file_info(self, path: str) -> FileInfo:
        """Return what HEAD tells of a file. Raises NotFound, and InvalidPath for a folder."""
        self._admit()
        return await self._objects.get_file_info(path)

    async def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder from one listing. Raises NotFound, and InvalidPath for a file."""
        self._admit()
        return await self._folders.get_folder_info(node_key(path, self.name), path)

    # Moving

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file inside the service and delete the source, if it is still what was copied."""
        self._admit()
        await self._objects.move(src, dst, overwrite=overwrite)

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file inside the service, with its metadata."""
        self._admit()
        await self._objects.copy(src, dst, overwrite=overwrite)

    # Names

    def native_path(self, path: str) -> str:
        """Return ``<bucket>/<key>``."""
        key = node_key(path, self.name)
        return f"{self._config.bucket}/{key}" if key else self._config.bucket

    def to_key(self, native_path: str) -> str:
        """Return the key of ``<bucket>/<key>``; what is not in this bucket comes back as it is."""
        bucket = self._config.bucket
        if native_path.rstrip("/") == bucket:
            return ""
        return native_path.removeprefix(f"{bucket}/")

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives: bucket, object key and endpoint."""
        details = {
            "bucket": self._config.bucket,
            "object_key": node_key(path, self.name),
            "endpoint_url": self._config.endpoint_url,
        }
        return ResolutionPlan(self.name, self.name, path, self.native_path(path), details)

    # Life cycle

    async def check_health(self) -> None:
        """Raise NotFound if the bucket is missing, PermissionDenied or BackendUnavailable if it can't be used."""
        self._admit()
        await self._folders.check_health()

    async def aclose(self) -> None:
        """Close this loop's client, for good; the clients of other loops are closed with them."""
        self._closed = True
        await checkpoint()
        await self._core.clients.aclose()

    def sync_safe_unwrap(self, type_hint: type[T]) -> T:
        """Return an ``s3fs.S3FileSystem`` with the same settings, if that package is there; it has its own client."""
        return self.unwrap(type_hint)

    def unwrap(self, type_hint: type[T]) -> T:
        """Return an ``s3fs.S3FileSystem`` with the same settings, if that package is there; it has its own client."""
        self._admit()
        if type_hint.__module__.partition(".")[0] == "s3fs" and type_hint.__name__ == "S3FileSystem":
            if self._config.credential_provider is not None:
                raise CapabilityNotSupported(
                    "s3fs takes no credential_provider", backend=self.name, capability="unwrap"
                )
            return type_hint(**self._config.s3fs_options())
        raise CapabilityNotSupported(
            f"Backend '{self.name}' does not expose native handle of type {type_hint.__name__}",
            backend=self.name,
            capability="unwrap",
        )


def _rebuilt(arguments: dict[str, Any]) -> AsyncS3Backend:
    return AsyncS3Backend(**arguments)

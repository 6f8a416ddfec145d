"""AsyncSFTPBackend: files below a folder of an SFTP server."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import asyncssh
from anyio.lowlevel import checkpoint

from ..._bridge.hosting import AsyncioHost
from ..._contract._async.backend import AsyncBackend
from ..._contract._async.content import AsyncContent, AsyncWritableContent, async_content
from ..._contract._async.streams import AsyncByteSource
from ..._contract.pages import AsyncPages
from ..._core.capability import Capability, CapabilitySet
from ..._core.condition import condition_of
from ..._core.errors import CapabilityNotSupported
from ..._core.keys import RemotePath
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from ..._core.ranges import checked_offset, checked_ranges, writable
from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from ..._http.retrying import Fault
from . import files, folders, listing, reading, requests
from .config import SFTPConfig
from .core import Core
from .errors import failure
from .hostkeys import HostKeyPolicy
from .names import file_key, node_key
from .streams import Calls, SFTPSource, written
from .writing import Upload

__all__ = ["AsyncSFTPBackend"]

T = TypeVar("T")

_ABSENT = {Capability.GLOB, Capability.ATOMIC_MOVE, Capability.USER_METADATA, Capability.CONDITIONAL_WRITE}
TWIN_CAPABILITIES = CapabilitySet(set(Capability) - _ABSENT)
"""What the sync twin declares: the same, since its streams seek by ranges."""


class AsyncSFTPBackend(AsyncBackend):
    """Files below the folder `base_path` of the SFTP server `host`, on one SSH connection an event loop.

    Login: `pkey` (a file, the key's text or bytes, with `passphrase` and `certificate`), else `password`, else the
    keys in ``~/.ssh`` and those of the agent; `agent` switches that on or off. `ssh_config` reads ``~/.ssh/config``
    (True) or another file; `jump_hosts` are ``user@host:port`` on the way.

    The host must be the right one: `host_key` pins a key or its ``SHA256:`` fingerprint; else `known_host_keys` has
    lines as in a known_hosts file, or `config` under that name, or the variable SFTP_KNOWN_HOST_KEYS, or the file
    `host_keys_path` (``~/.ssh/known_hosts``). `host_key_policy` says what becomes of an unknown host: ``"strict"``
    (HostKeyMismatch), ``"tofu"`` or ``"auto"``. A changed key is always refused.

    `timeout` is for a connection to be made (10 s), `io_timeout` for a server that gives no answer at all (120 s, None:
    for ever), `keepalive` between two signs of life (30 s). `connect_kwargs` are further keywords of asyncssh.connect.
    `max_channels` (4) transfers have a channel of their own. With `fsync` a write that has returned is on the server's
    disk. `retry` is the one retry layer's policy.

    Links are followed as long as they stay below `base_path`; no promise is made against a link that is swapped
    during a call: use a chroot on the server for that. It can be used again after `aclose`.
    """

    CAPABILITIES = TWIN_CAPABILITIES

    def __init__(
        self,
        host: str,
        *,
        port: int = 22,
        username: str | None = None,
        password: str | Secret | None = None,
        pkey: Any = None,
        base_path: str = "/",
        host_key_policy: HostKeyPolicy | str = "strict",
        known_host_keys: str | None = None,
        host_keys_path: str | None = None,
        config: Mapping[str, Any] | None = None,
        timeout: float = 10,
        io_timeout: float | None = 120.0,
        connect_kwargs: Mapping[str, Any] | None = None,
        retry: RetryPolicy | None = None,
        passphrase: str | Secret | None = None,
        certificate: str | None = None,
        agent: bool | None = None,
        host_key: str | None = None,
        ssh_config: str | bool = False,
        jump_hosts: Sequence[str] | str = (),
        keepalive: float = 30.0,
        max_channels: int = 4,
        fsync: bool = False,
    ) -> None:
        self._config = SFTPConfig.checked(
            host=host,
            port=port,
            username=username,
            password=password,
            pkey=pkey,
            base_path=base_path,
            host_key_policy=host_key_policy,
            known_host_keys=known_host_keys,
            host_keys_path=host_keys_path,
            config=config,
            timeout=timeout,
            io_timeout=io_timeout,
            connect_kwargs=connect_kwargs,
            retry=retry,
            passphrase=passphrase,
            certificate=certificate,
            agent=agent,
            host_key=host_key,
            ssh_config=ssh_config,
            jump_hosts=jump_hosts,
            keepalive=keepalive,
            max_channels=max_channels,
            fsync=fsync,
        )
        self._label = "async-sftp"
        self._host = AsyncioHost("AsyncSFTPBackend")
        self._core = Core(self._config, self.name)

    @property
    def name(self) -> str:
        """Return ``"sftp"``."""
        return "sftp"

    @property
    def capabilities(self) -> CapabilitySet:
        """Return what the server can do, as far as it is known: ATOMIC_WRITE needs two of OpenSSH's extensions."""
        latest = self._core.clients.latest
        if latest is None or (latest.main.has(requests.POSIX_RENAME) and latest.main.has(requests.HARD_LINK)):
            return self.CAPABILITIES
        return CapabilitySet(set(self.CAPABILITIES) - {Capability.ATOMIC_WRITE})

    @property
    def requests_sent(self) -> dict[str, int]:
        """Requests sent over the connection made last, by their name."""
        latest = self._core.clients.latest
        return latest.sent if latest is not None else {}

    def _constructor_arguments(self) -> dict[str, object]:
        return self._config.arguments()

    def __reduce__(self) -> tuple[Callable[..., AsyncSFTPBackend], tuple[dict[str, object]]]:
        return (_rebuilt, (self._config.arguments(),))

    def __repr__(self) -> str:
        return f"AsyncSFTPBackend({self._config!r})"

    async def _run(self, path: str | None, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Run a coroutine function on asyncio; faults become our errors here."""
        try:
            return await self._host.run(function, *args)
        except Fault as fault:
            raise failure(fault, path, self.name) from fault

    def _calls(self, path: str) -> Calls:
        return lambda function, *args: self._run(path, function, *args)

    def _node(self, path: str) -> str:
        return node_key(path, self.name)

    # Probes

    async def exists(self, path: str) -> bool:
        """Return whether a file or folder is at `path`; false below a file."""
        return await self._run(path, files.kind_of, self._core, self._node(path), path) is not None

    async def is_file(self, path: str) -> bool:
        """Return whether a file is at `path`."""
        return await self._run(path, files.kind_of, self._core, self._node(path), path) == "file"

    async def is_folder(self, path: str) -> bool:
        """Return whether a folder is at `path`; true for the root."""
        return await self._run(path, files.kind_of, self._core, self._node(path), path) == "folder"

    # Reading

    def read(self, path: str) -> AsyncByteSource:
        """Return a file's content in chunks, of which up to 16 MiB are asked for ahead.

        A lost connection is resumed where it was, if the file still has its size and time; else PreconditionFailed.
        """
        return SFTPSource(lambda: reading.Download(self._core, file_key(path, self.name), path), self._calls(path))

    async def read_bytes(self, path: str) -> bytes:
        """Return the whole content of a file. Raises NotFound, and InvalidPath for a folder."""
        return await self._run(path, reading.read_bytes, self._core, file_key(path, self.name), path)

    async def read_into(self, path: str, buffer: bytearray | memoryview, start: int = 0) -> int:
        """Fill `buffer` with a file's content from offset `start`, many blocks at a time."""
        view, offset = writable(buffer), checked_offset(start)
        return await self._run(path, reading.read_into, self._core, file_key(path, self.name), path, view, offset)

    async def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return the bytes of each half-open range (start, stop), in the order given."""
        asked = checked_ranges(ranges)
        return await self._run(path, reading.read_ranges, self._core, file_key(path, self.name), path, asked)

    # Writing

    async def write(
        self,
        path: str,
        content: AsyncWritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        """Write a file, making the folders above it; it comes into sight whole, or not at all.

        Raises AlreadyExists as the server decides, OutcomeUnknown where an answer was lost and nobody can say what
        became of it.
        """
        condition_of(overwrite, if_match)
        for capability, given in (("conditional_write", if_match), ("user_metadata", metadata)):
            if given:
                raise CapabilityNotSupported(
                    f"Backend '{self.name}' does not support {capability}", path=path, backend=self.name, capability=capability
                )  # fmt: skip
        key = file_key(path, self.name)
        source = async_content(content)
        whole = source.buffer if isinstance(source, AsyncContent) else memoryview(source)
        upload = Upload(self._core, key, path, overwrite=overwrite, size=None if whole is None else len(whole))
        size = await written(upload, source, self._calls(path))
        return WriteResult(RemotePath._trusted(key), size, "native", metadata=metadata)

    async def write_atomic(
        self,
        path: str,
        content: AsyncWritableContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> WriteResult:
        """Write a file; the same as `write`, which is atomic where the server has the extensions for it."""
        return await self.write(path, content, overwrite=overwrite, metadata=metadata, if_match=if_match)

    async def abort_uploads(self, older_than: float, prefix: str = "") -> int:
        """Remove the hidden files that lost writers left below `prefix`, if older than so many seconds."""
        return await self._run(prefix, folders.abort_uploads, self._core, self._node(prefix), prefix, older_than)

    # Deleting

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        """Delete a file. Raises NotFound unless `missing_ok`, and InvalidPath for a folder in any case."""
        await self._run(path, files.delete, self._core, file_key(path, self.name), path, missing_ok)

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Delete a folder, with its content if `recursive`; of a linked folder the link alone."""
        await self._run(path, folders.delete_folder, self._core, self._node(path), path, recursive, missing_ok)

    # Listing

    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        """Iterate over the files in a folder, several folders at a time; linked folders are not descended into."""
        walk = listing.Walk(self._core, self._node(path), path, max_depth if recursive else 0)
        return AsyncPages(lambda: self._run(path, walk.files))

    def list_folders(self, path: str) -> AsyncIterator[FolderEntry]:
        """Iterate over the immediate subfolders of a folder."""
        return self._once(path, folders.folder_entries)

    def iter_children(self, path: str) -> AsyncIterator[FileInfo | FolderEntry]:
        """Iterate over the files and subfolders of a folder, read in one pass."""
        return self._once(path, listing.children)

    def _once(self, path: str, function: Callable[..., Awaitable[list[T]]]) -> AsyncIterator[T]:
        key, pages = self._node(path), iter((True,))

        async def page() -> list[T] | None:
            return await self._run(path, function, self._core, key, path) if next(pages, False) else None

        return AsyncPages(page)

    # Information

    async def get_file_info(self, path: str) -> FileInfo:
        """Return size and modification time of a file; `extra` has mode, uid, gid and accessed_at."""
        return await self._run(path, files.get_file_info, self._core, file_key(path, self.name), path)

    async def get_folder_info(self, path: str) -> FolderInfo:
        """Return the totals of a folder, at every depth. Raises NotFound, and InvalidPath for a file."""
        return await self._run(path, folders.get_folder_info, self._core, self._node(path), path)

    # Moving

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Move a file by one step of the server; the same path is left as it is."""
        await self._transfer(files.move, src, dst, overwrite)

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        """Copy a file, inside the server where it can do that."""
        await self._transfer(files.copy, src, dst, overwrite)

    async def _transfer(self, function: Callable[..., Awaitable[None]], src: str, dst: str, overwrite: bool) -> None:
        target = file_key(dst, self.name)
        source = file_key(src, self.name)
        await self._run(src, function, self._core, source, target, (src, dst), overwrite)

    # Names

    def native_path(self, path: str) -> str:
        """Return the path on the server, ``<base_path>/<key>``."""
        return self._core.places.lexical(self._node(path)).decode()

    def to_key(self, native_path: str) -> str:
        """Return the key of a path on the server; one outside `base_path` comes back as it is."""
        base = self._config.base_path
        if native_path.rstrip("/") == base.rstrip("/"):
            return ""
        return native_path.removeprefix(base if base.endswith("/") else f"{base}/")

    def resolve(self, path: str) -> ResolutionPlan:
        """Return where a key lives: host, port and base_path."""
        details = {"host": self._config.host, "port": self._config.port, "base_path": self._config.base_path}
        return ResolutionPlan(self.name, self.name, path, self.native_path(path), details)

    # Life cycle

    async def check_health(self) -> None:
        """Raise NotFound if `base_path` is missing, and what keeps us from the server."""
        await self._run(None, folders.check_health, self._core, self.name)

    async def aclose(self) -> None:
        """Close this loop's connection; a later call makes a new one."""
        await checkpoint()
        await self._host.close(self._core.clients.aclose)

    def unwrap(self, type_hint: type[T]) -> T:
        """Return the ``asyncssh.SSHClientConnection`` made last, if it is still there; it belongs to its event loop."""
        latest = self._core.clients.latest
        if latest is not None and not latest.lost and type_hint is asyncssh.SSHClientConnection:
            return latest.ssh  # type: ignore[return-value]  # just checked
        return super().unwrap(type_hint)

    def __del__(self) -> None:
        core = getattr(self, "_core", None)
        if core is not None and core.clients.live:
            kind = type(self).__name__.removeprefix("Async" if self._label == "sftp" else "")
            warnings.warn(f"Unclosed {kind} for {self._config.target}", ResourceWarning, source=self, stacklevel=2)


def _rebuilt(arguments: dict[str, Any]) -> AsyncSFTPBackend:
    return AsyncSFTPBackend(**arguments)

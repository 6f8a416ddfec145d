"""Backends as other people write them: only what CONTRACT A3 has abstract, from the documents alone."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO

from remote_store import (
    AlreadyExists,
    Backend,
    Capability,
    CapabilitySet,
    DirectoryNotEmpty,
    FileInfo,
    FolderEntry,
    FolderInfo,
    InvalidPath,
    NotFound,
    RemotePath,
    WriteResult,
)
from remote_store.aio import AsyncBackend

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CAPABILITIES = CapabilitySet(
    {
        Capability.READ,
        Capability.WRITE,
        Capability.DELETE,
        Capability.LIST,
        Capability.MOVE,
        Capability.COPY,
        Capability.ATOMIC_WRITE,
        Capability.METADATA,
    }
)


class Table:
    """Files in a dict, folders where files are below: the rules that both backends share."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.files: dict[str, bytes] = {}

    def folder_at(self, path: str) -> bool:
        return path == "" or any(key.startswith(f"{path}/") for key in self.files)

    def load(self, path: str) -> bytes:
        if path in self.files:
            return self.files[path]
        if self.folder_at(path):
            raise InvalidPath(f"Is a folder, not a file: {path}", path=path, backend=self.name)
        raise NotFound(f"File not found: {path}", path=path, backend=self.name)

    def admit(self, path: str, overwrite: bool) -> None:
        if self.folder_at(path):
            raise InvalidPath(f"Path exists as a directory: {path}", path=path, backend=self.name)
        if path in self.files and not overwrite:
            raise AlreadyExists(f"File already exists: {path}", path=path, backend=self.name)

    def store(self, path: str, content: bytes, overwrite: bool) -> WriteResult:
        self.admit(path, overwrite)
        self.files[path] = bytes(content)
        return WriteResult(path=RemotePath(path), size=len(content))

    def remove(self, path: str, missing_ok: bool) -> None:
        if self.folder_at(path):
            raise InvalidPath(f"Not a file: {path}", path=path, backend=self.name)
        if self.files.pop(path, None) is None and not missing_ok:
            raise NotFound(f"File not found: {path}", path=path, backend=self.name)

    def remove_folder(self, path: str, recursive: bool, missing_ok: bool) -> None:
        if path in self.files:
            raise InvalidPath(f"Not a folder: {path}", path=path, backend=self.name)
        if not self.folder_at(path):
            if missing_ok:
                return
            raise NotFound(f"Folder not found: {path}", path=path, backend=self.name)
        if not recursive:
            raise DirectoryNotEmpty(f"Folder not empty: {path}", path=path, backend=self.name)
        for key in [key for key in self.files if key.startswith(f"{path}/")]:
            del self.files[key]

    def info(self, path: str) -> FileInfo:
        size = len(self.load(path))
        return FileInfo(path=RemotePath(path), name=path.rpartition("/")[2], size=size, modified_at=WHEN)

    def below(self, path: str, recursive: bool) -> list[FileInfo]:
        prefix = f"{path}/" if path else ""
        keys = [key for key in self.files if key.startswith(prefix)]
        return [self.info(key) for key in keys if recursive or "/" not in key[len(prefix) :]]

    def folders(self, path: str) -> list[FolderEntry]:
        prefix = f"{path}/" if path else ""
        names = {
            key[len(prefix) :].split("/")[0]
            for key in self.files
            if key.startswith(prefix) and "/" in key[len(prefix) :]
        }
        return [FolderEntry(path=RemotePath(prefix + name), name=name) for name in sorted(names)]

    def folder_info(self, path: str) -> FolderInfo:
        if path in self.files:
            raise InvalidPath(f"Not a folder: {path}", path=path, backend=self.name)
        if not self.folder_at(path):
            raise NotFound(f"Folder not found: {path}", path=path, backend=self.name)
        found = self.below(path, recursive=True)
        return FolderInfo(
            RemotePath(path) if path else RemotePath.ROOT,
            len(found),
            sum(info.size for info in found),
            WHEN if found else None,
        )

    def transfer(self, src: str, dst: str, overwrite: bool, keep: bool) -> None:
        content = self.load(src)
        if src == dst:
            return
        self.admit(dst, overwrite)
        self.files[dst] = content
        if not keep:
            del self.files[src]


class TableBackend(Backend):
    """A sync third-party backend."""

    def __init__(self) -> None:
        self.table = Table("table")

    @property
    def name(self) -> str:
        return "table"

    @property
    def capabilities(self) -> CapabilitySet:
        return CAPABILITIES

    def exists(self, path: str) -> bool:
        return path in self.table.files or self.table.folder_at(path)

    def is_file(self, path: str) -> bool:
        return path in self.table.files

    def is_folder(self, path: str) -> bool:
        return self.table.folder_at(path)

    def read(self, path: str) -> BinaryIO:
        return io.BytesIO(self.table.load(path))

    def read_bytes(self, path: str) -> bytes:
        return self.table.load(path)

    def write(  # type: ignore[override]  # from before `if_match`
        self, path: str, content: Any, *, overwrite: bool = False, metadata: Mapping[str, str] | None = None
    ) -> WriteResult:
        return self.table.store(path, content if isinstance(content, bytes) else content.read(), overwrite)

    def write_atomic(  # type: ignore[override]  # from before `if_match`
        self, path: str, content: Any, *, overwrite: bool = False, metadata: Mapping[str, str] | None = None
    ) -> WriteResult:
        return self.write(path, content, overwrite=overwrite, metadata=metadata)

    @contextmanager
    def open_atomic(self, path: str, *, overwrite: bool = False) -> Iterator[BinaryIO]:
        self.table.admit(path, overwrite)
        file = io.BytesIO()
        yield file
        self.table.store(path, file.getvalue(), overwrite)

    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        self.table.remove(path, missing_ok)

    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        self.table.remove_folder(path, recursive, missing_ok)

    def list_files(self, path: str, *, recursive: bool = False, max_depth: int | None = None) -> Iterator[FileInfo]:
        return iter(self.table.below(path, recursive))  # max_depth may be ignored: the store filters (seeds/001)

    def list_folders(self, path: str) -> Iterator[FolderEntry]:
        return iter(self.table.folders(path))

    def get_file_info(self, path: str) -> FileInfo:
        return self.table.info(path)

    def get_folder_info(self, path: str) -> FolderInfo:
        return self.table.folder_info(path)

    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        self.table.transfer(src, dst, overwrite, keep=False)

    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        self.table.transfer(src, dst, overwrite, keep=True)


class AsyncTableBackend(AsyncBackend):
    """An async third-party backend, whose streams and listings are async generators."""

    def __init__(self) -> None:
        self.table = Table("async-table")

    @property
    def name(self) -> str:
        return "async-table"

    @property
    def capabilities(self) -> CapabilitySet:
        return CAPABILITIES

    async def exists(self, path: str) -> bool:
        return path in self.table.files or self.table.folder_at(path)

    async def is_file(self, path: str) -> bool:
        return path in self.table.files

    async def is_folder(self, path: str) -> bool:
        return self.table.folder_at(path)

    async def read(self, path: str) -> AsyncIterator[bytes]:  # type: ignore[override]  # as seeds/003 prints it
        content = self.table.load(path)
        for start in range(0, len(content), 3):
            yield content[start : start + 3]

    async def read_bytes(self, path: str) -> bytes:
        return self.table.load(path)

    async def write(  # type: ignore[override]  # from before `if_match`
        self, path: str, content: Any, *, overwrite: bool = False, metadata: Mapping[str, str] | None = None
    ) -> WriteResult:
        whole = content if isinstance(content, bytes) else b"".join([piece async for piece in content])
        return self.table.store(path, whole, overwrite)

    async def write_atomic(  # type: ignore[override]  # from before `if_match`
        self, path: str, content: Any, *, overwrite: bool = False, metadata: Mapping[str, str] | None = None
    ) -> WriteResult:
        return await self.write(path, content, overwrite=overwrite, metadata=metadata)

    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        self.table.remove(path, missing_ok)

    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        self.table.remove_folder(path, recursive, missing_ok)

    async def list_files(  # type: ignore[override]
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        for info in self.table.below(path, recursive):
            yield info

    async def list_folders(self, path: str) -> AsyncIterator[FolderEntry]:  # type: ignore[override]
        for entry in self.table.folders(path):
            yield entry

    async def get_file_info(self, path: str) -> FileInfo:
        return self.table.info(path)

    async def get_folder_info(self, path: str) -> FolderInfo:
        return self.table.folder_info(path)

    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        self.table.transfer(src, dst, overwrite, keep=False)

    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        self.table.transfer(src, dst, overwrite, keep=True)


class Duck:
    """No subclass of anything: it passes on to a backend what is asked of it (CONTRACT 6)."""

    def __init__(self, backend: Any) -> None:
        self._duck_of = backend

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ("read_into", "read_ranges", "abort_uploads"):
            raise AttributeError(name)  # a backend from before these
        return getattr(self._duck_of, name)

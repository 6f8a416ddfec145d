# Generated from remote_store/_store/_async/seam.py by tools/gen_sync.py. Edit that file.
"""Seam: a store around another where every operation passes one place.

Read-only, throttled and limited stores are made of it: they say what happens there, and no operation gets by.
"""

from __future__ import annotations

from collections.abc import Iterator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..._contract._sync.content import AnyContent
from ..._core.models import FileInfo, FolderEntry, FolderInfo, WriteResult
from ..._core.options import WriteOptions, given
from .pairs import ReadStream, SeamFace, charged_content, charged_file, gated_entries, gated_stream
from .proxy import ProxyStore

__all__ = ["CHANGES", "Seam"]

CHANGES = frozenset(
    {"write", "write_text", "write_atomic", "open_atomic", "abort_uploads", "delete", "delete_folder", "move", "copy"}
)
"""The operations that change what is stored; `presign` does where it is not for reading."""


class Seam(SeamFace, ProxyStore):
    """Hands every call on to `inner`, within `_call`, and tells `_charge` of the bytes that go either way."""

    _counts_bytes = False
    """Whether `_charge` wants to be told: content and streams are wrapped for that."""

    def _call(self, operation: str) -> AbstractContextManager[None]:
        """Return what an operation runs in: the call itself, or the opening of a stream or a listing."""
        raise NotImplementedError(f"{type(self).__name__} must say what {operation} passes")

    def _refuse(self, operation: str) -> None:
        """Raise for an operation that must not be, before anything else of it happens."""

    def _charge(self, count: int) -> None:
        """Be told of so many bytes, after they were read and before they are written."""

    # Reading

    def read(self, path: str, *, version_id: str | None = None) -> ReadStream:
        self._refuse("read")
        return gated_stream(self, "read", lambda: self._inner.read(path, **given(version_id=version_id)))

    def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        with self._call("read_bytes"):
            content = self._inner.read_bytes(path, **given(version_id=version_id))
        self._charge(len(content))
        return content

    def read_text(
        self, path: str, *, encoding: str = "utf-8", errors: str = "strict", version_id: str | None = None
    ) -> str:
        return str(self.read_bytes(path, **given(version_id=version_id)), encoding, errors)

    def read_into(
        self, path: str, buffer: bytearray | memoryview, start: int = 0, *, version_id: str | None = None
    ) -> int:
        with self._call("read_into"):
            count = self._inner.read_into(path, buffer, start, **given(version_id=version_id))
        self._charge(count)
        return count

    def read_ranges(
        self, path: str, ranges: Iterable[tuple[int, int]], *, version_id: str | None = None
    ) -> list[bytes]:
        with self._call("read_ranges"):
            found = self._inner.read_ranges(path, ranges, **given(version_id=version_id))
        self._charge(sum(map(len, found)))
        return found

    # Writing

    def write(
        self,
        path: str,
        content: AnyContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        others: dict[str, Any] = given(metadata=metadata, if_match=if_match, options=options)
        with self._call("write"):
            sent = charged_content(self, content)
            return self._inner.write(path, sent, overwrite=overwrite, **others)

    def write_text(
        self,
        path: str,
        text: str,
        *,
        encoding: str = "utf-8",
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        content = text.encode(encoding)
        return self.write(
            path, content, overwrite=overwrite, metadata=metadata, **given(if_match=if_match, options=options)
        )

    def write_atomic(
        self,
        path: str,
        content: AnyContent,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        options: WriteOptions | None = None,
    ) -> WriteResult:
        others: dict[str, Any] = given(metadata=metadata, if_match=if_match, options=options)
        with self._call("write_atomic"):
            sent = charged_content(self, content)
            return self._inner.write_atomic(path, sent, overwrite=overwrite, **others)

    def open_atomic(self, path: str, *, overwrite: bool = False) -> AbstractContextManager[Any]:
        self._refuse("open_atomic")
        return self._written(self._inner.open_atomic(path, overwrite=overwrite))

    @contextmanager
    def _written(self, opened: AbstractContextManager[Any]) -> Iterator[Any]:
        with self._call("open_atomic"):
            with opened as file:
                yield charged_file(self, file) if self._counts_bytes else file

    def abort_uploads(self, older_than: float) -> int:
        with self._call("abort_uploads"):
            return self._inner.abort_uploads(older_than)

    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        with self._call("delete"):
            self._inner.delete(path, missing_ok=missing_ok)

    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        with self._call("delete_folder"):
            self._inner.delete_folder(path, recursive=recursive, missing_ok=missing_ok)

    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        with self._call("move"):
            self._inner.move(src, dst, overwrite=overwrite)

    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        with self._call("copy"):
            self._inner.copy(src, dst, overwrite=overwrite)

    # Listing

    def list_files(
        self,
        path: str,
        *,
        recursive: bool = False,
        pattern: str | None = None,
        max_depth: int | None = None,
        start_after: str | None = None,
        limit: int | None = None,
    ) -> Iterator[FileInfo]:
        others: dict[str, Any] = given(start_after=start_after, limit=limit)
        entries = self._inner.list_files(path, recursive=recursive, pattern=pattern, max_depth=max_depth, **others)
        return gated_entries(self, "list_files", entries)

    def list_folders(
        self, path: str, *, pattern: str | None = None, max_depth: int | None = None
    ) -> Iterator[FolderEntry]:
        entries = self._inner.list_folders(path, pattern=pattern, max_depth=max_depth)
        return gated_entries(self, "list_folders", entries)

    def iter_children(self, path: str) -> Iterator[FileInfo | FolderEntry]:
        return gated_entries(self, "iter_children", self._inner.iter_children(path))

    def glob(self, pattern: str) -> Iterator[FileInfo]:
        return gated_entries(self, "glob", self._inner.glob(pattern))

    def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        with self._call("list_uploads"):
            return self._inner.list_uploads(prefix)

    # Information

    def exists(self, path: str) -> bool:
        with self._call("exists"):
            return self._inner.exists(path)

    def is_file(self, path: str) -> bool:
        with self._call("is_file"):
            return self._inner.is_file(path)

    def is_folder(self, path: str) -> bool:
        with self._call("is_folder"):
            return self._inner.is_folder(path)

    def get_file_info(self, path: str) -> FileInfo:
        with self._call("get_file_info"):
            return self._inner.get_file_info(path)

    def get_folder_info(self, path: str, *, max_depth: int | None = None) -> FolderInfo:
        with self._call("get_folder_info"):
            return self._inner.get_folder_info(path, max_depth=max_depth)

    def head(self, path: str) -> WriteResult:
        with self._call("head"):
            return self._inner.head(path)

    def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        with self._call("presign" if method == "GET" else "write"):
            return self._inner.presign(path, method, expires)

    def ping(self) -> None:
        with self._call("ping"):
            self._inner.ping()

# Generated from remote_store/ext/_async/observe.py by tools/gen_sync.py. Edit that file.
"""ObservedStore: a store that tells what is done with it."""

from __future__ import annotations

from collections.abc import Iterator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar

from ..._contract._sync.content import AnyContent
from ..._core.capability import Capability
from ..._core.models import FileInfo, FolderEntry, FolderInfo, ResolutionPlan, WriteResult
from ..._core.options import WriteOptions, given
from ..._store._sync.pairs import ReadStream
from ..._store._sync.proxy import ProxyStore
from ..._store._sync.store import Store
from .._events import Around, Hook, Hooks
from .pairs import ObservedFace, listed, opened

__all__ = ["ObservedStore", "observe"]

T = TypeVar("T")


def observe(
    store: Store,
    *,
    on_read: Hook | None = None,
    on_write: Hook | None = None,
    on_delete: Hook | None = None,
    on_copy: Hook | None = None,
    on_move: Hook | None = None,
    on_list: Hook | None = None,
    on_ping: Hook | None = None,
    on_error: Hook | None = None,
    on_any: Hook | None = None,
    around: Around | None = None,
) -> ObservedStore:
    """Return a store that does what `store` does and calls hooks with a `StoreEvent` after each operation.

    The operation's own hook comes first (`on_list` also gets probes, infos, `head` and `resolve`), then `on_any`,
    then, if it failed, `on_error`. An exception of a hook is logged and goes no further. `around` is called with
    operation, path and backend name, and returns a context manager that the call runs in; what that raises on
    enter is raised in place of the call. Listings are read to their end before their event; `read` is told when
    the stream is open. Children are observed too.
    """
    hooks = {
        "on_read": on_read,
        "on_write": on_write,
        "on_delete": on_delete,
        "on_copy": on_copy,
        "on_move": on_move,
        "on_list": on_list,
        "on_ping": on_ping,
        "on_error": on_error,
        "on_any": on_any,
    }
    return ObservedStore(store, Hooks(hooks, around))


class ObservedStore(ObservedFace, ProxyStore):
    """A store that tells hooks what is done with it; made by `observe`."""

    def __init__(self, inner: Store, hooks: Hooks) -> None:
        super().__init__(inner)
        self._hooks = hooks

    def _wrap_child(self, inner_child: Store) -> Store:
        return ObservedStore(inner_child, self._hooks)

    def _observing(self, operation: str, path: str, **metadata: Any) -> AbstractContextManager[dict[str, Any]]:
        return self._hooks.call(operation, path, self._inner._backend.name, metadata)

    def _later(self, operation: str, path: str, **metadata: Any) -> Callable[[], AbstractContextManager[Any]]:
        return partial(self._observing, operation, path, **metadata)

    # Reading

    def read(self, path: str, *, version_id: str | None = None) -> ReadStream:
        return opened(self._later("read", path), lambda: self._inner.read(path, **given(version_id=version_id)))

    def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        with self._observing("read_bytes", path):
            return self._inner.read_bytes(path, **given(version_id=version_id))

    def read_text(
        self, path: str, *, encoding: str = "utf-8", errors: str = "strict", version_id: str | None = None
    ) -> str:
        with self._observing("read_text", path, encoding=encoding):
            return self._inner.read_text(path, encoding=encoding, errors=errors, **given(version_id=version_id))

    def read_into(
        self, path: str, buffer: bytearray | memoryview, start: int = 0, *, version_id: str | None = None
    ) -> int:
        with self._observing("read_into", path):
            return self._inner.read_into(path, buffer, start, **given(version_id=version_id))

    def read_ranges(
        self, path: str, ranges: Iterable[tuple[int, int]], *, version_id: str | None = None
    ) -> list[bytes]:
        with self._observing("read_ranges", path):
            return self._inner.read_ranges(path, ranges, **given(version_id=version_id))

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
        others: dict[str, Any] = given(if_match=if_match, options=options)
        with self._observing("write", path, overwrite=overwrite) as told:
            result = self._inner.write(path, content, overwrite=overwrite, metadata=metadata, **others)
            told["write_result"] = result
            return result

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
        others: dict[str, Any] = given(if_match=if_match, options=options)
        with self._observing("write_text", path, encoding=encoding, overwrite=overwrite) as told:
            result = self._inner.write_text(
                path, text, encoding=encoding, overwrite=overwrite, metadata=metadata, **others
            )
            told["write_result"] = result
            return result

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
        others: dict[str, Any] = given(if_match=if_match, options=options)
        with self._observing("write_atomic", path, overwrite=overwrite) as told:
            result = self._inner.write_atomic(path, content, overwrite=overwrite, metadata=metadata, **others)
            told["write_result"] = result
            return result

    @contextmanager
    def open_atomic(self, path: str, *, overwrite: bool = False) -> Iterator[Any]:
        with self._observing("open_atomic", path, overwrite=overwrite):
            with self._inner.open_atomic(path, overwrite=overwrite) as file:
                yield file

    def abort_uploads(self, older_than: float) -> int:
        with self._observing("abort_uploads", "", older_than=older_than):
            return self._inner.abort_uploads(older_than)

    def delete(self, path: str, *, missing_ok: bool = False) -> None:
        with self._observing("delete", path, missing_ok=missing_ok):
            self._inner.delete(path, missing_ok=missing_ok)

    def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        with self._observing("delete_folder", path, recursive=recursive, missing_ok=missing_ok):
            self._inner.delete_folder(path, recursive=recursive, missing_ok=missing_ok)

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
        return listed(
            self._later("list_files", path, recursive=recursive, pattern=pattern, max_depth=max_depth, **others),
            lambda: self._inner.list_files(path, recursive=recursive, pattern=pattern, max_depth=max_depth, **others),
        )

    def list_folders(
        self, path: str, *, pattern: str | None = None, max_depth: int | None = None
    ) -> Iterator[FolderEntry]:
        return listed(
            self._later("list_folders", path, pattern=pattern, max_depth=max_depth),
            lambda: self._inner.list_folders(path, pattern=pattern, max_depth=max_depth),
        )

    def iter_children(self, path: str) -> Iterator[FileInfo | FolderEntry]:
        return listed(self._later("iter_children", path), lambda: self._inner.iter_children(path))

    def glob(self, pattern: str) -> Iterator[FileInfo]:
        return listed(self._later("glob", pattern, pattern=pattern), lambda: self._inner.glob(pattern))

    def list_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        with self._observing("list_uploads", prefix):
            return self._inner.list_uploads(prefix)

    # Information

    def exists(self, path: str) -> bool:
        with self._observing("exists", path):
            return self._inner.exists(path)

    def is_file(self, path: str) -> bool:
        with self._observing("is_file", path):
            return self._inner.is_file(path)

    def is_folder(self, path: str) -> bool:
        with self._observing("is_folder", path):
            return self._inner.is_folder(path)

    def get_file_info(self, path: str) -> FileInfo:
        with self._observing("get_file_info", path):
            return self._inner.get_file_info(path)

    def get_folder_info(self, path: str, *, max_depth: int | None = None) -> FolderInfo:
        with self._observing("get_folder_info", path, max_depth=max_depth):
            return self._inner.get_folder_info(path, max_depth=max_depth)

    def head(self, path: str) -> WriteResult:
        with self._observing("head", path):
            return self._inner.head(path)

    # Moving

    def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        with self._observing("move", src, dst=dst, overwrite=overwrite):
            self._inner.move(src, dst, overwrite=overwrite)

    def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        with self._observing("copy", src, dst=dst, overwrite=overwrite):
            self._inner.copy(src, dst, overwrite=overwrite)

    # Names

    def child(self, subpath: str) -> Store:
        with self._observing("child", subpath):
            return super().child(subpath)

    def unwrap(self, type_hint: type[T]) -> T:
        with self._observing("unwrap", "", type_hint=str(type_hint)):
            return self._inner.unwrap(type_hint)

    def resolve(self, key: str) -> ResolutionPlan:
        with self._observing("resolve", key):
            return self._inner.resolve(key)

    def native_path(self, key: str) -> str:
        with self._observing("native_path", key):
            return self._inner.native_path(key)

    def to_key(self, path: str) -> str:
        with self._observing("to_key", path):
            return self._inner.to_key(path)

    def supports(self, capability: Capability) -> bool:
        with self._observing("supports", "", capability=capability.name):
            return self._inner.supports(capability)

    def presign(self, path: str, method: str = "GET", expires: float = 3600) -> str:
        with self._observing("presign", path, method=method, expires=expires):
            return self._inner.presign(path, method, expires)

    # Life cycle

    def ping(self) -> None:
        with self._observing("ping", ""):
            self._inner.ping()

    def close(self) -> None:
        with self._observing("close", ""):
            self._inner.close()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ObservedStore) or type(other) is not type(self):
            return NotImplemented
        return self._inner == other._inner and self._hooks is other._hooks

    def __hash__(self) -> int:
        return hash((type(self), self._inner, id(self._hooks)))

"""A `Store` seen as an `AsyncStore` that never waits, so that one check serves both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from .._contract._sync.backend import Backend
from .._store._async.store import AsyncStore
from .._store._sync.store import Store
from .inline import InlineItems, InlineStream, inline_content

__all__ = ["inline_store", "seen_as_async"]

_LISTINGS = frozenset({"list_files", "list_folders", "iter_children", "glob"})
_PLAIN = frozenset({"resolve", "native_path", "to_key", "unwrap", "supports"})
_WRITES = frozenset({"write", "write_atomic"})


def inline_store(backend: Backend, root: str) -> AsyncStore:
    """Return a `Store` over `backend`, with the methods of an `AsyncStore`."""
    return seen_as_async(Store(backend, root))


def seen_as_async(store: Store) -> AsyncStore:
    """Return `store` with the methods of an `AsyncStore`."""
    return cast(AsyncStore, _InlineStore(store))


class _InlineStore:
    """Hands each call on by the kind of method it is; what the two stores share by name is told by CONTRACT A2."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, "close" if name == "aclose" else name)
        if name in _PLAIN:
            return method
        if name in _LISTINGS:
            return lambda *args, **options: InlineItems(iter(method(*args, **options)))
        if name == "read":
            return lambda *args: InlineStream(method(*args))
        return _awaited(method, takes_content=name in _WRITES)

    def child(self, subpath: str) -> _InlineStore:
        return _InlineStore(self._inner.child(subpath))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InlineStore) and self._inner == other._inner

    def __hash__(self) -> int:
        return hash(self._inner)

    def __repr__(self) -> str:
        return repr(self._inner)


def _awaited(method: Callable[..., Any], *, takes_content: bool) -> Callable[..., Any]:
    async def call(*args: Any, **options: Any) -> Any:
        if takes_content:
            path, content, *rest = args
            args = (path, inline_content(content), *rest)
        return method(*args, **options)

    return call

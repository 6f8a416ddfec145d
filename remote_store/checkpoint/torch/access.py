"""A store that blocking code holds on to: opened when it is first used, in every process anew."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ..._bridge.portal import Portal
from ..._store._async.store import AsyncStore
from ..._store._sync.store import Store
from ..._store.opening import open_async_store
from ...backends.local.backend import AsyncLocalBackend
from .locations import PROFILE, AnyPath, Location
from .options import backend_options

__all__ = ["Access"]

T = TypeVar("T")

END_SECONDS = 2.0
"""How long the interpreter's end waits for connections to be closed."""

_portal = Portal("checkpoint")
_open: weakref.WeakSet[Access] = weakref.WeakSet()


class Access:
    """The store of a path, for calls from any thread, also from one whose event loop is running.

    Nothing is open until the first call. It can be pickled, with its options and the secrets among them; what is
    open does not travel. `durable` has files on a local disk survive a power failure once they are written.
    """

    def __init__(self, path: AnyPath, options: dict[str, Any], *, store: Any = None, durable: bool = False) -> None:
        self.location = Location(None) if store is not None else Location.of(path)
        self._options = self._checked(options)
        self._given = _as_async(store) if store is not None else None
        self._durable = durable
        self._opened: AsyncStore | None = None
        self._pid = 0
        self._lock = threading.Lock()

    def _checked(self, options: dict[str, Any]) -> dict[str, Any]:
        root = self.location.root
        if options and (root is None or self.location.is_local):
            where = "a store that is given" if root is None else "a local path"
            raise TypeError(f"{where} takes no options; leave out {', '.join(sorted(options))}")
        return options if root is None or root.startswith(PROFILE) else backend_options(root, options)

    def moved(self, path: AnyPath) -> Access:
        """Return the access to another path with the same options, which is this one if the store is the same."""
        if self._given is not None or Location.of(path) == self.location:
            return self
        return Access(path, self._options, durable=self._durable)

    def key(self, path: AnyPath) -> str:
        """Return the key of a path in the store."""
        return self.location.key(path)

    def call(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run a coroutine function on the loop that all checkpoints of this process share, and return its result."""
        return _portal.loop_thread().call(function, *args)

    def spawn(self, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Have a coroutine function run on that loop without waiting for it."""
        _portal.loop_thread().spawn(function, *args)

    @property
    def store(self) -> AsyncStore:
        """The store, opened if need be."""
        if self._given is not None:
            return self._given
        with self._lock:
            if self._opened is None or self._pid != os.getpid():
                self._abandon()
                self._opened, self._pid = self._open_store(), os.getpid()
                _open.add(self)
                # The loop closes it when it comes to it: a finaliser must not wait.
                weakref.finalize(self, _release, self._opened, self._pid).atexit = False
            return self._opened

    def below(self, path: AnyPath) -> AsyncStore:
        """Return a store that holds a folder and nothing else: on a local disk no link leads out of it."""
        if self.location.is_local:
            # The folder is there: a reader has found the metadata in it.
            return AsyncStore(AsyncLocalBackend(os.path.join(str(self.location.root), self.key(path))))
        key = self.key(path)
        return self.store.child(key) if key else self.store

    def _open_store(self) -> AsyncStore:
        root = self.location.root
        assert root is not None
        if self.location.is_local:
            return AsyncStore(AsyncLocalBackend(root, fsync=self._durable))
        return open_async_store(root, **self._options)

    def _abandon(self) -> None:
        if self._opened is not None:
            _abandoned.append(self._opened)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_opened": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.Lock()


_abandoned: list[AsyncStore] = []
"""Stores of a parent process: closing them here would take its connections away from it."""


def _as_async(store: Any) -> AsyncStore:
    if isinstance(store, AsyncStore):
        return store
    if isinstance(store, Store):
        return AsyncStore(store._backend, store._root)
    raise TypeError(f"store must be a Store or an AsyncStore, not {type(store).__name__}")


def _release(store: AsyncStore, pid: int) -> None:
    if pid == os.getpid():
        _portal.loop_thread().spawn(store.aclose)


async def _close_all() -> None:
    for access in list(_open):
        if access._opened is not None and access._pid == os.getpid():
            await access._opened.aclose()


@atexit.register
def _at_exit() -> None:
    _portal.close(_close_all, END_SECONDS, for_good=False)

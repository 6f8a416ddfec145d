# Generated from remote_store/_store/_async/registry.py by tools/gen_sync.py. Edit that file.
"""Registry: an application's stores by name, over backends that they share (CONTRACT 118 to 121)."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from ..._contract._sync.backend import Backend
from ..._core.config import RegistryConfig, StoreProfile
from ..._core.suggest import nearest
from ..building import build
from .store import Store

__all__ = ["Registry"]

log = logging.getLogger("remote_store._store")


class Registry:
    """The stores of a configuration, by name.

    A backend is built when a store first needs it, once, and shared by all stores over it; closing one of them
    doesn't close it, closing the registry does. A store with options of its own has a backend of its own, made with
    these over the backend's. Threads may share a registry. Two are equal if their configurations are.

    Raises InvalidConfig (a ValueError) for a store over a backend that the configuration doesn't have.
    """

    def __init__(self, config: RegistryConfig | None = None) -> None:
        if config is not None and not isinstance(config, RegistryConfig):
            raise TypeError(f"config must be a RegistryConfig, as from_dict() makes one, not {type(config).__name__}")
        self._config = RegistryConfig() if config is None else config
        self._config.validate()
        # A store at the root of each backend made so far: it owns the backend.
        self._roots: dict[tuple[str, str | None], Store] = {}
        self._locks: dict[int, AbstractContextManager[bool]] = {}

    def get_store(self, name: str) -> Store:
        """Return the store with that name; no connection is made yet.

        Raises KeyError for an unknown name, with the nearest one and all there are; InvalidConfig (a ValueError) for
        a backend type or an option that can't be used. Errors of the backend's constructor come as they are.
        """
        profile = self._config.stores.get(name)
        if profile is None:
            known = sorted(self._config.stores)
            raise KeyError(f"Unknown store {name!r}.{nearest(str(name), known)} Available stores: {known}")
        with self._locked():
            root = self._root(name, profile)
        store = Store(root._backend, profile.root_path)
        store._owns_backend = False
        return store

    def _locked(self) -> AbstractContextManager[bool]:
        """Return the lock of this process: one that another thread held during a fork is never free in the child."""
        return self._locks.setdefault(os.getpid(), threading.RLock())

    def _root(self, name: str, profile: StoreProfile) -> Store:
        place = (profile.backend, name if profile.options else None)
        if place not in self._roots:
            self._roots[place] = Store(self._build(profile))
        return self._roots[place]

    def _build(self, profile: StoreProfile) -> Any:
        config = self._config.backends[profile.backend]
        retry = {} if config.retry is None else {"retry": config.retry}
        return build(config.type, {**config.options, **retry, **profile.options}, Backend)

    def close(self) -> None:
        """Close every backend made so far and forget them; the next `get_store` builds anew.

        An error doesn't keep the others open: the first is raised at the end, the rest is logged.
        """
        with self._locked():
            roots, self._roots = list(self._roots.values()), {}
        failed: list[BaseException] = []
        for root in roots:
            try:
                root.close()
            except BaseException as error:  # noqa: BLE001  # the first is raised below, a cancellation too
                failed.append(error)
        for other in failed[1:]:
            log.warning("another backend could not be closed", exc_info=other)
        if failed:
            raise failed[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Registry):
            return NotImplemented
        return self._config == other._config

    def __hash__(self) -> int:
        # Equal registries still have backends of their own, and a configuration holds dicts (CONTRACT 121).
        return object.__hash__(self)

    def __reduce__(self) -> tuple[type[Self], tuple[RegistryConfig]]:
        return (type(self), (self._config,))

    def __repr__(self) -> str:
        return f"Registry(stores={sorted(self._config.stores)})"

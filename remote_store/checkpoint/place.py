"""Where a checkpoint lies: a path, a URL, or a key in a store that the caller has."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .._contract.threads import in_thread
from .._core.errors import InvalidConfig, InvalidPath
from .._core.keys import normalize
from .._core.urls import ParsedUrl, parse_url
from .._store._async.store import AsyncStore
from .._store.opening import open_async_store
from ..backends.local.backend import AsyncLocalBackend
from .remote import Remote, remote_of

__all__ = ["Place", "Spot", "text_of"]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that has been opened: the store's verbs, and the key there (`""` is the store's root)."""

    remote: Remote
    key: str
    local: Path | None = None
    """The same as a path, where the place is on a local disk and nothing but the path was said of it."""

    async def is_file(self) -> bool:
        """Return whether an object is there."""
        if self.local is not None:
            return await in_thread(self.local.is_file)
        return bool(self.key) and await self.remote.is_file(self.key)

    async def is_folder(self) -> bool:
        """Return whether a folder is there; on object stores, whether anything is below."""
        if self.local is not None:
            return await in_thread(self.local.is_dir)
        return await self.remote.is_folder(self.key)


class Place:
    """A place given by its text; it is opened for each operation and closed after it.

    `text` is a local path, a URL as `open_store` takes it, or, with `store`, a key in that store, which stays open.
    Local disks are written with fsync: a checkpoint is promised to be durable (DECISIONS 12).
    """

    def __init__(self, where: object, store: Any = None) -> None:
        self.text: str = text_of(where)
        self._store = store
        self._url = None if store is not None or self.text.startswith("profile:") else _checked_url(self.text)

    @property
    def is_bare(self) -> bool:
        """Whether the text ends with a slash or names the root of a store, so that no object can be meant."""
        if self._store is not None:
            return self.text.endswith("/") or not normalize(self.text)
        if self._url is None:
            return self.text.endswith("/") or "/" not in self.text
        before_options = self.text.partition("?")[0] if self._url.options else self.text
        return before_options.endswith("/") or (self._url.scheme != "file" and not self._url.path.strip("/"))

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Spot]:
        """Open the place as one that files go below."""
        path = self._local_path()
        if path is None:
            async with self._elsewhere() as spot:
                yield spot
            return
        real = await in_thread(os.path.realpath, path)
        async with _durable(real) as remote:
            yield Spot(remote, "", Path(real))

    @asynccontextmanager
    async def object(self) -> AsyncIterator[Spot]:
        """Open the place as that of one object."""
        path = self._local_path()
        if path is None:
            async with self._elsewhere() as spot:
                yield spot
            return
        # A link named as the place is followed here; the backend itself would not let it leave its root.
        parent, name = os.path.split(await in_thread(os.path.realpath, path))
        if normalize(name) != name:
            raise InvalidPath(f"{name!r} can't be the name of an object; choose another", path=path)
        async with _durable(parent) as remote:
            yield Spot(remote, name, Path(parent, name))

    @asynccontextmanager
    async def source(self) -> AsyncIterator[Spot]:
        """Open the place as whatever lies there: ask the spot what it is."""
        path = self._local_path()
        is_folder = path is not None and await in_thread(os.path.isdir, path)
        async with self.folder() if is_folder else self.object() as spot:
            yield spot

    def _local_path(self) -> str | None:
        url = self._url
        return url.path if url is not None and url.scheme == "file" and not url.options else None

    @asynccontextmanager
    async def _elsewhere(self) -> AsyncIterator[Spot]:
        if self._store is not None:
            yield Spot(remote_of(self._store), normalize(self.text))
            return
        above, name = _above(self.text, is_bare=self._url is not None and not self._url.path.strip("/"))
        async with open_async_store(above) as store:
            yield Spot(remote_of(store), name)


def text_of(where: object) -> str:
    """Return a place as text: anything with a `str`, but None and bytes, which are a TypeError."""
    if where is None or isinstance(where, (bytes, bytearray)):
        raise TypeError(f"a checkpoint's place must be a str or a path, not {type(where).__name__}")
    return os.fspath(where) if isinstance(where, os.PathLike) else str(where)


def _checked_url(text: str) -> ParsedUrl:
    url = parse_url(text)
    if url.scheme == "memory" and not url.container:
        raise InvalidConfig("a memory without a name is gone with the operation; write memory://name/folder")
    if url.scheme == "file" and url.path.startswith("~"):
        raise InvalidConfig("a leading '~' is not expanded; use os.path.expanduser, or write './~' for that name")
    return url


def _above(text: str, *, is_bare: bool) -> tuple[str, str]:
    """Return the URL of what is above, and the name below it: an object can't be the root of a store."""
    place, question, options = text.partition("?")
    above, slash, name = place.rstrip("/").rpartition("/")
    if is_bare or not slash:
        return text, ""
    return f"{above}/{question}{options}", normalize(unquote(name))


@asynccontextmanager
async def _durable(root: str) -> AsyncIterator[Remote]:
    async with AsyncStore(AsyncLocalBackend(root, fsync=True)) as store:
        yield remote_of(store)

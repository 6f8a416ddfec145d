"""Where keys are on the server: folders found once, links that lead out of the root refused."""

from __future__ import annotations

from typing import NamedTuple

import anyio

from ..._core.errors import InvalidPath
from ..._core.keys import ancestors, split
from ..._http.retrying import Fault
from . import requests
from .clients import Connection
from .errors import MISSING, escapes, exists_as_file
from .names import join, within
from .packets import Attrs
from .wire import Channel

__all__ = ["Node", "Places"]

FRESH_SECONDS = 2.0
"""How long a folder is taken to be where it was found: one REALPATH serves a burst of calls, no more."""
MAX_FOLDERS = 1000
"""Folders remembered on a connection."""


class Node(NamedTuple):
    """What is at a key: its path on the server, links resolved, and its attributes; None where nothing is."""

    path: bytes
    attrs: Attrs | None
    linked: bool = False


class Places:
    """Finds keys below `base_path`. It does not guard against links that are swapped during a call (DECISIONS 34)."""

    def __init__(self, base_path: str, label: str) -> None:
        self.base = base_path.encode()
        self.label = label

    def lexical(self, key: str) -> bytes:
        """Return the path of a key as it is written."""
        return join(self.base, key.encode()) if key else self.base

    async def root(self, connection: Connection) -> bytes:
        """Return the root without links. Raises a Fault with a code of MISSING if it is not there."""
        if connection.real_root is None:
            channel = connection.main
            found = requests.real_path(channel, self.base)
            there = requests.stat(channel, self.base)  # a server may resolve what does not exist
            await requests.attrs_of(there)
            connection.real_root = await requests.path_of(found)
        return connection.real_root

    async def folder(self, connection: Connection, key: str, path: str) -> bytes:
        """Return a folder's path without links. InvalidPath if it is outside the root; a Fault if it is not there."""
        root = await self.root(connection)
        if not key:
            return root
        now = anyio.current_time()
        known = connection.folders.get(key)
        if known is not None and now - known[0] < FRESH_SECONDS:
            return known[1]
        found = await requests.path_of(requests.real_path(connection.main, self.lexical(key)))
        if not within(found, root):
            raise escapes(path, self.label)
        if len(connection.folders) >= MAX_FOLDERS:
            connection.folders.clear()
        connection.folders[key] = (now, found)
        return found

    async def entry(self, connection: Connection, key: str, path: str) -> bytes:
        """Return the path of a key whose folder is resolved and whose last name is not."""
        if not key:
            return await self.root(connection)
        above, name = split(key)
        return join(await self.folder(connection, above, path), name.encode())

    async def find(self, connection: Connection, key: str, path: str) -> Node:
        """Return what is at a key, links followed as long as they stay inside the root (else InvalidPath)."""
        try:
            place = await self.entry(connection, key, path)
        except Fault as fault:
            if fault.code in MISSING or await self._below_a_file(connection, key, fault):
                return Node(self.lexical(key), None)
            raise
        return await self.look(connection, place, key, path)

    async def look(self, connection: Connection, place: bytes, key: str, path: str) -> Node:
        """Return what is at a place whose folder has been resolved."""
        try:
            attrs = await requests.attrs_of(requests.lstat(connection.main, place))
        except Fault as fault:
            if fault.code in MISSING or await self._below_a_file(connection, key, fault):
                return Node(place, None)
            raise
        return await self.followed(connection, place, path) if attrs.is_link else Node(place, attrs)

    async def followed(self, connection: Connection, place: bytes, path: str) -> Node:
        """Return what a link leads to; a link that leads nowhere is as good as none."""
        root = await self.root(connection)
        channel = connection.main
        try:
            target = await requests.path_of(requests.real_path(channel, place))
            if not within(target, root):
                raise escapes(path, self.label)
            return Node(target, await requests.attrs_of(requests.stat(channel, target)), linked=True)
        except Fault as fault:
            if fault.code in MISSING:
                return Node(place, None, linked=True)
            if fault.code in ("Failure", "LinkLoop"):
                raise InvalidPath(
                    f"Path goes round in symbolic links: {path}", path=path, backend=self.label
                ) from fault
            raise

    async def _below_a_file(self, connection: Connection, key: str, fault: Fault) -> bool:
        """Whether a vague refusal means that a file stands among the ancestors: OpenSSH says so, others don't."""
        if fault.code == "NotAFolder":
            return True
        return fault.code == "Failure" and await self.file_above(connection, key) is not None

    async def file_above(self, connection: Connection, key: str) -> str | None:
        """Return the topmost ancestor of a key that is no folder, None where there is none."""
        for above in ancestors(key):
            try:
                attrs = await requests.attrs_of(requests.stat(connection.main, self.lexical(above)))
            except Fault:
                return None
            if not attrs.is_folder:
                return above
        return None

    async def make_folder(self, connection: Connection, key: str, path: str) -> bytes:
        """Make a folder with those above it, as far as they are missing. InvalidPath for a file among them."""
        connection.folders.clear()
        connection.real_root = None
        try:
            here = await self.root(connection)
        except Fault as fault:
            if fault.code not in MISSING:
                raise
            await _made(connection.main, self.base)
            here = await self.root(connection)
        for above in [*ancestors(key), *([key] if key else [])]:
            here = await self._step(connection, here, above, path)
        return here

    async def _step(self, connection: Connection, here: bytes, key: str, path: str) -> bytes:
        """Go one folder down, making it if it is missing."""
        place = join(here, split(key)[1].encode())
        node = await self.look(connection, place, key, path)
        if node.attrs is None:
            if node.linked:
                raise escapes(path, self.label)
            await _made(connection.main, place)
            return place
        if not node.attrs.is_folder:
            raise exists_as_file(key, path, self.label)
        return node.path


async def _made(channel: Channel, place: bytes) -> None:
    """Make a folder, unless somebody else was first; folders above are made where they are missing."""
    try:
        await requests.mkdir(channel, place).ok()
    except Fault as fault:
        above = place.rpartition(b"/")[0]
        if fault.code in MISSING and above and above != place:
            await _made(channel, above)
            await _made(channel, place)
        elif not (await requests.attrs_of(requests.stat(channel, place))).is_folder:
            raise

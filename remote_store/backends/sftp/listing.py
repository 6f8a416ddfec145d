"""Listing folders: several at a time where the listing goes down, models made as they are taken."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain

from ..._core.errors import InvalidPath
from ..._core.keys import RemotePath, join
from ..._core.models import UNKNOWN_TIME, Fields, FileInfo, FolderEntry
from ..._http.retrying import Fault
from ..._http.together import together
from . import requests
from .clients import Connection
from .core import Core
from .errors import MISSING, VAGUE
from .names import is_hidden, key_name
from .names import join as path_join
from .packets import Attrs, Name

__all__ = ["Listed", "Walk", "children", "file_info", "listed"]

log = logging.getLogger("remote_store.sftp")

AT_A_TIME = 8
"""Folders that are read at a time in a listing that goes down, and links that are looked up."""
READ_AHEAD = 4
"""READDIR requests under way for one folder: OpenSSH answers with 100 names each."""

_warned: set[tuple[str, str]] = set()


def _modified(attrs: Attrs) -> datetime:
    return UNKNOWN_TIME if attrs.modified is None else datetime.fromtimestamp(attrs.modified, UTC)


def _extra(attrs: Attrs) -> dict[str, object]:
    extra: dict[str, object] = {}
    if attrs.mode is not None:
        extra["mode"] = attrs.mode
    if attrs.owner is not None:
        extra["uid"], extra["gid"] = attrs.owner
    if attrs.accessed is not None:
        extra["accessed_at"] = datetime.fromtimestamp(attrs.accessed, UTC)
    return extra


FIELDS: Fields = {"modified_at": _modified, "etag": lambda _: None, "extra": _extra}


def file_info(key: str, attrs: Attrs) -> FileInfo:
    """Return what is known of a file; `extra` has mode, uid, gid and the time of the last access."""
    path = RemotePath._trusted(key)
    return FileInfo(path, path.name, attrs.size or 0, _modified(attrs), extra=_extra(attrs))


@dataclass
class Listed(Collection[FileInfo]):
    """What is in a folder: files, names of subfolders, which of those are links; as a collection that of the files."""

    key: str
    files: list[tuple[str, Attrs]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    linked: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.files)

    def __contains__(self, entry: object) -> bool:
        return any(entry == info for info in self)

    def __iter__(self) -> Iterator[FileInfo]:
        for name, attrs in self.files:
            yield FileInfo.deferred(self.key, name, attrs.size or 0, attrs, FIELDS)

    def entries(self) -> list[FolderEntry]:
        """Return the subfolders."""
        return [FolderEntry(RemotePath._trusted(join(self.key, name)), name) for name in self.folders]


async def names_in(connection: Connection, place: bytes) -> list[Name]:
    """Return all that is in a folder, but itself and the one above."""
    channel = connection.main
    handle = await requests.opened(requests.open_folder(channel, place))
    found: list[Name] = []
    replies = deque(requests.read_folder(channel, handle) for _ in range(READ_AHEAD))
    try:
        while True:
            found += await requests.names_of(replies.popleft())
            replies.append(requests.read_folder(channel, handle))
    except Fault as fault:
        if fault.code != "EndOfFile":
            raise
    finally:
        if not channel.lost:
            requests.close(channel, handle)
    return [entry for entry in found if entry.name not in (b".", b"..")]


async def listed(core: Core, key: str, path: str) -> Listed | None:
    """Return what is in a folder, None for what is no folder."""
    return await core.run(lambda connection: _listed(core, connection, key, path))


async def _listed(core: Core, connection: Connection, key: str, path: str) -> Listed | None:
    try:
        place = await core.places.folder(connection, key, path)
        names = await names_in(connection, place)
    except Fault as fault:
        if fault.code in MISSING or fault.code in VAGUE:
            node = await core.places.find(connection, key, path)
            if node.attrs is None or not node.attrs.is_folder:
                return None
        raise
    result = Listed(key)
    for name, attrs in names:
        await _add(core, connection, result, place, name, attrs)
    await together([partial(_add_link, core, connection, result, name, path) for name in result.links], AT_A_TIME)
    return result


async def _add(core: Core, connection: Connection, result: Listed, place: bytes, raw: bytes, attrs: Attrs) -> None:
    name = key_name(raw)
    if name is None or is_hidden(raw):
        _leave_out(core, result.key, raw)
        return
    if attrs.mode is None:
        try:
            attrs = await requests.attrs_of(requests.lstat(connection.main, path_join(place, raw)))
        except Fault as fault:
            if fault.code in MISSING:
                return  # deleted since the folder was read
            raise
    if attrs.is_folder:
        result.folders.append(name)
    elif attrs.is_link:
        result.links.append(name)
    elif attrs.is_file:
        result.files.append((name, attrs))


async def _add_link(core: Core, connection: Connection, result: Listed, name: str, path: str) -> None:
    """Count a link as what it leads to; one that leads nowhere or out of the root is left out."""
    key = join(result.key, name)
    try:
        attrs = (await core.places.find(connection, key, path)).attrs
    except InvalidPath:
        return
    if attrs is None:
        return
    if attrs.is_folder:
        result.folders.append(name)
        result.linked.add(name)
    elif attrs.is_file:
        result.files.append((name, attrs))


def _leave_out(core: Core, key: str, raw: bytes) -> None:
    """Say once a folder that it has names which can't be keys; files being written are nobody's business."""
    place = (core.places.lexical(key).decode(), key)
    if not is_hidden(raw) and place not in _warned:
        _warned.add(place)
        log.warning("Left out of listings: a name that can't be a key (no UTF-8, or a backslash), in folder %r", key)


class Walk:
    """Reads a folder and those below it, `AT_A_TIME` at a time, `max_depth` levels down. Linked folders are not entered."""

    def __init__(self, core: Core, key: str, path: str, max_depth: int | None) -> None:
        self._core = core
        self._path = path
        self._max_depth = max_depth
        self._waiting = deque([(key, 0)])

    async def next(self) -> list[Listed] | None:
        """Return what is in the next folders, None at the end."""
        if not self._waiting:
            return None
        batch = [self._waiting.popleft() for _ in range(min(AT_A_TIME, len(self._waiting)))]
        found: list[Listed] = []

        async def one(key: str, depth: int) -> None:
            result = await listed(self._core, key, self._path)
            if result is None:
                return
            found.append(result)
            if self._max_depth is None or depth < self._max_depth:
                self._waiting.extend(
                    (join(key, name), depth + 1) for name in result.folders if name not in result.linked
                )

        await together([partial(one, key, depth) for key, depth in batch], AT_A_TIME)
        return found

    async def files(self) -> Iterator[FileInfo] | None:
        """Return the files in the next folders, None at the end."""
        found = await self.next()
        return None if found is None else chain.from_iterable(found)


async def children(core: Core, key: str, path: str) -> list[FileInfo | FolderEntry]:
    """Return the files and the subfolders of a folder, read in one pass."""
    result = await listed(core, key, path)
    return [] if result is None else [*result, *result.entries()]
